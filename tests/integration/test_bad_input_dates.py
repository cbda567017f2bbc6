"""Days and months that do not exist, are written in another way, or lie out of range."""

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from osms.v1 import category_service_pb2 as category_pb
from osms.v1 import consumer_service_pb2 as consumer_pb
from osms.v1 import core_pb2, error_reason_pb2
from osms.v1 import payment_service_pb2 as payment_pb
from osms_client.testing import RunningGateway
from tests.integration import feeds, lookups, registers
from tests.integration.people import new_iin
from tests.integration.wire import DEADLINE_S, Stubs, failure_of

FIRST_DAY, LAST_DAY = "2020-01-01", "2027-01-15"
"""The window of service dates on 15 January 2026."""

NO_DATES = (
    "2025-02-30",
    "2026-13-01",
    "2026-00-10",
    "2026-01-00",
    "2025-02-29",
    "01.03.2026",
    "2026-3-1",
    "20260301",
    "2026/03/01",
    "2026-03-01T00:00:00",
    " 2026-03-01",
    "２０２６-03-01",
    "tomorrow",
)
NO_MONTHS = ("2025-13", "2025-00", "2025-1", "202512", "122025", "2025-12-01", "2025/12", "")


@pytest.fixture(scope="module")
def gateway(file_gateway: RunningGateway) -> RunningGateway:
    """Days are judged before any store is asked."""
    return file_gateway


@pytest.mark.parametrize("day", [FIRST_DAY, LAST_DAY])
def test_the_edges_of_the_window_are_answered(stubs: Stubs, day: str) -> None:
    """The first and the last day that may be asked about get an answer for that very day."""
    assert lookups.look_up(stubs, new_iin(), service_date=day).service_date == day


@pytest.mark.parametrize("day", ["2019-12-31", "2027-01-16", "0001-01-01", "9999-12-31"])
def test_a_day_outside_the_window_is_refused_with_the_window(stubs: Stubs, day: str) -> None:
    """SERVICE_DATE_OUT_OF_RANGE says which days may be asked about."""
    failure = failure_of(lambda: lookups.look_up(stubs, new_iin(), service_date=day))
    assert failure.status is grpc.StatusCode.INVALID_ARGUMENT
    assert failure.reason == "SERVICE_DATE_OUT_OF_RANGE"
    assert failure.metadata == {"first_date": FIRST_DAY, "last_date": LAST_DAY}
    assert list(failure.violations) == ["service_date"]


def test_an_empty_service_date_means_today(stubs: Stubs) -> None:
    """Without a service date the answer is for the clock's day in Almaty."""
    assert lookups.look_up(stubs, new_iin()).service_date == "2026-01-15"


@pytest.mark.parametrize("text", NO_DATES)
def test_a_service_date_that_is_no_date_is_refused(stubs: Stubs, text: str) -> None:
    """A day that does not exist, or in another form, is INVALID_REQUEST and never guessed at."""
    failure = failure_of(lambda: lookups.look_up(stubs, new_iin(), service_date=text))
    assert failure.status is grpc.StatusCode.INVALID_ARGUMENT
    assert failure.reason == "INVALID_REQUEST"
    assert list(failure.violations) == ["service_date"]


def test_a_day_written_as_a_week_is_no_date(stubs: Stubs) -> None:
    """`2025-W40-1` is ten characters long and a day to some parsers, but not to the contract."""
    text = "2025-W40-1"
    result = registers.ingest_one(stubs, registers.register(registers.row(), received_on=text))
    synced = feeds.send_delta(stubs, feeds.record(new_iin(), assigned_on=text))
    assert result.field == "received_on"
    assert [r.field for r in synced.rejected] == ["assigned_on"]
    failure = failure_of(lambda: lookups.look_up(stubs, new_iin(), service_date=text))
    assert failure.reason == "INVALID_REQUEST"


