"""Lookups under ten times the load that a gateway can bear, beside half of what it can.

First the rate is found at which it answers 64 callers who wait (the capacity). Then a flood comes
that does not wait: h2load sends at a fixed rate on connections of its own, at a lower priority,
because no client in Python can send ten times what a gateway answers. Beside it clinics ask for
other people, few and at random moments, from a process of its own; theirs are the times and the
outcomes that are told here. The flood's own share of refusals follows from the bytes of its
answers, for an answer to it always has the same size, and a refusal has none. When the flood ends
its clients go away, and the clinics stay on. Where the gateway limits the streams
of a connection, the flood is offered whole but held back in its clients: h2load does not tell.
"""

import asyncio
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tests.benchmarks.arrivals import ANSWERED, DEADLINE_S, REFUSED, REFUSED_BARE, Arrival, arrivals
from tests.benchmarks.calls import LOOKUP, lookup_message
from tests.benchmarks.figures import Figure, in_turns, p50_p99_ms
from tests.benchmarks.h2load import Concurrency, Load, answer_bytes, flood_rpc, load_rpc
from tests.benchmarks.ledgers import fill_ledgers
from tests.benchmarks.people import people
from tests.benchmarks.processes import rss_mib
from tests.benchmarks.subject import Subject

PEOPLE = 20_000
CALLERS = Concurrency(8, 8)
CAPACITY_LOOKUPS = 10_000
TURNS = 3
CALM, OVER = 0.5, 10.0
"""By the capacity."""
CLINICS_RATE = 100
FLOOD_CONNECTIONS = 16
QUIET_S = 3
FLOOD_S = 6
RISES_S = 1.0
"""From the flood's beginning until it counts."""
RECOVERY_S = 2.0
"""From the flood's end until the gateway is to be as it was."""
SLOWER_AIM = 3


@dataclass(frozen=True, slots=True)
class _Seen:
    """What clinics and the flood saw, before, during and after it."""

    before: list[Arrival]
    during: list[Arrival]
    after: list[Arrival]
    flood: Load
    flood_answered: int
    """The others that were done were refused; those that were not done had no answer at all."""
    rss_mib: float
    """The gateway's memory when the flood ends."""


async def measure_overload(subject: Subject) -> list[Figure]:
    """Return the p99 of answered lookups under overload and the p50 after it, with refusals."""
    await fill_ledgers(subject, PEOPLE)
    message = lookup_message(next(people()).iin)
    loads = [
        await load_rpc(subject.address, LOOKUP, message, CALLERS, CAPACITY_LOOKUPS)
        for _ in range(TURNS)
    ]
    capacity = statistics.median(load.rate for load in loads)
    calm, over = [], []
    for _ in range(TURNS):
        calm.append(await _flooded(subject, message, CALM * capacity))
        over.append(await _flooded(subject, message, OVER * capacity))
    return [_slower(subject.engine, capacity, calm, over), _recovery(subject.engine, over)]


async def _flooded(subject: Subject, message: bytes, rate: float) -> _Seen:
    print(f"{subject.engine}: {rate:,.0f} lookups/s", file=sys.stderr)
    size = await answer_bytes(subject.address, LOOKUP, message)
    async with arrivals(subject.address, PEOPLE, CLINICS_RATE) as seen:
        await asyncio.sleep(QUIET_S)
        begins = time.time()
        flood = await flood_rpc(
            subject.address,
            LOOKUP,
            message,
            rate=rate - CLINICS_RATE,
            seconds=FLOOD_S,
            connections=FLOOD_CONNECTIONS,
        )
        ends, memory_mib = time.time(), rss_mib(subject.process)
        await asyncio.sleep(RECOVERY_S + QUIET_S)
    return _Seen(
        [each for each in seen if each.at_s < begins],
        [each for each in seen if begins + RISES_S <= each.at_s < begins + FLOOD_S],
        [each for each in seen if each.at_s >= ends + RECOVERY_S],
        flood,
        flood.data_bytes // size,
        memory_mib,
    )


def _times_s(some: Sequence[Arrival]) -> list[float]:
    """Return how long answered lookups took; the deadline if none was answered."""
    return [each.seconds for each in some if each.outcome == ANSWERED] or [DEADLINE_S]


def _slower(engine: str, capacity: float, calm: list[_Seen], over: list[_Seen]) -> Figure:
    outcomes = Counter(each.outcome for seen in over for each in seen.during)
    count = outcomes.total()
    offered = sum(seen.flood.offered for seen in over)
    answered = sum(seen.flood_answered for seen in over)
    numbers = {
        "capacity_per_s": capacity,
        "offered_by_capacity": offered / (TURNS * FLOOD_S) / capacity,
        "answered_share": outcomes[ANSWERED] / count,
        "refused_share": (outcomes[REFUSED] + outcomes[REFUSED_BARE]) / count,
        "flood_answered_share": answered / offered,
        "flood_refused_share": (sum(seen.flood.done for seen in over) - answered) / offered,
        "rss_mib": max(seen.rss_mib for seen in over),
    }
    odd = [f"{outcomes[name]} {name}" for name in sorted({*outcomes} - {ANSWERED, REFUSED})]
    return in_turns(
        "overload_p99",
        engine,
        "ms",
        [p50_p99_ms(_times_s(seen.during))[1] for seen in over],
        [p50_p99_ms(_times_s(seen.during))[1] for seen in calm],
        f"at {OVER:.0f} x the capacity of {capacity:,.0f}/s ({numbers['offered_by_capacity']:.1f} x"
        f" offered): answered {numbers['answered_share']:.1%} of {count:,}, refused"
        f" {numbers['refused_share']:.1%}; of the flood answered"
        f" {numbers['flood_answered_share']:.1%}, refused {numbers['flood_refused_share']:.1%};"
        f" neither answered nor refused with RetryInfo: {', '.join(odd) or 'none'};"
        f" memory {numbers['rss_mib']:,.0f} MiB; control: at {CALM} x; aim at most {SLOWER_AIM}",
        numbers,
    )


def _recovery(engine: str, over: list[_Seen]) -> Figure:
    answered = [each.outcome == ANSWERED for seen in over for each in seen.after]
    return in_turns(
        "recovery_p50",
        engine,
        "us",
        [p50_p99_ms(_times_s(seen.after))[0] * 1e3 for seen in over],
        [p50_p99_ms(_times_s(seen.before))[0] * 1e3 for seen in over],
        f"from {RECOVERY_S:.0f} s after the flood on, {sum(answered) / len(answered):.0%} answered;"
        " control: before it",
    )
