"""What identities, rights, quotas, the access log and TLS cost, beside the bare servicer.

In one run, in one process and in turns: the servicer alone; the same behind identities, rights and
quotas; the contract, whose answers wait for the access log; and the contract by TLS with the
certificate of a client. All are asked through a proxy, for h2load shows no certificates: by how
much it bounds the rates, an RPC that asks nothing tells, through it and without it. The machine's
other work does not show in the CPU time of the gateway, the second measure. It is taken until the
access log of a turn lies in the store, and half of a second longer.
"""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from tests.benchmarks.bare import BARE, UNWRITTEN
from tests.benchmarks.calls import LOOKUP, lookup_message
from tests.benchmarks.figures import Figure, in_turns
from tests.benchmarks.h2load import Concurrency, load_rpc
from tests.benchmarks.lookups import EMPTY
from tests.benchmarks.processes import cpu_s
from tests.benchmarks.proxy import Proxy, proxied
from tests.benchmarks.subject import Subject

TURNS = 7
LOADS = {"c64": (Concurrency(8, 8), 5_000), "c1": (Concurrency(1, 1), 1_500)}
"""How many ask at a time, and how often in a turn."""
CLIENT = "developer"
"""Who asks by TLS: the client that those are who come by plain text."""
STRIDE_PEOPLE = 7_919
SHIPPED_IN_S = 1.5
"""The access log goes into the store within a second."""
AIMS = {"c64": "; aim 0.70", "c1": ""}
"""One alone waits for a disk with each question."""


@dataclass(slots=True)
class _Turns:
    """What each turn of one step gave."""

    rates: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    """CPU time of the gateway for each call."""


async def measure_cost(subject: Subject, people: list[str]) -> list[Figure]:
    """Return the rates of whole lookups beside bare ones, and of the steps between them."""
    figures = []
    async with _proxies(subject) as (plain, tls):
        steps = {
            "bare": (plain, BARE),
            "rights": (plain, UNWRITTEN),
            "log": (plain, LOOKUP),
            "tls": (tls, LOOKUP),
        }
        for load, (concurrency, requests) in LOADS.items():
            turns = {step: _Turns() for step in steps}
            for turn in range(TURNS):
                message = lookup_message(people[turn * STRIDE_PEOPLE % len(people)])
                for step, (proxy, path) in steps.items():
                    before_s = cpu_s(subject.process)
                    seen = await load_rpc(proxy.address, path, message, concurrency, requests)
                    await asyncio.sleep(SHIPPED_IN_S)
                    used_s = cpu_s(subject.process) - before_s
                    turns[step].rates.append(seen.rate)
                    turns[step].cpu_us.append(used_s / requests * 1e6)
            figures += _figures(subject.engine, load, turns)
            figures.append(await _bound(subject, plain, load))
    return figures


@asynccontextmanager
async def _proxies(subject: Subject) -> AsyncIterator[tuple[Proxy, Proxy]]:
    """Have a proxy before each door, with plain text and with a certificate."""
    identity = subject.identities / "clients" / CLIENT
    async with AsyncExitStack() as stack:
        plain = await stack.enter_async_context(proxied(subject.address))
        yield plain, await stack.enter_async_context(proxied(subject.tls_address, identity))


def _figures(engine: str, load: str, turns: dict[str, _Turns]) -> list[Figure]:
    pairs = {
        f"cost_{load}": ("tls", "bare", f"all of it; control: nothing of it{AIMS[load]}"),
        f"cost_{load}_rights": ("rights", "bare", "identities, rights, quotas; control: without"),
        f"cost_{load}_log": ("log", "rights", "and the access log; control: without"),
        f"cost_{load}_tls": ("tls", "log", "and TLS with certificates; control: plain text"),
    }
    return [
        _figure(engine, name, turns[step], turns[control], note)
        for name, (step, control, note) in pairs.items()
    ]


def _figure(engine: str, name: str, step: _Turns, control: _Turns, note: str) -> Figure:
    cpu_us, control_us = statistics.median(step.cpu_us), statistics.median(control.cpu_us)
    inverse = statistics.median(c / s for s, c in zip(step.cpu_us, control.cpu_us, strict=True))
    return in_turns(
        name,
        engine,
        "lookups/s",
        step.rates,
        control.rates,
        f"{note}; CPU a call {cpu_us:.0f} us, control {control_us:.0f} us ({inverse:.2f})",
        {"cpu_us": cpu_us, "control_cpu_us": control_us, "cpu_ratio": inverse},
    )


async def _bound(subject: Subject, proxy: Proxy, load: str) -> Figure:
    """Return the rate of an RPC that asks nothing, through a proxy and without it."""
    concurrency, requests = LOADS[load]
    message = lookup_message("900101390002")
    through: list[float] = []
    direct: list[float] = []
    busy: list[float] = []
    for _ in range(TURNS):
        direct.append((await load_rpc(subject.address, EMPTY, message, concurrency, requests)).rate)
        before_s, started = cpu_s(proxy.process), time.perf_counter()
        through.append((await load_rpc(proxy.address, EMPTY, message, concurrency, requests)).rate)
        elapsed_s = time.perf_counter() - started
        busy.append((cpu_s(proxy.process) - before_s) / elapsed_s)
    share = statistics.median(busy)
    return in_turns(
        f"proxy_{load}",
        subject.engine,
        "calls/s",
        through,
        direct,
        f"asks nothing, through the proxy, which takes {share:.0%} of its core; control: directly",
        {"proxy_core_share": share},
    )
