"""The stub programs of medical information systems, against a gateway that answers as told."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest

from osms.v1 import consumer_service_pb2 as pb
from osms.v1 import core_pb2
from osms_client import (
    AsyncGateway,
    AsyncLocalStates,
    FundingSource,
    Language,
    NextStepCode,
    ReceiptVerdict,
    RosterMember,
    Status,
)
from osms_client.stubs import (
    billing_recheck,
    hospital_admission,
    hospitalisation_portal,
    polyclinic_roster_check,
    reception_desk,
    self_service,
)
from osms_client.stubs.words import OTHER_PERSON, STATUS, UNANSWERED, WRONG_NUMBER
from tests.unit.client import clinic, told
from tests.unit.client.fake import IIN, OTHER_IIN, FakeGateway, abort, eligibility

NOT_INSURED = core_pb2.ELIGIBILITY_STATUS_NOT_INSURED


def _run(fake: FakeGateway, use: Callable[[AsyncGateway], Any]) -> Any:
    async def run() -> Any:
        async with AsyncGateway(fake.target) as gateway:
            return await use(gateway)

    return asyncio.run(run())


def _uninsured(iin: str = IIN, day: str = "2025-10-01") -> core_pb2.Eligibility:
    answer = eligibility(iin, text="Not insured.")
    answer.service_date = day
    answer.status = NOT_INSURED
    answer.funding_source = core_pb2.FUNDING_SOURCE_GOBMP
    answer.identity_match = core_pb2.IDENTITY_MATCH_UNSPECIFIED
    answer.covered_through = answer.valid_through = ""
    del answer.grounds[:]
    answer.grounds.append(core_pb2.GROUND_ARREARS)
    answer.blocking_months.append("2025-07")
    answer.restore_amount_tiyn = 425_000
    answer.next_step.code = core_pb2.NEXT_STEP_CODE_PAY_ARREARS
    answer.next_step.text = "Pay."
    return answer


def _answers(fake: FakeGateway, answer: core_pb2.Eligibility) -> None:
    fake.answers("LookupConsumer", pb.LookupConsumerResponse(eligibility=answer))


def _away(fake: FakeGateway) -> None:
    for method in ("LookupConsumer", "ExplainConsumer"):
        fake.on(
            method,
            lambda request, context: abort(
                context, grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE", retry_after_s=1
            ),
        )


def _watch(fake: FakeGateway, iin: str) -> None:
    def tell(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        yield told.states({iin: told.state(valid_through="2026-01-16")}, "t1")
        yield told.checkpoint(7, datetime(2026, 1, 15, 7, tzinfo=UTC), token="t1")

    fake.on("WatchConsumers", tell)


def _mistyped(fake: FakeGateway) -> None:
    fake.on(
        "LookupConsumer",
        lambda request, context: abort(
            context, grpc.StatusCode.INVALID_ARGUMENT, "IIN_INVALID", metadata={"field": "iin"}
        ),
    )


def test_desk_shows_the_answer(fake: FakeGateway) -> None:
    """The desk reads the gateway's own sentence and keeps the answer."""
    _answers(fake, _uninsured())
    visit = _run(fake, lambda gateway: reception_desk.run(gateway, IIN, language=Language.RU))
    assert visit.message == "Not insured. Pay."
    assert visit.eligibility.status is Status.NOT_INSURED
    assert fake.asked[0].purpose == core_pb2.PURPOSE_RECEPTION
    assert fake.asked[0].language == core_pb2.LANGUAGE_RU


def test_desk_endings_never_look_alike(fake: FakeGateway) -> None:
    """No answer, an impossible number and another person's number are three things."""
    _away(fake)
    away = _run(fake, lambda gateway: reception_desk.run(gateway, IIN))
    _mistyped(fake)
    mistyped = _run(fake, lambda gateway: reception_desk.run(gateway, "12"))
    other = eligibility()
    other.identity_match = core_pb2.IDENTITY_MATCH_MISMATCH
    _answers(fake, other)
    mismatch = _run(fake, lambda gateway: reception_desk.run(gateway, IIN, surname="Иванова"))
    kk = Language.KK
    assert (away.message, away.eligibility, away.ask_again) == (UNANSWERED[kk], None, True)
    assert (mistyped.message, mistyped.ask_again) == (WRONG_NUMBER[kk], False)
    assert mismatch.message == OTHER_PERSON[kk]


