"""An IIN that is none: a typing error, told as such everywhere, never an answer about a person."""

from collections.abc import Callable

import grpc
import pytest

from osms.v1 import category_service_pb2 as category_pb
from osms.v1 import consumer_service_pb2 as consumer_pb
from osms.v1 import core_pb2, error_reason_pb2
from osms.v1 import payment_service_pb2 as payment_pb
from tests.integration import feeds, lookups, registers
from tests.integration.people import new_iin
from tests.integration.wire import DEADLINE_S, Stubs, failure_of

MALFORMED = {
    "eleven digits": "90010139000",
    "thirteen digits": "9001013900020",
    "nothing": "",
    "letters": "90010139000A",
    "a space inside": "900101 39002",
    "a sign": "+90010139002",
    "an underscore": "900101_39002",
    "Arabic-Indic digits": "٩٠٠١٠١٣٩٠٠٠٢",
    "fullwidth digits": "９００１０１３９０００２",
    "one superscript digit": "90010139000²",
}
WRONG_CHECK_DIGIT = {
    "the last digit changed": "900101390003",
    "two digits swapped": "900101930002",
    "a stem that no digit completes": "900101390371",
    "twelve nines": "999999999999",
}
ALL = {**MALFORMED, **WRONG_CHECK_DIGIT}


@pytest.mark.parametrize("iin", [*ALL.values(), "90010139000\x00"], ids=[*ALL, "a zero byte"])
def test_a_lookup_of_a_wrong_number_is_refused_as_a_typing_error(stubs: Stubs, iin: str) -> None:
    """A lookup answers INVALID_ARGUMENT IIN_INVALID and says nothing of a person."""
    failure = failure_of(lambda: lookups.look_up(stubs, iin))
    assert failure.status is grpc.StatusCode.INVALID_ARGUMENT
    assert (failure.reason, failure.domain) == ("IIN_INVALID", "osms.v1")
    assert failure.metadata == {"field": "iin"}
    assert list(failure.violations) == ["iin"]
    assert failure.retry_after_s is None
    assert not iin or iin not in failure.message


def _explain(stubs: Stubs, iin: str) -> object:
    request = consumer_pb.ExplainConsumerRequest(iin=iin, purpose=core_pb2.PURPOSE_BILLING)
    return stubs.consumers.ExplainConsumer(request, timeout=DEADLINE_S)


def _list_payments(stubs: Stubs, iin: str) -> object:
    return registers.payments(stubs, iin)


def _list_assignments(stubs: Stubs, iin: str) -> object:
    request = category_pb.ListAssignmentsRequest(iin=iin)
    return stubs.categories.ListAssignments(request, timeout=DEADLINE_S)


@pytest.mark.parametrize("call", [_explain, _list_payments, _list_assignments])
@pytest.mark.parametrize("iin", ["90010139000", "900101390003"])
def test_every_call_about_one_person_refuses_a_wrong_number(
    stubs: Stubs, call: Callable[[Stubs, str], object], iin: str
) -> None:
    """Explain, payments and assignments refuse it with the same reason as a lookup."""
    failure = failure_of(lambda: call(stubs, iin))
    assert failure.status is grpc.StatusCode.INVALID_ARGUMENT
    assert failure.reason == "IIN_INVALID"


def test_a_batch_answers_the_others_beside_wrong_numbers(stubs: Stubs) -> None:
    """Each wrong item carries its own error in its own place, and every other is answered."""
    good = new_iin()
    iins = [text for bad in ALL.values() for text in (good, bad)]
    request = consumer_pb.BatchLookupConsumersRequest(
        options=consumer_pb.LookupOptions(purpose=core_pb2.PURPOSE_ROSTER),
        items=[consumer_pb.LookupItem(iin=iin) for iin in iins],
    )
    results = stubs.consumers.BatchLookupConsumers(request, timeout=DEADLINE_S).results
    assert len(results) == len(iins)
    for iin, result in zip(iins, results, strict=True):
        if iin == good:
            assert result.eligibility.iin == good
        else:
            assert result.error.reason == error_reason_pb2.ERROR_REASON_IIN_INVALID
            assert result.error.field == "iin"


def test_rows_with_wrong_numbers_go_to_suspense_and_the_rest_is_paid(stubs: Stubs) -> None:
    """The money of a row that names nobody is kept in suspense; its neighbours count."""
    issues = {
        **dict.fromkeys(MALFORMED.values(), payment_pb.LINE_ISSUE_IIN_MALFORMED),
        **dict.fromkeys(WRONG_CHECK_DIGIT.values(), payment_pb.LINE_ISSUE_IIN_CHECK_DIGIT),
    }
    good = new_iin()
    bad = [registers.row(number, iin) for number, iin in enumerate(issues, start=2)]
    sent = registers.register(registers.row(1, good), *bad)
    result = registers.ingest_one(stubs, sent)
    assert result.outcome == payment_pb.REGISTER_OUTCOME_COMMITTED
    assert (result.accepted.rows, result.suspended.rows) == (1, len(bad))
    assert result.suspended.amount_tiyn == len(bad) * registers.AMOUNT_TIYN
    assert [(line.line_no, line.issue, line.field) for line in result.suspended_lines] == [
        (number, issue, "iin") for number, issue in enumerate(issues.values(), start=2)
    ]
    assert len(registers.payments(stubs, good)) == 1
    listed = stubs.payments.ListSuspense(
        payment_pb.ListSuspenseRequest(source=sent.source, reference=sent.reference),
        timeout=DEADLINE_S,
    )
    assert [entry.row for entry in listed.rows] == bad


def test_records_with_wrong_numbers_are_rejected_and_the_rest_is_applied(stubs: Stubs) -> None:
    """A sync names each record that it cannot use and applies all others."""
    good = [new_iin(), new_iin()]
    records = [feeds.record(iin) for iin in (good[0], *ALL.values(), good[1])]
    synced = feeds.send_delta(stubs, *records)
    assert synced.result.outcome == category_pb.SYNC_OUTCOME_APPLIED
    assert (synced.result.records, synced.result.changed) == (len(records), 2)
    assert synced.result.rejected == len(ALL)
    assert [(r.record_no, r.issue, r.field) for r in synced.rejected] == [
        (number, category_pb.RECORD_ISSUE_IIN, "iin") for number in range(2, 2 + len(ALL))
    ]
    assert {lookups.status_of(stubs, iin) for iin in good} == {"INSURED"}


@pytest.mark.parametrize("case", ["900101390002", "visit of 900101390002", "900101390002-3"])
def test_a_case_is_not_named_after_a_person(stubs: Stubs, case: str) -> None:
    """A case reference goes to logs and bills, so that it must not hold an IIN."""
    failure = failure_of(lambda: lookups.look_up(stubs, new_iin(), case_reference=case))
    assert failure.reason == "INVALID_REQUEST"
    assert list(failure.violations) == ["case_reference"]
