"""The commands about one person: what they print and return."""

import json

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from osms.v1 import consumer_service_pb2 as pb
from osms.v1 import core_pb2
from tests.unit.client.commands import osms
from tests.unit.client.fake import IIN, FakeGateway, abort, eligibility


def _explained() -> pb.ExplainConsumerResponse:
    answer = eligibility(text="Insured although overdue.", arrears_months=["2025-07"])
    answer.status = core_pb2.ELIGIBILITY_STATUS_INSURED_RETENTION
    response = pb.ExplainConsumerResponse(eligibility=answer)
    response.rule.number = 7
    response.rule.legal_reference = "article 5"
    response.rule.text = "Settled months give cover."
    paid = response.months.add(
        month="2025-06",
        settlement=pb.MONTH_SETTLEMENT_PAYMENT,
        paid_tiyn=425_000,
        due_on="2025-07-25",
        in_window=True,
    )
    paid.payments.add(
        reference="GCVP-1",
        line_no=3,
        received_on="2025-07-20",
        purpose_code="122",
        amount_tiyn=1_425_000,
        reversed_tiyn=1_000_000,
        gives_cover=True,
        recorded_at=Timestamp(seconds=1),
    )
    paid.payments.add(
        reference="GCVP-2",
        line_no=1,
        received_on="2025-07-21",
        purpose_code="124",
        amount_tiyn=100,
        recorded_at=Timestamp(seconds=1),
    )
    response.months.add(
        month="2025-07",
        settlement=pb.MONTH_SETTLEMENT_UNSETTLED,
        due_on="2025-08-25",
        overdue=True,
        blocking=True,
        in_window=True,
        owed_tiyn=425_000,
    )
    return response


def test_check_prints_a_card(fake: FakeGateway) -> None:
    """An answer is a sentence and a short card, in the language asked for."""
    fake.answers("LookupConsumer", pb.LookupConsumerResponse(eligibility=eligibility()))
    result = osms(
        fake,
        "check",
        IIN,
        *("--date", "2025-08-10", "--known-on", "2025-11-09"),
        *("--purpose", "billing", "--language", "ru"),
    )
    assert result.exit_code == 0, result.output
    for text in ("Insured.", "ОСМС и ГОБМП", "2025-09-30", "d-1", "Застрахован по"):
        assert text in result.output
    request = fake.asked[0]
    assert (request.service_date, request.known.on) == ("2025-08-10", "2025-11-09")
    assert request.purpose == core_pb2.PURPOSE_BILLING


def test_check_prints_json(fake: FakeGateway) -> None:
    """A program reads the same answer as JSON."""
    fake.answers("LookupConsumer", pb.LookupConsumerResponse(eligibility=eligibility()))
    answer = json.loads(osms(fake, "check", IIN, "--json").output)
    assert answer["status"] == "INSURED"
    assert answer["covered_through"] == "2025-09-30"
    assert answer["grounds"] == ["SETTLED_MONTHS"]
    assert answer["decided_at"] == "2025-08-10T04:00:00+00:00"


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_explain_prints_the_month_ledger(fake: FakeGateway, language: str) -> None:
    """The ledger is a table with payments, what is owed, and the rule below it."""
    fake.answers("ExplainConsumer", _explained())
    result = osms(fake, "explain", IIN, "--language", language)
    assert result.exit_code == 0, result.output
    for text in (
        "2025-06",
        "2025-07-20 122 14 250,00 GCVP-1/3",
        "10 000,00",
        "4 250,00",
        "Settled months give cover.",
        "article 5",
    ):
        assert text in result.output
    if language == "en":
        for text in ("reversed", "gives no cover", "paying it opens the package", "overdue"):
            assert text in result.output


def test_explain_prints_json(fake: FakeGateway) -> None:
    """A program reads the ledger as JSON."""
    fake.answers("ExplainConsumer", _explained())
    explanation = json.loads(osms(fake, "explain", IIN, "--json").output)
    assert explanation["months"][0]["payments"][0]["reversed_tiyn"] == 1_000_000
    assert explanation["rule"]["number"] == 7


def test_no_answer_is_status_2(fake: FakeGateway) -> None:
    """A refused or unanswered question ends with a sentence and 2, never with an answer."""
    fake.on(
        "LookupConsumer",
        lambda request, context: abort(
            context,
            grpc.StatusCode.INVALID_ARGUMENT,
            "IIN_INVALID",
            metadata={"field": "iin"},
            violations={"iin": "12 digits."},
        ),
    )
    result = osms(fake, "check", "12")
    assert result.exit_code == 2
    assert "iin: 12 digits." in result.stderr
    assert "reason" not in result.stderr
    assert result.stdout == ""
    fake.target = "127.0.0.1:1"
    assert osms(fake, "check", IIN).exit_code == 2


def test_plain_text_to_another_machine_is_refused(fake: FakeGateway) -> None:
    """A target elsewhere is a usage error, said in a sentence."""
    result = osms(fake, "check", IIN, "--target", "gateway.kz:443")
    assert result.exit_code == 2
    assert "credentials" in result.stderr


@pytest.mark.parametrize("words", [["check", IIN, "--date", "05.03.2025"], ["check"], ["nothing"]])
def test_usage_is_status_2(fake: FakeGateway, words: list[str]) -> None:
    """A command line that cannot be understood ends with 2."""
    assert osms(fake, *words).exit_code == 2


def test_a_violation_is_told_once(fake: FakeGateway) -> None:
    """A message that names its field is not followed by the same in other words."""
    fake.on(
        "LookupConsumer",
        lambda request, context: abort(
            context,
            grpc.StatusCode.INVALID_ARGUMENT,
            "IIN_INVALID",
            metadata={"field": "iin"},
            violations={"as the test": "wants it", "iin": "must be 12 ASCII digits"},
            message="iin: must be 12 ASCII digits",
        ),
    )
    result = osms(fake, "check", "12")
    assert result.stderr.count("must be 12 ASCII digits") == 1
    assert "as the test: wants it" in result.stderr


def test_options_say_what_they_take(fake: FakeGateway) -> None:
    """A wrong day names the form of a day, a URL is told from host:port."""
    assert "YYYY-MM-DD" in osms(fake, "check", IIN, "--date", "05.03.2026").stderr
    assert "give host:port" in osms(fake, "check", IIN, "--target", "http://127.0.0.1:1").stderr
    text = osms(fake, "check", "--help").output
    assert "RECEPTION" not in text
    assert "[default: (today)]" in text


@pytest.mark.parametrize("command", ["check", "explain"])
def test_unknown_person_has_no_package(fake: FakeGateway, command: str) -> None:
    """Of somebody unknown only the sentence, the question and the next step are shown."""
    answer = eligibility(text="Nothing is known.")
    answer.status = core_pb2.ELIGIBILITY_STATUS_UNKNOWN_CONSUMER
    answer.funding_source = core_pb2.FUNDING_SOURCE_GOBMP
    answer.next_step.text = "Check the IIN."
    fake.answers("LookupConsumer", pb.LookupConsumerResponse(eligibility=answer))
    fake.answers("ExplainConsumer", pb.ExplainConsumerResponse(eligibility=answer))
    result = osms(fake, command, IIN, "--language", "en")
    for text in ("Nothing is known.", IIN, "2025-08-10", "Check the IIN.", "d-1"):
        assert text in result.output
    for text in ("Package", "GOBMP", "holds through"):
        assert text not in result.output