def test_items_of_a_batch_carry_their_own_date_errors(stubs: Stubs) -> None:
    """A wrong day in one item leaves the others answered, with the reason in its place."""
    days = ["", "2019-12-31", "2025-02-30", "2025-02-28"]
    request = consumer_pb.BatchLookupConsumersRequest(
        options=consumer_pb.LookupOptions(
            purpose=core_pb2.PURPOSE_BILLING, service_date="2025-06-01"
        ),
        items=[consumer_pb.LookupItem(iin=new_iin(), service_date=day) for day in days],
    )
    results = stubs.consumers.BatchLookupConsumers(request, timeout=DEADLINE_S).results
    assert results[0].eligibility.service_date == "2025-06-01"
    assert results[1].error.reason == error_reason_pb2.ERROR_REASON_SERVICE_DATE_OUT_OF_RANGE
    assert results[2].error.reason == error_reason_pb2.ERROR_REASON_INVALID_REQUEST
    assert results[1].error.field == results[2].error.field == "service_date"
    assert results[3].eligibility.service_date == "2025-02-28"


def test_everything_wrong_with_a_question_is_said_at_once(stubs: Stubs) -> None:
    """One refusal lists every violation with its field, so that nobody mends them one by one."""
    request = consumer_pb.LookupConsumerRequest(
        iin="900101390003",
        service_date="2025-02-30",
        known=core_pb2.KnowledgeTime(on="2026-13-01"),
        case_reference="x" * 65,
        birth_date="1990-02-30",
        surname="й" * 201,
        at_least_revision=-1,
        language=99,  # type: ignore[arg-type] # a number that the contract does not name
    )
    failure = failure_of(lambda: stubs.consumers.LookupConsumer(request, timeout=DEADLINE_S))
    assert failure.status is grpc.StatusCode.INVALID_ARGUMENT
    assert failure.reason == "INVALID_REQUEST"
    assert set(failure.violations) == {
        "iin",
        "service_date",
        "known.on",
        "case_reference",
        "birth_date",
        "surname",
        "at_least_revision",
        "language",
        "purpose",
    }
    assert failure.metadata == {"field_violations": "9"}


def test_everything_wrong_with_a_sync_header_is_said_at_once(stubs: Stubs) -> None:
    """A header with several errors is refused with all of them, before any record is read."""
    header = category_pb.SyncHeader(as_of="2026-02-30", delta_number=-1, declared_records=-1)
    failure = failure_of(lambda: feeds.send(stubs, header, []))
    assert failure.status is grpc.StatusCode.INVALID_ARGUMENT
    assert set(failure.violations) == {
        "header.sender",
        "header.kind",
        "header.as_of",
        "header.delta_number",
        "header.declared_records",
    }


@pytest.mark.parametrize(
    "known",
    [
        core_pb2.KnowledgeTime(on="2026-01-16"),
        core_pb2.KnowledgeTime(at=Timestamp(seconds=1_800_000_000)),
        core_pb2.KnowledgeTime(revision=1_000_000),
    ],
    ids=["a day", "an instant", "a revision"],
)
def test_what_will_be_known_later_cannot_be_asked_for(
    stubs: Stubs, known: core_pb2.KnowledgeTime
) -> None:
    """A knowledge time in the future is refused with the present."""
    failure = failure_of(lambda: lookups.look_up(stubs, new_iin(), known=known))
    assert failure.status is grpc.StatusCode.INVALID_ARGUMENT
    assert failure.reason == "KNOWN_AT_IN_FUTURE"
    assert failure.metadata["now"].startswith("2026-01-15T04:00:00")


def test_a_knowledge_time_and_a_revision_to_wait_for_exclude_each_other(stubs: Stubs) -> None:
    """Asking for the past and for "after my payment" at once is refused."""
    known = core_pb2.KnowledgeTime(on="2026-01-01")
    failure = failure_of(
        lambda: lookups.look_up(stubs, new_iin(), known=known, at_least_revision=1)
    )
    assert failure.reason == "INVALID_REQUEST"
    assert list(failure.violations) == ["at_least_revision"]


