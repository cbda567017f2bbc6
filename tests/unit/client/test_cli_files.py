"""The commands that send files and look into the books: what they print and return."""

import csv
import json
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from osms.v1 import category_service_pb2 as category_pb
from osms.v1 import core_pb2
from osms.v1 import payment_service_pb2 as payment_pb
from osms_client.loaders import REJECT_COLUMNS, REVERSAL_COLUMNS
from tests.unit.client.books import Books
from tests.unit.client.commands import osms
from tests.unit.client.fake import IIN, FakeGateway, abort
from tests.unit.client.mt102_writer import File, Person
from tests.unit.client.tables import RECORD, as_csv, feed_csv


def test_load_says_what_became_of_it(fake: FakeGateway, books: Books, tmp_path: Path) -> None:
    """A clean load is 0, again too; suspended or refused is 1; an unreadable file is 2."""
    good, bad = tmp_path / "good.mt102", tmp_path / "bad.mt102"
    good.write_bytes(File().content())
    people = (Person(), Person(iin="12"))
    bad.write_bytes(File(reference="R-2", people=people, total="8500,00").content())
    result = osms(fake, "load", good)
    assert result.exit_code == 0, result.output
    assert "1 committed, 0 already committed, 0 refused" in result.output
    assert "accepted now: 1 rows, 4 250,00 tenge" in result.output
    again = osms(fake, "load", good)
    assert again.exit_code == 0
    assert "nothing changed" in again.output
    suspended = osms(fake, "load", bad, "--rejects", tmp_path / "rejects.csv")
    assert suspended.exit_code == 1
    assert "in suspense: 1 rows" in suspended.output
    assert (tmp_path / "rejects.csv").exists()
    refused = tmp_path / "refused.mt102"
    refused.write_bytes(File(reference="R-3", total="1,00").content())
    result = osms(fake, "load", refused)
    assert result.exit_code == 1
    assert "TOTALS_MISMATCH in declared.amount_tiyn: declared 100, counted 425000" in result.output
    broken = tmp_path / "broken.mt102"
    broken.write_bytes(b"{1:")
    unread = osms(fake, "load", broken)
    assert (unread.exit_code, unread.stdout) == (2, "")
    result = osms(fake, "load", broken, good)
    assert result.exit_code == 2
    assert "broken.mt102" in result.stderr
    assert "1 already committed" in result.output


def test_load_without_a_gateway_is_status_2(fake: FakeGateway, tmp_path: Path) -> None:
    """A load that cannot reach the gateway says so and how far it came."""
    path = tmp_path / "a.mt102"
    path.write_bytes(File().content())
    fake.target = "127.0.0.1:1"
    result = osms(fake, "load", path)
    assert result.exit_code == 2
    assert "UNAVAILABLE" in result.stderr
    assert "0 committed" in result.output
    assert "not finished" in result.output
    assert "nothing changed" not in result.output


def test_resolve_takes_reject_files(fake: FakeGateway, books: Books, tmp_path: Path) -> None:
    """Corrected lines are resolved; any other file is a usage error."""
    path, rejects = tmp_path / "a.mt102", tmp_path / "rejects.csv"
    path.write_bytes(File(people=(Person(iin="12"),)).content())
    osms(fake, "load", path, "--rejects", rejects)
    with rejects.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert osms(fake, "resolve", rejects).exit_code == 1
    lines[0]["iin"] = IIN
    rejects.write_text(as_csv(lines, REJECT_COLUMNS), encoding="utf-8", newline="")
    result = osms(fake, "resolve", rejects, "--reason", "letter 5")
    assert result.exit_code == 0, result.output
    assert result.output == "suspended lines: 1 resolved, 0 already resolved, 0 not resolved\n"
    assert fake.asked[-1].operator_reason == "letter 5"
    assert "1 already resolved" in osms(fake, "resolve", rejects).output
    assert osms(fake, "resolve", path).exit_code == 2


def test_sync_says_what_became_of_it(fake: FakeGateway, books: Books, tmp_path: Path) -> None:
    """An applied feed is 0, again too; rejected records are 1; an unreadable file is 2."""
    good, bad, broken = (tmp_path / name for name in ("good.csv", "bad.csv", "broken.csv"))
    good.write_text(feed_csv([RECORD]), encoding="utf-8")
    bad.write_text(feed_csv([{**RECORD, "iin": "12"}]), encoding="utf-8")
    broken.write_text(feed_csv([RECORD]).partition("\n")[2], encoding="utf-8")
    result = osms(fake, "sync", good)
    assert result.exit_code == 0, result.output
    assert "good.csv: APPLIED" in result.output
    assert "ALREADY_APPLIED" in osms(fake, "sync", good).output
    rejected = osms(fake, "sync", bad)
    assert rejected.exit_code == 1
    assert "record 1: rejected, IIN (iin)" in rejected.output
    both = osms(fake, "sync", broken, good)
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
    result = osms(fake, "sync", path)
    assert result.exit_code == 1
    assert "HELD, run 77" in result.output
    assert "labour/pension would lose 500 of 900 spans" in result.output
    assert "osms release 77 --reason TEXT" in result.output
    assert "send a newer snapshot" in result.output
    fake.on(
        "SyncCategories",
        lambda requests, context: abort(
            context,
            grpc.StatusCode.FAILED_PRECONDITION,
            "SEQUENCE_GAP",
            metadata={"expected_delta_number": "13"},
        ),
    )
    result = osms(fake, "sync", path)
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
    result = osms(fake, "reverse", path)
    assert result.exit_code == 1
    assert "2 reversed, 0 already reversed, 1 not reversed; 3 came later" in result.output
    assert "V-2 line 3: EXCEEDS_PAYMENT, left" in result.output
    assert "50,00 tenge" in result.output
    assert [len(request.lines) for request in fake.asked] == [2, 1]
    fake.asked.clear()
    lines[2]["amount_tiyn"] = "?"
    path.write_text(as_csv(lines, REVERSAL_COLUMNS), encoding="utf-8", newline="")
    result = osms(fake, "reverse", path)
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
    result = osms(fake, "sources")
    assert result.exit_code == 0, result.output
    for text in ("labour", "2026-01-01 05:00 Almaty", "15", "late (over 36 h)", "77"):
        assert text in result.output
    assert json.loads(osms(fake, "sources", "--json").output)[0]["held_run_ids"] == [77]


