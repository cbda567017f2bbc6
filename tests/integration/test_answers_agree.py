"""However a question is asked, the answer is the same: alone, in a batch, on a stream, explained.

A town of people with random lives is asked about on random days.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from random import Random

import pytest

from osms_client import (
    AsyncGateway,
    CategoryRecord,
    Eligibility,
    Gateway,
    Ground,
    KnownAt,
    LookupFailure,
    LookupItem,
    LookupResult,
    MonthSettlement,
    PaymentRow,
    Purpose,
    Reason,
    Register,
    RegisterOutcome,
    RegisterTotals,
    Status,
    SyncHeader,
    SyncKind,
    SyncOutcome,
)
from osms_client.testing import RunningGateway
from tests.integration.history import AMOUNT_TIYN, SOURCE, months
from tests.integration.people import new_iin, new_reference

PEOPLE = 50
FIRST_DAY, LAST_DAY = date(2020, 1, 1), date(2027, 1, 31)
LABOUR = ("pension", "disabled", "kandas", "social_level_d", "registered_unemployed", "")
SERVICES = ("serviceman", "reservist_training")


def some_day(random: Random) -> date:
    """Return a day of the window, rather a late one."""
    days = (LAST_DAY - FIRST_DAY).days
    return FIRST_DAY + timedelta(days=int(days * random.random() ** 0.5))


def payments_of(random: Random, iin: str) -> Iterator[PaymentRow]:
    """Return a few runs of paid months, some of them only penalties."""
    possible = months("2019-06", "2027-12")
    for _ in range(random.randrange(4)):
        start = random.randrange(len(possible))
        for period in possible[start : start + random.choice([1, 3, 11, 14, 70])]:
            code = random.choice(["", "", "", "", "121", "124"])
            yield PaymentRow(
                line_no=1, iin=iin, period=period, amount_tiyn=AMOUNT_TIYN, purpose_code=code
            )


def records_of(random: Random, iin: str, codes: Sequence[str]) -> Iterator[CategoryRecord]:
    """Return a few spans that may overlap, be empty, or never end."""
    for _ in range(random.randrange(3)):
        start = some_day(random)
        end = start + timedelta(days=random.randrange(-1, 900))
        yield CategoryRecord(
            iin=iin,
            category=random.choice(codes),
            assigned_on=start.isoformat(),
            removed_on=random.choice(["", end.isoformat()]),
        )


@pytest.fixture(scope="module")
def questions(sdk: Gateway) -> list[LookupItem]:
    """Two questions about each person, once the whole town is recorded."""
    random = Random(1)
    town = [new_iin() for _ in range(PEOPLE)]
    rows = [
        replace(row, line_no=number)
        for number, row in enumerate((row for iin in town for row in payments_of(random, iin)), 1)
    ]
    register = Register(
        source=SOURCE,
        reference=new_reference(),
        received_on=date(2025, 12, 20),
        purpose_code="122",
        declared=RegisterTotals(
            people=len({row.iin for row in rows}),
            documents=1,
            amount_tiyn=len(rows) * AMOUNT_TIYN,
        ),
        rows=rows,
    )
    (result,) = sdk.ingest([register])
    assert (result.outcome, result.suspended.rows) == (RegisterOutcome.COMMITTED, 0)
    for sender, codes in (("labour", LABOUR), ("services", SERVICES)):
        records = [record for iin in town for record in records_of(random, iin, codes)]
        header = SyncHeader(
            sender=sender,
            kind=SyncKind.DELTA,
            delta_number=1,
            as_of=date(2026, 1, 14),
            declared_records=len(records),
        )
        assert sdk.sync(header, records).outcome is SyncOutcome.APPLIED
    asked = [LookupItem(iin=iin, service_date=some_day(random)) for iin in town for _ in range(2)]
    random.shuffle(asked)
    return asked


def bare(answer: LookupResult) -> Eligibility:
    """Return an answer without its id and its texts, which batches leave out."""
    assert isinstance(answer, Eligibility)
    return replace(answer, decision_id="", text="", next_step=replace(answer.next_step, text=""))


def one_by_one(sdk: Gateway, questions: Sequence[LookupItem], known: KnownAt) -> list[Eligibility]:
    """Return the answers of single lookups."""
    return [
        bare(
            sdk.lookup(item.iin, purpose=Purpose.AUDIT, service_date=item.service_date, known=known)
        )
        for item in questions
    ]


@pytest.mark.parametrize("known", [None, date(2026, 1, 15), 2, 4])
def test_a_batch_and_a_stream_answer_as_single_lookups_do(
    sdk: Gateway, questions: list[LookupItem], known: KnownAt
) -> None:
    """Now, at the end of a day, and at every revision of the town's history."""
    single = one_by_one(sdk, questions, known)
    batch = sdk.lookup_many(questions, purpose=Purpose.AUDIT, known=known)
    assert [bare(answer) for answer in batch] == single
    stream = sdk.lookup_stream(questions, purpose=Purpose.AUDIT, known=known, chunk_items=7)
    assert [bare(answer) for answer in stream] == single
    if known in (None, 4):
        assert len({answer.status for answer in single}) == len(Status)


