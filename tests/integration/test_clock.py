"""What changes by the passing of time alone."""

from datetime import date, datetime, timedelta

import pytest

from osms.values import ALMATY
from osms_client import Gateway, InvalidRequestError, NextStepCode, Purpose, Reason, Status
from osms_client.testing import RunningGateway
from tests.integration.gateways import NOW
from tests.integration.history import History, one_row
from tests.integration.lives import SENDERS
from tests.integration.people import new_iin


def test_answers_follow_the_clock_without_any_new_fact(
    gateway: RunningGateway, sdk: Gateway
) -> None:
    """Today is Almaty's; what was fresh becomes late to the second; the window moves by days."""
    history = History(gateway, sdk)
    today = NOW.date()
    iin = new_iin()
    for sender in SENDERS:
        history.reports(sender, today)
    history.on(today, lambda: list(sdk.ingest([one_row(iin, "2024-06", today)])))
    history.play(today)

    def answer() -> tuple[date, NextStepCode, int]:
        told = sdk.lookup(iin, purpose=Purpose.RECEPTION)
        assert told.status is Status.NOT_INSURED
        return told.service_date, told.next_step.code, len(told.stale_sources)

    delivered = datetime(2026, 1, 15, 12, tzinfo=ALMATY)
    fresh, late = NextStepCode.START_PAYING, NextStepCode.ASK_FUND
    for instant, expected in (
        (delivered + timedelta(seconds=1), (date(2026, 1, 15), fresh, 0)),
        (datetime(2026, 1, 15, 23, 59, 59, tzinfo=ALMATY), (date(2026, 1, 15), fresh, 0)),
        (datetime(2026, 1, 16, 0, 0, tzinfo=ALMATY), (date(2026, 1, 16), fresh, 0)),
        (delivered + timedelta(hours=35, minutes=59), (date(2026, 1, 16), fresh, 0)),
        (delivered + timedelta(hours=36, minutes=1), (date(2026, 1, 17), late, len(SENDERS))),
    ):
        gateway.set_clock(instant)
        assert answer() == expected
    assert {feed.stale for feed in sdk.list_sources() if feed.feed == "REGISTERS"} == {False}
    gateway.set_clock(delivered + timedelta(hours=72, minutes=1))
    assert {feed.stale for feed in sdk.list_sources()} == {True}

    for now, last in (
        (datetime(2026, 1, 31, 23, 59, tzinfo=ALMATY), date(2027, 1, 31)),
        (datetime(2026, 2, 1, 0, 0, tzinfo=ALMATY), date(2027, 2, 1)),
        (datetime(2028, 2, 29, 9, 0, tzinfo=ALMATY), date(2029, 2, 28)),
    ):
        gateway.set_clock(now)
        sdk.lookup(iin, purpose=Purpose.RECEPTION, service_date=last)
        with pytest.raises(InvalidRequestError) as caught:
            sdk.lookup(iin, purpose=Purpose.RECEPTION, service_date=last + timedelta(days=1))
        assert caught.value.reason == Reason.SERVICE_DATE_OUT_OF_RANGE
        assert caught.value.metadata["last_date"] == last.isoformat()
