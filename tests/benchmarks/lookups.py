"""Lookups of one person at a time, beside an RPC that asks nothing, on the same server.

h2load gives the rates: its clients leave the other core idle enough. A client in Python is the
second view: it bounds the rates itself, but asks for other people all the time.
"""

from tests.benchmarks.calls import LOOKUP, ask, lookup_message
from tests.benchmarks.figures import Figure, in_turns, p50_p99_ms
from tests.benchmarks.h2load import Concurrency, load_rpc
from tests.benchmarks.server import SERVICE
from tests.benchmarks.subject import Subject

TURNS = 5
EMPTY = f"/{SERVICE}/Lookup"
LOADS = {
    "c64": (Concurrency(8, 8), 10_000, 0.80),
    "c1": (Concurrency(1, 1), 3_000, 0.60),
}
"""How h2load asks: how many at a time, how often in a turn, and the ratio aimed at."""
VARIED_LOOKUPS = 2_000
VARIED_CONCURRENCIES = (1, 64)
STRIDE_PEOPLE = 7_919


async def measure_lookups(subject: Subject, people: list[str]) -> list[Figure]:
    """Return lookups a second, with their p50 and p99, by h2load and by a client in Python."""
    figures = [await _loaded(subject, people, load) for load in LOADS]
    requests = [
        lookup_message(people[number * STRIDE_PEOPLE % len(people)])
        for number in range(VARIED_LOOKUPS)
    ]
    figures += [await _varied(subject, requests, number) for number in VARIED_CONCURRENCIES]
    return figures


async def _loaded(subject: Subject, people: list[str], load: str) -> Figure:
    """Let h2load ask, in each turn for another person."""
    concurrency, requests, aim = LOADS[load]
    rates: list[float] = []
    empty: list[float] = []
    times_s: list[float] = []
    empty_times_s: list[float] = []
    for turn in range(TURNS):
        message = lookup_message(people[turn * STRIDE_PEOPLE % len(people)])
        control = await load_rpc(subject.address, EMPTY, message, concurrency, requests)
        lookups = await load_rpc(subject.address, LOOKUP, message, concurrency, requests)
        empty.append(control.rate)
        rates.append(lookups.rate)
        times_s += lookups.times_s
        empty_times_s += control.times_s
    return _figure(
        f"lookup_{load}", subject, rates, empty, times_s, empty_times_s, f"aim {aim:.2f}"
    )


async def _varied(subject: Subject, requests: list[bytes], concurrency: int) -> Figure:
    rates: list[float] = []
    empty: list[float] = []
    times_s: list[float] = []
    empty_times_s: list[float] = []
    async with subject.connected() as channel:
        for _ in range(TURNS):
            rate, some = await ask(channel, EMPTY, requests, concurrency)
            empty.append(rate)
            empty_times_s += some
            rate, some = await ask(channel, LOOKUP, requests, concurrency)
            rates.append(rate)
            times_s += some
    name = f"lookup_varied_c{concurrency}"
    return _figure(name, subject, rates, empty, times_s, empty_times_s, "asked in Python")


def _figure(
    name: str,
    subject: Subject,
    rates: list[float],
    empty: list[float],
    times_s: list[float],
    empty_times_s: list[float],
    note: str,
) -> Figure:
    p50_ms, p99_ms = p50_p99_ms(times_s)
    control_p50_ms, control_p99_ms = p50_p99_ms(empty_times_s)
    return in_turns(
        name,
        subject.engine,
        "lookups/s",
        rates,
        empty,
        f"p50 {p50_ms:.2f} ms, p99 {p99_ms:.2f} ms; control {control_p50_ms:.2f},"
        f" {control_p99_ms:.2f}; {note}",
        {
            "p50_ms": p50_ms,
            "p99_ms": p99_ms,
            "control_p50_ms": control_p50_ms,
            "control_p99_ms": control_p99_ms,
        },
    )