@pytest.mark.parametrize("text", [*NO_DATES, "", "2026-01-16", "2017-06-30"])
def test_a_register_needs_a_day_on_which_it_can_have_been_received(stubs: Stubs, text: str) -> None:
    """No date, tomorrow, or a day before contributions began: refused whole, reference free."""
    sent = registers.register(registers.row(), received_on=text)
    result = registers.ingest_one(stubs, sent)
    assert result.outcome == payment_pb.REGISTER_OUTCOME_REFUSED
    assert result.refusal == payment_pb.REGISTER_REFUSAL_INVALID
    assert result.field == "received_on"
    mended = registers.changed(sent, received_on="2026-01-15")
    result = registers.ingest_one(stubs, mended)
    assert result.outcome == payment_pb.REGISTER_OUTCOME_COMMITTED


def test_rows_for_months_that_do_not_exist_or_lie_out_of_range_are_suspended(
    stubs: Stubs,
) -> None:
    """Months from 2017-07 to 24 months after receipt count; all others wait in suspense."""
    good = ["2017-07", "2028-01"]
    out_of_range = ["2017-06", "2028-02", "1999-12", "9999-12"]
    periods = [*good, *out_of_range, *NO_MONTHS, "2025-W1", "２０２５-12"]
    rows = [registers.row(number, period=period) for number, period in enumerate(periods, start=1)]
    result = registers.ingest_one(stubs, registers.register(*rows))
    issues = {line.line_no: line.issue for line in result.suspended_lines}
    assert result.accepted.rows == len(good)
    assert {line.field for line in result.suspended_lines} == {"period"}
    for number, period in enumerate(periods, start=1):
        if period in out_of_range:
            assert issues[number] == payment_pb.LINE_ISSUE_PERIOD_OUT_OF_RANGE
        elif period not in good:
            assert issues[number] == payment_pb.LINE_ISSUE_PERIOD_MALFORMED


def test_records_with_days_that_do_not_exist_are_rejected(stubs: Stubs) -> None:
    """Each record with a wrong day is returned with its field; the person's other record counts."""
    iin = new_iin()
    assigned = [feeds.record(iin, assigned_on=text) for text in NO_DATES]
    removed = [feeds.record(iin, removed_on=text) for text in NO_DATES]
    neither = feeds.record(iin, assigned_on="")
    synced = feeds.send_delta(stubs, *assigned, *removed, neither, feeds.record(iin))
    assert [(r.issue, r.field) for r in synced.rejected] == [
        *[(category_pb.RECORD_ISSUE_ASSIGNED_ON, "assigned_on")] * len(assigned),
        *[(category_pb.RECORD_ISSUE_REMOVED_ON, "removed_on")] * len(removed),
        (category_pb.RECORD_ISSUE_ASSIGNED_ON, "assigned_on"),
    ]
    assert lookups.status_of(stubs, iin) == "INSURED"


@pytest.mark.parametrize(
    ("first", "last", "fields"),
    [
        ("2025-13", "2025-1", {"first_month", "last_month"}),
        ("2025-02", "2025-01", {"last_month"}),
        ("2017-06", "2017-07", {"first_month"}),
        ("2017-07", "2027-07", {"last_month"}),
    ],
)
def test_an_explanation_shows_months_that_can_be_shown(
    stubs: Stubs, first: str, last: str, fields: set[str]
) -> None:
    """Months that are none, in the wrong order, before all contributions, or more than 120."""
    request = consumer_pb.ExplainConsumerRequest(
        iin=new_iin(), purpose=core_pb2.PURPOSE_BILLING, first_month=first, last_month=last
    )
    failure = failure_of(lambda: stubs.consumers.ExplainConsumer(request, timeout=DEADLINE_S))
    assert failure.reason == "INVALID_REQUEST"
    assert set(failure.violations) == fields


def test_the_empty_store_can_be_asked(stubs: Stubs) -> None:
    """Revision 0, and any day before the gateway was made: nobody was known then."""
    for known in (core_pb2.KnowledgeTime(revision=0), core_pb2.KnowledgeTime(on="2001-01-01")):
        answer = lookups.look_up(stubs, new_iin(), known=known)
        assert answer.status == core_pb2.ELIGIBILITY_STATUS_UNKNOWN_CONSUMER
        assert answer.revision == 0