@pytest.mark.parametrize("language", Language)
def test_desk_tells_as_of_when_what_it_knows_is(fake: FakeGateway, language: Language) -> None:
    """In an outage it says how a member of its roster stood last, when, and to ask again."""
    _away(fake)
    _watch(fake, IIN)

    async def use(gateway: AsyncGateway) -> list[reception_desk.Visit]:
        async with AsyncLocalStates(gateway, roster="polyclinic-5") as states:
            await states.wait_until_ready(10)
            people = (IIN, OTHER_IIN)
            return [await reception_desk.run(states, iin, language=language) for iin in people]

    member, stranger = _run(fake, use)
    assert "2026-01-15 12:00" in member.message
    assert STATUS[language][Status.INSURED] in member.message
    assert (member.eligibility, member.ask_again) == (None, True)
    assert member.last_known.status is Status.INSURED
    assert (stranger.message, stranger.last_known) == (UNANSWERED[language], None)


def test_every_status_has_its_sentence() -> None:
    """None of them is empty or another's, in any language."""
    for language in Language:
        assert set(STATUS[language]) == set(Status)
        assert len(set(STATUS[language].values())) == len(Status)


def test_desk_serves_a_queue_beside_its_roster(fake: FakeGateway) -> None:
    """Number after number, as they are typed."""
    _answers(fake, eligibility())
    _watch(fake, IIN)
    finished = subprocess.run(
        [sys.executable, "-m", reception_desk.__name__, fake.target, IIN, "--roster", "a"],
        input=f"{OTHER_IIN}\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.count("Insured.") == 2
    assert fake.asked[-1].iin == OTHER_IIN


@pytest.mark.parametrize("trouble", [_away, _mistyped])
@pytest.mark.parametrize("emergency", [True, False])
def test_admission_is_never_blocked(
    fake: FakeGateway, trouble: Callable[[FakeGateway], None], emergency: bool
) -> None:
    """A patient is admitted whatever happens; without an answer nobody is called uninsured."""
    trouble(fake)
    admission = _run(
        fake, lambda gateway: hospital_admission.run(gateway, IIN, emergency=emergency)
    )
    assert admission.admitted
    assert admission.ask_again
    assert admission.status is None
    assert admission.funding_source is (FundingSource.GOBMP if emergency else None)


def test_emergency_is_paid_by_gobmp(fake: FakeGateway) -> None:
    """Emergency care is GOBMP for the insured too; other admissions follow the answer."""
    _answers(fake, eligibility())
    emergency = _run(fake, lambda gateway: hospital_admission.run(gateway, IIN, emergency=True))
    direct = _run(fake, lambda gateway: hospital_admission.run(gateway, IIN, emergency=False))
    assert emergency.funding_source is FundingSource.GOBMP
    assert direct.funding_source is FundingSource.OSMS_AND_GOBMP
    assert direct.decision_id == "d-1"


def test_portal_warns_when_cover_lapses_before_the_bed(fake: FakeGateway) -> None:
    """Insured today but not on the planned day: the portal says until when, and what to do."""

    def by_day(request: Any, context: grpc.ServicerContext) -> Any:
        answer = _uninsured(day=request.service_date) if request.service_date else eligibility()
        return pb.LookupConsumerResponse(eligibility=answer)

    fake.on("LookupConsumer", by_day)
    planned = _run(
        fake,
        lambda gateway: hospitalisation_portal.run(
            gateway, IIN, date(2025, 10, 1), language=Language.EN
        ),
    )
    assert planned.covered is False
    assert planned.warnings[0] == (
        "Cover lasts through 2025-09-30, but the admission is planned for 2025-10-01."
    )
    assert planned.warnings[1:] == (
        "Not insured.",
        "Pay.",
        "Months that open the package once they are paid: 2025-07",
    )


def test_portal_without_an_answer_says_nothing_of_cover(fake: FakeGateway) -> None:
    """An outage is neither covered nor uncovered."""
    _away(fake)
    planned = _run(
        fake, lambda gateway: hospitalisation_portal.run(gateway, IIN, date(2025, 10, 1))
    )
    assert (planned.covered, planned.on_the_day) == (None, None)
    assert planned.warnings == (UNANSWERED[Language.KK],)


def test_bill_is_seen_with_both_knowledges(fake: FakeGateway) -> None:
    """A recheck holds what was said then, what is said now, and what the receipt is worth."""
    _answers(fake, _uninsured())
    response = pb.ExplainConsumerResponse(eligibility=eligibility())
    response.rule.text, response.rule.legal_reference = "Paid late.", "article 5"
    fake.answers("ExplainConsumer", response)
    verdict = pb.VerifyReceiptResponse(verdict=pb.RECEIPT_VERDICT_NOT_GENUINE)
    fake.answers("VerifyReceipt", verdict)
    asked_at = datetime(2025, 11, 9, 18, tzinfo=UTC)
    recheck = _run(
        fake,
        lambda gateway: billing_recheck.run(
            gateway, IIN, date(2025, 7, 1), asked_at, receipt="of the bill"
        ),
    )
    assert recheck.receipt.verdict is ReceiptVerdict.NOT_GENUINE
    assert fake.asked[2] == pb.VerifyReceiptRequest(receipt="of the bill", iin=IIN)
    assert recheck.changed
    assert (recheck.then.status, recheck.now.status) == (Status.NOT_INSURED, Status.INSURED)
    assert recheck.reason == "Paid late. (article 5)"
    assert fake.asked[0].known.at.ToDatetime(tzinfo=UTC) == asked_at
    assert not fake.asked[1].HasField("known")


def test_roster_is_sent_and_reported_on(fake: FakeGateway) -> None:
    """The clinic's list goes out whole; the report comes back, and who is to be called."""
    clinic.take_lists(fake)
    fake.answers("GetRosterReport", clinic.report())
    clinic.list_two_pages(fake)
    members = [RosterMember(iin=iin, attached_on="2024-03-01") for iin in (IIN, OTHER_IIN)]
    day = date(2026, 3, 14)
    check = _run(
        fake, lambda gateway: polyclinic_roster_check.run(gateway, "a", members, as_of=day)
    )
    assert fake.asked[0].header.declared_members == check.sync.members == 2
    assert (check.report.uninsured, check.report.unknown) == (2, 1)
    assert fake.asked[-1].lapsing_by == "2026-04-30"
    assert [member.eligibility.iin for member in check.lapsing] == [IIN, OTHER_IIN]


def test_roster_file_has_its_columns_or_is_refused(tmp_path: Path) -> None:
    """In any order, beside others; a missing one is named."""
    path = tmp_path / "roster.csv"
    path.write_text(f"name,attached_on,last_visit_on,iin\nA,2024-03-01,, {IIN}\n", "utf-8-sig")
    member = RosterMember(iin=IIN, attached_on="2024-03-01")
    assert polyclinic_roster_check.read_members(path) == [member]
    path.write_text(f"iin\n{IIN}\n", "utf-8")
    with pytest.raises(ValueError, match="no column attached_on, last_visit_on"):
        polyclinic_roster_check.read_members(path)


def test_citizen_reads_what_why_and_what_to_do(fake: FakeGateway) -> None:
    """The page names the missing months, the rule, and the step with its price."""
    response = pb.ExplainConsumerResponse(eligibility=_uninsured())
    response.rule.text, response.rule.legal_reference = "No rule holds.", "article 5"
    for month, overdue in (("2025-07", True), ("2025-09", False)):
        response.months.add(
            month=month,
            settlement=pb.MONTH_SETTLEMENT_UNSETTLED,
            due_on="2025-08-25",
            overdue=overdue,
            in_window=True,
        )
    fake.answers("ExplainConsumer", response)
    page = _run(fake, lambda gateway: self_service.run(gateway, IIN, language=Language.EN))
    assert (page.status, page.headline) == (Status.NOT_INSURED, "Not insured.")
    assert page.why == (
        "No rule holds.",
        "article 5",
        "Months for which no contribution has arrived: 2025-07",
    )
    assert (page.what_to_do, page.next_step) == ("Pay.", NextStepCode.PAY_ARREARS)
    assert page.amount_tiyn == 425_000
    assert fake.asked[0].purpose == core_pb2.PURPOSE_SELF_SERVICE


def test_citizen_is_told_of_an_outage(fake: FakeGateway) -> None:
    """Without an answer the page has no status at all."""
    _away(fake)
    page = _run(fake, lambda gateway: self_service.run(gateway, IIN, language=Language.EN))
    assert (page.status, page.next_step) == (None, None)
    assert page.headline == UNANSWERED[Language.EN]


_PROGRAMS = [
    (reception_desk, [IIN], "Insured."),
    (hospital_admission, [IIN, "--emergency"], "ADMITTED, paid by GOBMP"),
    (hospitalisation_portal, [IIN, "2025-08-10"], "covered through: 2025-09-30"),
    (billing_recheck, [IIN, "2025-08-10", "2025-08-10"], "the same"),
    (polyclinic_roster_check, ["polyclinic-5", "ROSTER"], "insured 5, care on a visit 1"),
    (self_service, [IIN, "--language", "ru"], "Страхование пока действует по 2025-09-30"),
]


@pytest.mark.parametrize(
    ("program", "arguments", "expected"),
    _PROGRAMS,
    ids=[program[0].__name__.rpartition(".")[2] for program in _PROGRAMS],
)
def test_program_runs_by_itself(
    fake: FakeGateway, tmp_path: Path, program: Any, arguments: list[str], expected: str
) -> None:
    """Each stub is a program of its own, with a target and a person on its command line."""

    _answers(fake, eligibility())
    fake.answers("ExplainConsumer", pb.ExplainConsumerResponse(eligibility=eligibility()))
    clinic.take_lists(fake)
    fake.answers("GetRosterReport", clinic.report())
    clinic.list_two_pages(fake)
    roster = tmp_path / "roster.csv"
    roster.write_text(f"iin,attached_on,last_visit_on\n{IIN},2024-03-01,\n", encoding="utf-8")
    words = [str(roster) if word == "ROSTER" else word for word in arguments]
    finished = subprocess.run(
        [sys.executable, "-m", program.__name__, fake.target, *words],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONIOENCODING": "utf-8", "PYTHONUTF8": "1"},
        timeout=60,
    )
    assert finished.returncode == 0, finished.stderr
    assert expected in finished.stdout


@pytest.mark.parametrize(
    ("program", "arguments", "expected"),
    [
        (polyclinic_roster_check, ["a", "missing.csv"], "missing.csv cannot be read: No such file"),
        (reception_desk, [IIN, "--birth-date", "05.03.1990"], "give YYYY-MM-DD"),
    ],
    ids=["roster", "birth date"],
)
def test_wrong_argument_is_told_in_words(program: Any, arguments: list[str], expected: str) -> None:
    """What cannot be used on a command line ends with a sentence and 2."""
    finished = subprocess.run(
        [sys.executable, "-m", program.__name__, "127.0.0.1:1", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert finished.returncode == 2
    assert expected in finished.stderr
    assert "Traceback" not in finished.stderr


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        (Language.KK, "Сақтандыру әзірге мына күнге дейін жарамды: 2025-09-30."),
        (Language.RU, "Страхование пока действует по 2025-09-30."),
        (Language.EN, "As things stand you are insured through 2025-09-30."),
    ],
)
def test_citizen_is_told_until_when(fake: FakeGateway, language: Language, expected: str) -> None:
    """The last insured day is told in a whole sentence."""
    fake.answers("ExplainConsumer", pb.ExplainConsumerResponse(eligibility=eligibility()))
    page = _run(fake, lambda gateway: self_service.run(gateway, IIN, language=language))
    assert page.why[-1] == expected
