"""Local states beside a gateway that is killed and comes back."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from osms.values import ALMATY
from osms_client import (
    Eligibility,
    Gateway,
    LocalState,
    LocalStates,
    PaymentRow,
    Purpose,
    RegisterTotals,
    RetryLaterError,
    Status,
)
from tests.integration.gateways import serving
from tests.integration.history import AMOUNT_TIYN, months, one_row
from tests.integration.people import new_iin

WAITS_S = 15.0
MIDNIGHT = datetime(2026, 2, 26, tzinfo=ALMATY)
"""Then who paid all of 2025 falls into arrears, and is insured by retention alone."""
EVENING = MIDNIGHT - timedelta(seconds=4)


def test_a_desk_goes_on_through_an_outage(prepared_store: Path, tmp_path: Path) -> None:
    """It says as of when, lets no status live beyond its last day, and catches up by itself."""
    iin, other = new_iin(), new_iin()
    with (
        serving(prepared_store, tmp_path, clock=EVENING) as running,
        Gateway(running.target) as sdk,
        LocalStates(sdk, iins=[iin, other]) as states,
    ):
        states.wait_until_ready(WAITS_S)
        assert states.get(iin).status is Status.UNKNOWN_CONSUMER
        pay(sdk, iin)
        until(lambda: states.get(iin).status is Status.INSURED)
        assert isinstance(states.lookup(iin, purpose=Purpose.RECEPTION), Eligibility)

        running.process.kill()
        running.process.wait()
        local = states.lookup(iin, purpose=Purpose.RECEPTION)
        assert isinstance(local, LocalState)
        assert (local.status, local.as_of) == (Status.INSURED, EVENING)
        until(lambda: states.get(iin).status is None)
        assert states.get(iin).unknown_since == MIDNIGHT.date()
        with pytest.raises(RetryLaterError):
            states.lookup(iin, purpose=Purpose.RECEPTION)
        assert states.get(other).status is Status.UNKNOWN_CONSUMER

        running.set_clock(MIDNIGHT + timedelta(hours=9))
        running.start()
        until(lambda: states.get(iin).status is Status.INSURED_RETENTION)
        pay(sdk, other)
        until(lambda: states.get(other).status is Status.INSURED_RETENTION)
        until(lambda: states.get(iin).as_of == MIDNIGHT + timedelta(hours=9))


def pay(sdk: Gateway, iin: str) -> None:
    """Let a person pay all of 2025 by one register."""
    rows = [
        PaymentRow(line_no=number, iin=iin, period=period, amount_tiyn=AMOUNT_TIYN)
        for number, period in enumerate(months("2025-01", "2025-12"), 1)
    ]
    total = RegisterTotals(people=1, documents=1, amount_tiyn=AMOUNT_TIYN * len(rows))
    register = one_row(iin, "2025-12", date(2026, 1, 10))
    list(sdk.ingest([replace(register, rows=rows, declared=total)]))


def until(seen: Callable[[], bool]) -> None:
    """Wait until something is so."""
    give_up_at = time.monotonic() + WAITS_S
    while not seen():
        assert time.monotonic() < give_up_at
        time.sleep(0.02)
