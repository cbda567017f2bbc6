"""The client's commands: what they print and return."""

import csv
import json
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from osms.v1 import category_service_pb2 as category_pb
from osms.v1 import consumer_service_pb2 as pb
from osms.v1 import core_pb2
from osms.v1 import payment_service_pb2 as payment_pb
from osms_client.cli import app
from osms_client.loaders import REJECT_COLUMNS, REVERSAL_COLUMNS
from typer.testing import CliRunner, Result

from tests.unit.client.books import Books
from tests.unit.client.fake import IIN, FakeGateway, abort, eligibility
from tests.unit.client.mt102_writer import File, Person
from tests.unit.client.tables import RECORD, as_csv, feed_csv, rows


@pytest.fixture
def books(fake: FakeGateway) -> Books:
    """What the fake gateway has committed."""
    books = Books()
    books.keep(fake)
    return books


def _osms(fake: FakeGateway, *words: str | Path) -> Result:
    environment = {"OSMS_TARGET": fake.target, "NO_COLOR": "1", "TERM": "dumb"}
    return CliRunner().invoke(app.build(), list(map(str, words)), env=environment)


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
    result = _osms(
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
    answer = json.loads(_osms(fake, "check", IIN, "--json").output)
    assert answer["status"] == "INSURED"
    assert answer["covered_through"] == "2025-09-30"
    assert answer["grounds"] == ["SETTLED_MONTHS"]
    assert answer["decided_at"] == "2025-08-10T04:00:00+00:00"


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_explain_prints_the_month_ledger(fake: FakeGateway, language: str) -> None:
    """The ledger is a table with payments, what is owed, and the rule below it."""
    fake.answers("ExplainConsumer", _explained())
    result = _osms(fake, "explain", IIN, "--language", language)
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
    explanation = json.loads(_osms(fake, "explain", IIN, "--json").output)
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
    result = _osms(fake, "check", "12")
    assert result.exit_code == 2
    assert "reason IIN_INVALID field=iin" in result.stderr
    assert "iin: 12 digits." in result.stderr
    assert result.stdout == ""
    fake.target = "127.0.0.1:1"
    assert _osms(fake, "check", IIN).exit_code == 2


def test_plain_text_to_another_machine_is_refused(fake: FakeGateway) -> None:
    """A target elsewhere is a usage error, said in a sentence."""
    result = _osms(fake, "check", IIN, "--target", "gateway.kz:443")
    assert result.exit_code == 2
    assert "credentials" in result.stderr


@pytest.mark.parametrize("words", [["check", IIN, "--date", "05.03.2025"], ["check"], ["nothing"]])
def test_usage_is_status_2(fake: FakeGateway, words: list[str]) -> None:
    """A command line that cannot be understood ends with 2."""
    assert _osms(fake, *words).exit_code == 2


def test_load_says_what_became_of_it(fake: FakeGateway, books: Books, tmp_path: Path) -> None:
    """A clean load is 0, again too; suspended or refused is 1; an unreadable file is 2."""
    good, bad = tmp_path / "good.mt102", tmp_path / "bad.mt102"
    good.write_bytes(File().content())
    people = (Person(), Person(iin="12"))
    bad.write_bytes(File(reference="R-2", people=people, total="8500,00").content())
    result = _osms(fake, "load", good)
    assert result.exit_code == 0, result.output
    assert "1 committed, 0 already committed, 0 refused" in result.output
    assert "accepted now: 1 rows, 4 250,00 tenge" in result.output
    again = _osms(fake, "load", good)
    assert again.exit_code == 0
    assert "nothing changed" in again.output
    suspended = _osms(fake, "load", bad, "--rejects", tmp_path / "rejects.csv")
    assert suspended.exit_code == 1
    assert "in suspense: 1 rows" in suspended.output
    assert (tmp_path / "rejects.csv").exists()
    refused = tmp_path / "refused.mt102"
    refused.write_bytes(File(reference="R-3", total="1,00").content())
    result = _osms(fake, "load", refused)
    assert result.exit_code == 1
    assert "TOTALS_MISMATCH in declared.amount_tiyn: declared 100, counted 425000" in result.output
    broken = tmp_path / "broken.mt102"
    broken.write_bytes(b"{1:")
    result = _osms(fake, "load", broken, good)
    assert result.exit_code == 2
    assert "broken.mt102" in result.stderr
    assert "1 already committed" in result.output


def test_load_without_a_gateway_is_status_2(fake: FakeGateway, tmp_path: Path) -> None:
    """A load that cannot reach the gateway says so and how far it came."""
    path = tmp_path / "a.mt102"
    path.write_bytes(File().content())
    fake.target = "127.0.0.1:1"
    result = _osms(fake, "load", path)
    assert result.exit_code == 2
    assert "UNAVAILABLE" in result.stderr
    assert "0 committed" in result.output


def test_resolve_takes_reject_files(fake: FakeGateway, books: Books, tmp_path: Path) -> None:
    """Corrected lines are resolved; any other file is a usage error."""
    path, rejects = tmp_path / "a.mt102", tmp_path / "rejects.csv"
    path.write_bytes(File(people=(Person(iin="12"),)).content())
    _osms(fake, "load", path, "--rejects", rejects)
    with rejects.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert _osms(fake, "resolve", rejects).exit_code == 1
    lines[0]["iin"] = IIN
    rejects.write_text(as_csv(lines, REJECT_COLUMNS), encoding="utf-8", newline="")
    result = _osms(fake, "resolve", rejects, "--reason", "letter 5")
    assert result.exit_code == 0, result.output
    assert "1 resolved, 0 already resolved, 0 not" in result.output
    assert fake.asked[-1].operator_reason == "letter 5"
    assert "1 already resolved" in _osms(fake, "resolve", rejects).output
    assert _osms(fake, "resolve", path).exit_code == 2


def test_sync_says_what_became_of_it(fake: FakeGateway, books: Books, tmp_path: Path) -> None:
    """An applied feed is 0, again too; rejected records are 1; an unreadable file is 2."""
    good, bad, broken = (tmp_path / name for name in ("good.csv", "bad.csv", "broken.csv"))
    good.write_text(feed_csv([RECORD]), encoding="utf-8")
    bad.write_text(feed_csv([{**RECORD, "iin": "12"}]), encoding="utf-8")
    broken.write_text(feed_csv([RECORD]).partition("\n")[2], encoding="utf-8")
    result = _osms(fake, "sync", good)
    assert result.exit_code == 0, result.output
    assert "good.csv: APPLIED" in result.output
    assert "ALREADY_APPLIED" in _osms(fake, "sync", good).output
    rejected = _osms(fake, "sync", bad)
    assert rejected.exit_code == 1
    assert "record 1: rejected, IIN (iin)" in rejected.output
    both = _osms(fake, "sync", broken, good)
    assert both.exit_code == 2
    assert "ALREADY_APPLIED" in both.output


def test_held_or_refused_sync_is_status_1(fake: FakeGateway, tmp_path: Path) -> None:
    """A held snapshot shows what it would close; a gap names the number expected."""
    path = tmp_path / "feed.csv"
    path.write_text(feed_csv([RECORD]), encoding="utf-8")
    held = category_pb.SyncResult(outcome=category_pb.SYNC_OUTCOME_HELD, run_id=77, closed=500)
    held.shrink.add(
        scope=category_pb.SyncScope(source="labour", category="pension"),
        open_spans=900,
        closing_spans=500,
        held=True,
    )

    def hold(requests: Any, context: grpc.ServicerContext) -> Any:
        list(requests)
        yield category_pb.SyncCategoriesResponse(result=held)

    fake.on("SyncCategories", hold)
    result = _osms(fake, "sync", path)
    assert result.exit_code == 1
    assert "HELD, run 77" in result.output
    assert "labour/pension would lose 500 of 900 spans" in result.output
    fake.on(
        "SyncCategories",
        lambda requests, context: abort(
            context,
            grpc.StatusCode.FAILED_PRECONDITION,
            "SEQUENCE_GAP",
            metadata={"expected_delta_number": "13"},
        ),
    )
    result = _osms(fake, "sync", path)
    assert result.exit_code == 1
    assert "SEQUENCE_GAP expected_delta_number=13" in result.stderr


def test_reverse_reads_its_columns(fake: FakeGateway, tmp_path: Path) -> None:
    """Lines of a reversal go together; what cannot be reversed is shown with what is left."""
    lines = [
        {
            "source": "state_corporation",
            "reversal_reference": "V-1",
            "reversed_on": "2025-09-01",
            "line_no": str(number),
            "payment_source": "state_corporation",
            "payment_reference": "GCVP-1",
            "payment_line_no": str(number),
            "iin": IIN,
            "amount_tiyn": "100",
            "reason_code": "00111",
        }
        for number in (1, 2, 3)
    ]
    lines[2]["reversal_reference"] = "V-2"
    path = tmp_path / "reversals.csv"
    path.write_text(as_csv(lines, REVERSAL_COLUMNS), encoding="utf-8", newline="")

    def reverse(request: Any, context: grpc.ServicerContext) -> Any:
        response = payment_pb.ReversePaymentsResponse(revision=3)
        for line in request.lines:
            wrong = line.line_no == 3
            response.results.add(
                outcome=payment_pb.REVERSAL_OUTCOME_EXCEEDS_PAYMENT
                if wrong
                else payment_pb.REVERSAL_OUTCOME_REVERSED,
                left_tiyn=5_000 if wrong else 0,
                late=True,
            )
        return response

    fake.on("ReversePayments", reverse)
    result = _osms(fake, "reverse", path)
    assert result.exit_code == 1
    assert "2 reversed, 0 already reversed, 1 not; 3 came later" in result.output
    assert "V-2 line 3: EXCEEDS_PAYMENT" in result.output
    assert "50,00 tenge" in result.output
    assert [len(request.lines) for request in fake.asked] == [2, 1]
    fake.asked.clear()
    lines[2]["amount_tiyn"] = "?"
    path.write_text(as_csv(lines, REVERSAL_COLUMNS), encoding="utf-8", newline="")
    result = _osms(fake, "reverse", path)
    assert result.exit_code == 2
    assert "line 4: expected a whole number in amount_tiyn" in result.stderr
    assert not fake.asked


def test_sources_are_a_table(fake: FakeGateway) -> None:
    """Each feed shows its freshness, next number and held runs."""
    response = category_pb.ListSourcesResponse()
    response.feeds.add(
        source="labour",
        feed=core_pb2.FEED_KIND_CATEGORIES,
        last_applied_at=Timestamp(seconds=1_767_225_600),
        next_delta_number=15,
        stale_after_hours=36,
        stale=True,
        held_run_ids=[77],
    )
    fake.answers("ListSources", response)
    result = _osms(fake, "sources")
    assert result.exit_code == 0, result.output
    for text in ("labour", "2026-01-01 05:00", "15", "late (over 36 h)", "77"):
        assert text in result.output
    assert json.loads(_osms(fake, "sources", "--json").output)[0]["held_run_ids"] == [77]


def test_suspense_is_a_table(fake: FakeGateway, books: Books, tmp_path: Path) -> None:
    """Suspended lines are shown with what is wrong; --limit bounds them."""
    path = tmp_path / "a.mt102"
    people = (Person(iin="12"), Person(iin="13"))
    path.write_bytes(File(people=people, total="8500,00").content())
    _osms(fake, "load", path)
    words = ("--source", "state_corporation", "--reference", "GCVP-00000000017")
    result = _osms(fake, "suspense", *words)
    assert result.exit_code == 0, result.output
    for text in ("GCVP-00000000017", "4 250,00", "IIN_MALFORMED (iin)"):
        assert text in result.output
    limited = _osms(fake, "suspense", *words, "--limit", "1")
    assert "There are more" in limited.output
    assert len(json.loads(_osms(fake, "suspense", *words, "--json").output)) == 2


def test_csv_needs_no_polars_but_parquet_says_so(
    fake: FakeGateway, books: Books, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without polars CSV still loads, and Parquet ends with the install hint."""
    path, parquet = tmp_path / "a.csv", tmp_path / "a.parquet"
    path.write_text(as_csv(rows()), encoding="utf-8", newline="")
    parquet.write_bytes(b"PAR1....PAR1")
    monkeypatch.setitem(sys.modules, "polars", None)
    assert _osms(fake, "load", path).exit_code == 0
    result = _osms(fake, "load", parquet)
    assert result.exit_code == 2
    assert "osms-gateway[files]" in result.stderr


def test_commands_of_a_missing_extra_say_so(
    fake: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server command without the server extra ends with the install hint and 2."""
    entry = EntryPoint(name="server", value="no_such_module:register", group=app.COMMANDS_GROUP)
    monkeypatch.setattr(app, "entry_points", lambda group: [entry])
    for command in ("init", "serve", "verify"):
        result = _osms(fake, command, "--store", "x", "anything")
        assert result.exit_code == 2
        assert "pip install 'osms-gateway[server]'" in result.stderr


def test_other_packages_add_commands(fake: FakeGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever registers at the entry-point group gets the application."""
    value = f"{__name__}:_register_hello"
    entry = EntryPoint(name="hello", value=value, group=app.COMMANDS_GROUP)
    monkeypatch.setattr(app, "entry_points", lambda group: [entry])
    assert _osms(fake, "hello").output == "hello\n"


def _register_hello(application: Any) -> None:
    @application.command()  # type: ignore[untyped-decorator] # any application will do
    def hello() -> None:
        print("hello")  # noqa: T201 # a command prints


_WITHOUT_TYPER = """
import sys
sys.modules["typer"] = None
from osms_client.cli import main
main()
"""


def test_without_typer_the_command_says_what_to_install() -> None:
    """The base install has the command, but it only tells which extra it needs."""
    finished = subprocess.run(
        [sys.executable, "-c", _WITHOUT_TYPER], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 2
    assert "pip install 'osms-gateway[files]'" in finished.stderr