def test_suspense_is_a_table(fake: FakeGateway, books: Books, tmp_path: Path) -> None:
    """Suspended lines are shown with what is wrong; --limit bounds them."""
    path = tmp_path / "a.mt102"
    people = (Person(iin="12"), Person(iin="13"))
    path.write_bytes(File(people=people, total="8500,00").content())
    osms(fake, "load", path)
    words = ("--source", "state_corporation", "--reference", "GCVP-00000000017")
    result = osms(fake, "suspense", *words)
    assert result.exit_code == 0, result.output
    for text in ("GCVP-00000000017", "4 250,00", "IIN_MALFORMED (iin)"):
        assert text in result.output
    limited = osms(fake, "suspense", *words, "--limit", "1")
    assert "There are more" in limited.output
    assert len(json.loads(osms(fake, "suspense", *words, "--json").output)) == 2


def test_suspense_without_lines_says_so(fake: FakeGateway) -> None:
    """An unknown reference is told in words, not by an empty table."""
    fake.answers("ListSuspense", payment_pb.ListSuspenseResponse())
    result = osms(fake, "suspense", "--source", "x", "--reference", "y", "--issue", "Iin_Malformed")
    assert (result.exit_code, result.output) == (0, "no such lines\n")
    assert fake.asked[0].issue == payment_pb.LINE_ISSUE_IIN_MALFORMED
    assert osms(fake, "suspense", "--issue", "unrecognised").exit_code == 2


def test_rejects_are_never_written_over(fake: FakeGateway, books: Books, tmp_path: Path) -> None:
    """An existing reject file or an unwritable place is told in words before anything is sent."""
    path, rejects = tmp_path / "a.mt102", tmp_path / "rejects.csv"
    path.write_bytes(File(people=(Person(iin="12"),)).content())
    rejects.write_text("a person's work", encoding="utf-8")
    nowhere = tmp_path / "no" / "r.csv"
    for place, words in ((rejects, "a new file for rejects"), (nowhere, "No such file")):
        result = osms(fake, "load", path, "--rejects", place)
        assert (result.exit_code, result.stdout) == (2, "")
        assert words in result.stderr
    assert rejects.read_text(encoding="utf-8") == "a person's work"
    assert not fake.asked


def test_held_snapshot_is_released(fake: FakeGateway) -> None:
    """A release says what was applied, and takes the operator's reason along."""
    response = category_pb.ReleaseHeldSnapshotResponse()
    response.result.outcome = category_pb.SYNC_OUTCOME_APPLIED
    response.result.run_id, response.result.closed = 77, 500
    fake.answers("ReleaseHeldSnapshot", response)
    result = osms(fake, "release", "77", "--reason", "letter 5")
    assert result.exit_code == 0, result.output
    assert "APPLIED, run 77" in result.output
    assert (fake.asked[0].run_id, fake.asked[0].operator_reason) == (77, "letter 5")
    assert osms(fake, "release", "77").exit_code == 2


def test_refusals_say_why(fake: FakeGateway, tmp_path: Path) -> None:
    """A refused day is explained; a source that is not known is told once for all registers."""
    path = tmp_path / "a.mt102"
    path.write_bytes(b"".join(File(reference=f"R-{n}").content() for n in range(3)))

    def refuse(requests: Any, context: grpc.ServicerContext) -> Any:
        for request in requests:
            yield payment_pb.IngestRegistersResponse(
                result=payment_pb.RegisterResult(
                    source=request.register.source,
                    reference=request.register.reference,
                    outcome=payment_pb.REGISTER_OUTCOME_REFUSED,
                    refusal=payment_pb.REGISTER_REFUSAL_INVALID,
                    field=field,
                )
            )

    fake.on("IngestRegisters", refuse)
    field = "received_on"
    result = osms(fake, "load", path)
    assert result.output.count("INVALID in received_on: after today or before 2017-07") == 3
    field = "source"
    result = osms(fake, "load", path, "--source", "nobody")
    assert result.output.count("source is not known") == 1
    assert "R-1" not in result.output


def test_amount_that_must_stay_is_told(fake: FakeGateway, books: Books, tmp_path: Path) -> None:
    """A changed amount is answered by what can be done with the line."""
    path, rejects = tmp_path / "a.mt102", tmp_path / "rejects.csv"
    path.write_bytes(File(people=(Person(iin="12"),)).content())
    osms(fake, "load", path, "--rejects", rejects)
    response = payment_pb.ResolveSuspenseResponse()
    response.results.add(outcome=payment_pb.RESOLUTION_OUTCOME_STILL_INVALID, field="amount_tiyn")
    fake.answers("ResolveSuspense", response)
    result = osms(fake, "load", rejects)
    assert result.exit_code == 1
    assert "the amount must stay as it was: refund the line" in result.output
    assert "in suspense" not in result.output