async def test_the_asynchronous_gateway_answers_the_same(
    gateway: RunningGateway, sdk: Gateway, questions: list[LookupItem]
) -> None:
    """Both halves of the SDK read one wire."""
    batch = [bare(answer) for answer in sdk.lookup_many(questions, purpose=Purpose.AUDIT)]
    async with AsyncGateway(gateway.target) as own:
        again = await own.lookup_many(questions, purpose=Purpose.AUDIT)
        stream = own.lookup_stream(questions, purpose=Purpose.AUDIT, chunk_items=50)
        assert [bare(answer) for answer in again] == batch
        assert [bare(answer) async for answer in stream] == batch


def test_every_answer_of_a_batch_has_an_id_of_its_own(
    sdk: Gateway, questions: list[LookupItem]
) -> None:
    """The batch's id, a dash and the place from 0: a dispute can quote one of ten thousand."""
    answers = sdk.lookup_many([*questions[:5], "12"], purpose=Purpose.ROSTER)
    ids = [answer.decision_id for answer in answers if isinstance(answer, Eligibility)]
    stem = ids[0].rpartition("-")[0]
    assert stem
    assert ids == [f"{stem}-{position}" for position in range(5)]
    failure = answers[5]
    assert isinstance(failure, LookupFailure)
    assert (failure.reason, failure.iin) == (Reason.IIN_INVALID, "12")


def test_what_is_explained_is_what_was_answered(sdk: Gateway, questions: list[LookupItem]) -> None:
    """The month ledger shows the overdue and blocking months, and their price, of the answer."""
    for item, answer in zip(questions, one_by_one(sdk, questions, None), strict=True):
        explained = sdk.explain(item.iin, purpose=Purpose.AUDIT, service_date=item.service_date)
        assert bare(explained.eligibility) == answer
        shown = explained.months
        if answer.status is Status.UNKNOWN_CONSUMER:
            assert not shown
            continue
        names = [month.month for month in shown]
        assert names == months(names[0], names[-1])
        assert names[-1] == f"{answer.service_date:%Y-%m}"
        for month in shown:
            net = sum(
                payment.amount_tiyn - payment.reversed_tiyn
                for payment in month.payments
                if payment.gives_cover
            )
            assert month.paid_tiyn == net
            assert (month.settlement is MonthSettlement.PAYMENT) == (net > 0)
            unsettled = month.settlement is MonthSettlement.UNSETTLED
            assert (month.owed_tiyn > 0) == unsettled
            assert month.overdue == (unsettled and month.due_on < answer.service_date)
        if {Ground.ARREARS, Ground.RETENTION} & set(answer.grounds):
            overdue = tuple(m.month for m in shown if m.overdue and m.in_window)
            assert answer.arrears_months == overdue
        else:
            assert answer.arrears_months == ()
        blocking = [month for month in shown if month.blocking]
        assert answer.blocking_months == tuple(month.month for month in blocking)
        assert answer.restore_amount_tiyn == sum(month.owed_tiyn for month in blocking)


def test_valid_through_is_the_last_day_of_the_same_answer(
    sdk: Gateway, questions: list[LookupItem]
) -> None:
    """On that day the status is the same, on the next it is another."""
    edges = [
        (answer, item.iin)
        for item, answer in zip(questions, one_by_one(sdk, questions, None), strict=True)
        if answer.valid_through is not None and answer.valid_through < LAST_DAY
    ]
    assert edges
    asked = [
        LookupItem(iin=iin, service_date=answer.valid_through + timedelta(days=more))
        for answer, iin in edges
        for more in (0, 1)
        if answer.valid_through is not None
    ]
    statuses = [bare(answer).status for answer in sdk.lookup_many(asked, purpose=Purpose.AUDIT)]
    for position, (answer, _) in enumerate(edges):
        assert statuses[2 * position] is answer.status
        assert statuses[2 * position + 1] is not answer.status
