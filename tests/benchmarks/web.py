"""Lookups beside those of a web service as people make them, on the same core and store."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.benchmarks.calls import LOOKUP, lookup_message
from tests.benchmarks.data import SERVICE_DATE
from tests.benchmarks.figures import Figure, in_turns
from tests.benchmarks.h2load import Concurrency, load_http1, load_rpc
from tests.benchmarks.processes import check_cores, pinned
from tests.benchmarks.subject import Subject, gateway_core

TURNS = 5
REQUESTS = 5_000
STREAMS = Concurrency(8, 8)
CONNECTIONS = 64
STRIDE_PEOPLE = 7_919
CONTROLS = {
    "lookup_by_fastapi": ("/lookups/{iin}?service_date=" + SERVICE_DATE, "the same decision"),
    "lookup_by_fastapi_read": ("/paid/{iin}", "a read and no decision"),
}
"""What the web service is asked for, and what it does for it."""
FASTER_AIM = 2.5


async def measure_web(subject: Subject, people: list[str]) -> list[Figure]:
    """Return lookups a second beside the web service's, both by h2load, 64 at a time."""
    rates: list[float] = []
    controls: dict[str, list[float]] = {name: [] for name in CONTROLS}
    with _web_service(subject.store) as address:
        for turn in range(TURNS):
            iin = people[turn * STRIDE_PEOPLE % len(people)]
            message = lookup_message(iin)
            load = await load_rpc(subject.address, LOOKUP, message, STREAMS, REQUESTS)
            rates.append(load.rate)
            for name, (path, _) in CONTROLS.items():
                url = f"http://{address}{path.format(iin=iin)}"
                load = await load_http1(url, CONNECTIONS, REQUESTS)
                controls[name].append(load.rate)
    return [
        in_turns(
            name,
            subject.engine,
            "lookups/s",
            rates,
            controls[name],
            f"control: FastAPI, {what}; aim {FASTER_AIM}",
        )
        for name, (_, what) in CONTROLS.items()
    ]


@contextmanager
def _web_service(store: str) -> Iterator[str]:
    """Serve a store from the gateway's core."""
    with pinned(gateway_core()):
        service = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.fastapi_control", store],
            stdout=subprocess.PIPE,
            text=True,
        )
    with service:
        try:
            assert service.stdout is not None
            address = service.stdout.readline().strip()
            if not address:
                raise RuntimeError("the web service did not start")
            check_cores(service.pid, {gateway_core()})
            yield address
        finally:
            service.terminate()
