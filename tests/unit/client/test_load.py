"""Loading files into a gateway, again and again."""

import csv
from pathlib import Path
from typing import Any

import pytest

from osms.v1 import payment_service_pb2 as payment_pb
from osms_client import Gateway, RefusedError, RetryLaterError, RowTotals, SyncOutcome
from osms_client.loaders import (
    REJECT_COLUMNS,
    FileError,
    LoadProgress,
    LoadReport,
    SyncProgress,
    load,
    sync_file,
)
from tests.unit.client.books import Books
from tests.unit.client.fake import IIN, FakeGateway
from tests.unit.client.mt102_writer import File, Person
from tests.unit.client.tables import NOTE, RECORD, as_csv, feed_csv, rows, write_parquet


def _load(fake: FakeGateway, *paths: Path, **keywords: Any) -> LoadReport:
    with Gateway(fake.target) as gateway:
        return load(gateway, paths, **keywords)


def _file(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def _mixed(tmp_path: Path) -> list[Path]:
    bad = File(reference="R-2", people=(Person(), Person(iin="12")), total="8500,00")
    refused = File(reference="R-3", total="1,00")
    write_parquet(tmp_path / "c.parquet", rows(reference="R-4"))
    return [
        _file(tmp_path, "a.mt102", File(reference="R-1").content() + bad.content()),
        _file(tmp_path, "b.mt102", refused.content()),
        tmp_path / "c.parquet",
        _file(tmp_path, "d.csv", as_csv(rows(3, reference="R-5"))),
    ]


def test_files_of_every_kind_are_loaded(fake: FakeGateway, books: Books, tmp_path: Path) -> None:
    """A load of several files says what was committed, refused and suspended, in money too."""
    report = _load(fake, *_mixed(tmp_path))
    assert report.files == 4
    assert (report.committed, report.already_committed, report.refused) == (4, 0, 1)
    assert report.accepted == RowTotals(6, 6 * 425_000)
    assert report.suspended == RowTotals(1, 425_000)
    assert [result.reference for result in report.refusals] == ["R-3"]
    assert (report.changed, report.clean, report.revision) == (True, False, 7)
    assert sorted(books.registers) == [
        ("state_corporation", reference) for reference in ("R-1", "R-2", "R-4", "R-5")
    ]


def test_loading_again_changes_nothing(fake: FakeGateway, books: Books, tmp_path: Path) -> None:
    """The same load twice is ALREADY_COMMITTED throughout, and says so."""
    paths = _mixed(tmp_path)
    _load(fake, *paths)
    report = _load(fake, *paths)
    assert (report.committed, report.already_committed, report.refused) == (0, 4, 1)
    assert report.accepted == RowTotals(0, 0)
    assert report.settled_before == RowTotals(6, 6 * 425_000)
    assert report.suspended == RowTotals(1, 425_000)
    assert not report.changed


def test_clean_load_is_clean_again(fake: FakeGateway, books: Books, tmp_path: Path) -> None:
    """What is accepted now or before is clean."""
    path = _file(tmp_path, "a.mt102", File().content())
    assert _load(fake, path).clean
    assert _load(fake, path).clean


def test_killed_load_is_run_again(fake: FakeGateway, books: Books, tmp_path: Path) -> None:
    """A load that broke off keeps its report; run again, it brings only what is missing."""
    paths = [_file(tmp_path, f"{n}.mt102", File(reference=f"R-{n}").content()) for n in range(5)]
    books.break_after = 2
    report = LoadReport()
    with pytest.raises(RetryLaterError):
        _load(fake, *paths, report=report)
    assert report.committed == 2
    books.break_after = None
    again = _load(fake, *paths)
    assert again.committed + again.already_committed == 5
    assert again.already_committed >= 2
    assert len(books.registers) == 5


def test_unreadable_file_does_not_stop_the_others(
    fake: FakeGateway, books: Books, tmp_path: Path
) -> None:
    """A broken file is reported, nothing of it is sent, and the next ones are loaded."""
    paths = [
        _file(tmp_path, "a.mt102", File(reference="R-1").content()),
        _file(tmp_path, "b.mt102", File(reference="R-2", tail=()).content()),
        _file(tmp_path, "c.csv", as_csv([*rows(2, reference="R-3"), *rows(amount_tiyn="x")])),
        _file(tmp_path, "d.csv", ""),
        tmp_path / "missing.csv",
        _file(tmp_path, "feed.csv", feed_csv([RECORD])),
        _file(tmp_path, "e.csv", as_csv(rows(reference="R-4"))),
    ]
    report = _load(fake, *paths)
    assert {failure.path.name for failure in report.failures} == {
        "b.mt102",
        "c.csv",
        "d.csv",
        "missing.csv",
        "feed.csv",
    }
    assert sorted(key[1] for key in books.registers) == ["R-1", "R-4"]
    assert (report.files, report.clean) == (2, False)


def test_rejects_are_corrected_and_loaded_again(
    fake: FakeGateway, books: Books, tmp_path: Path
) -> None:
    """Suspended lines are written to a file; corrected or refunded there, they are resolved."""
    people = (Person(), Person(iin="12", surname="А, «Б»"), Person(iin="13"))
    path = _file(tmp_path, "a.mt102", File(people=people, total="12750,00").content())
    rejects = tmp_path / "rejects.csv"
    assert _load(fake, path, rejects=rejects).suspended.rows == 2
    with rejects.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert rejects.stat().st_mode & 0o777 == 0o600, "only its owner may read it"
    assert tuple(lines[0]) == REJECT_COLUMNS
    assert [(line["line_no"], line["iin"], line["issue"], line["action"]) for line in lines] == [
        ("2", "12", "IIN_MALFORMED", "correct"),
        ("3", "13", "IIN_MALFORMED", "correct"),
    ]
    assert lines[0]["surname"] == "А, «Б»"
    assert lines[0]["declared_amount_tiyn"] == "1275000"
    lines[0]["iin"] = IIN
    lines[1]["action"] = "refund"
    corrected = _file(tmp_path, "corrected.csv", as_csv(lines, REJECT_COLUMNS))
    report = _load(fake, corrected)
    assert (report.resolved, report.unresolved, report.clean) == (2, 0, True)
    assert report.revision == 9
    assert books.in_suspense(("state_corporation", "GCVP-00000000017")) == []
    again = _load(fake, corrected, path)
    assert (again.already_resolved, again.already_committed) == (2, 1)
    assert again.suspended.rows == 0
    assert (again.clean, again.changed) == (True, False)


def test_rejects_are_those_of_now(fake: FakeGateway, books: Books, tmp_path: Path) -> None:
    """Loading again writes the lines that are still in suspense; without any there is no file."""
    people = (Person(iin="12"),)
    path = _file(tmp_path, "a.mt102", File(people=people).content())
    rejects, later = tmp_path / "rejects.csv", tmp_path / "later.csv"
    _load(fake, path)
    _load(fake, path, rejects=rejects)
    assert len(rejects.read_text(encoding="utf-8").splitlines()) == 2
    fixed = rejects.read_text(encoding="utf-8").replace(",12,", f",{IIN},")
    report = _load(fake, _file(tmp_path, "fixed.csv", fixed), path, rejects=later)
    assert report.clean
    assert not later.exists()


def test_still_wrong_line_is_not_clean(fake: FakeGateway, books: Books, tmp_path: Path) -> None:
    """A correction that is still wrong is reported by its line."""
    path = _file(tmp_path, "a.mt102", File(people=(Person(iin="12"),)).content())
    rejects = tmp_path / "rejects.csv"
    _load(fake, path, rejects=rejects)
    report = _load(fake, rejects, operator_reason="letter 7")
    assert (report.unresolved, report.clean) == (1, False)
    ((resolution, result),) = report.unresolved_lines
    assert (resolution.reference, resolution.line_no) == ("GCVP-00000000017", 1)
    assert result.outcome == "STILL_INVALID"
    assert fake.asked[-1].operator_reason == "letter 7"


def test_broken_reject_file_resolves_nothing(
    fake: FakeGateway, books: Books, tmp_path: Path
) -> None:
    """An action that is none is found before any line is resolved."""
    lines = [
        {**row, "action": action} for row, action in zip(rows(2), ["refund", "?"], strict=True)
    ]
    report = _load(fake, _file(tmp_path, "a.csv", as_csv(lines, REJECT_COLUMNS)))
    assert "correct or refund" in report.failures[0].expected
    assert report.failures[0].line == 3
    assert not fake.asked


def test_rejects_never_overwrite_what_is_loaded(fake: FakeGateway, tmp_path: Path) -> None:
    """The file being loaded is a person's work: it is not written over."""
    path = _file(tmp_path, "a.csv", as_csv(rows()))
    with pytest.raises(FileError, match="another file"):
        _load(fake, path, rejects=path)


def test_broken_off_load_leaves_no_rejects(fake: FakeGateway, books: Books, tmp_path: Path) -> None:
    """After a load that broke off the same load can be run again, with the same reject file."""
    path = _file(tmp_path, "a.mt102", File(people=(Person(iin="12"),)).content())
    books.break_after = 1
    with pytest.raises(RetryLaterError):
        _load(fake, path, rejects=tmp_path / "rejects.csv")
    assert list(tmp_path.iterdir()) == [path]
    books.break_after = None
    assert _load(fake, path, rejects=tmp_path / "rejects.csv").suspended.rows == 1


def test_wrong_amount_is_to_be_refunded(fake: FakeGateway, books: Books, tmp_path: Path) -> None:
    """A line whose amount is not positive cannot be corrected: its action is refund."""
    line = payment_pb.SuspendedRow(
        source="state_corporation",
        reference="GCVP-00000000017",
        issue=payment_pb.LINE_ISSUE_AMOUNT_NOT_POSITIVE,
        field="amount_tiyn",
        state=payment_pb.SUSPENSE_STATE_SUSPENDED,
        received_on="2025-08-20",
    )
    fake.answers("ListSuspense", payment_pb.ListSuspenseResponse(rows=[line]))
    path = _file(tmp_path, "a.mt102", File(people=(Person(iin="12"),)).content())
    rejects = tmp_path / "rejects.csv"
    _load(fake, path, rejects=rejects)
    with rejects.open(encoding="utf-8", newline="") as file:
        assert [row["action"] for row in csv.DictReader(file)] == ["refund"]


def test_progress_is_told(fake: FakeGateway, books: Books, tmp_path: Path) -> None:
    """Progress grows to the whole of all files."""
    seen: list[LoadProgress] = []
    paths = _mixed(tmp_path)
    _load(fake, *paths, on_progress=seen.append)
    assert seen[-1].registers == 5
    assert seen[-1].rows == 7
    assert seen[-1].bytes_total == sum(path.stat().st_size for path in paths)
    assert all(progress.bytes_done <= progress.bytes_total for progress in seen)


def test_feed_is_synced(fake: FakeGateway, books: Books, tmp_path: Path) -> None:
    """A feed's head and records reach the gateway; the same file again is known."""
    path = _file(tmp_path, "feed.csv", feed_csv([RECORD, {**RECORD, "iin": "12"}]))
    seen: list[SyncProgress] = []
    with Gateway(fake.target) as gateway:
        result = sync_file(gateway, path, on_progress=seen.append)
        again = sync_file(gateway, path)
    assert (result.outcome, result.records, result.rejected) == (SyncOutcome.APPLIED, 2, 1)
    assert result.rejected_records[0].record_no == 2
    assert again.outcome is SyncOutcome.ALREADY_APPLIED
    header, records = books.syncs[0]
    assert (header.sender, header.delta_number, header.as_of) == ("labour", 14, "2026-03-02")
    assert (records[0].iin, records[0].assigned_on) == (IIN, "2026-03-01")
    assert (seen[-1].records, seen[-1].header.declared_records) == (2, 2)


def test_parquet_snapshot_is_synced(fake: FakeGateway, books: Books, tmp_path: Path) -> None:
    """A snapshot in Parquet says its scope in the file's metadata."""
    note = (
        "# osms-feed sender=state_corporation kind=SNAPSHOT as_of=2026-03-01 records=1"
        " scope=labour/pension,labour/disabled,health/"
    )
    path = tmp_path / "feed.parquet"
    write_parquet(path, [RECORD], list(RECORD), note=note)
    with Gateway(fake.target) as gateway:
        sync_file(gateway, path)
    header, _ = books.syncs[0]
    assert [(part.source, part.category) for part in header.scope] == [
        ("labour", "pension"),
        ("labour", "disabled"),
        ("health", ""),
    ]
    assert header.delta_number == 0


def test_truncated_feed_is_the_gateways_to_refuse(
    fake: FakeGateway, books: Books, tmp_path: Path
) -> None:
    """A feed with fewer records than it declares is sent as it is, and refused."""
    path = _file(tmp_path, "feed.csv", feed_csv([RECORD], NOTE.format(2)))
    with Gateway(fake.target) as gateway, pytest.raises(RefusedError) as caught:
        sync_file(gateway, path)
    assert caught.value.reason == "RECORD_COUNT_MISMATCH"


_BROKEN_FEEDS = [
    ("no head", feed_csv([RECORD]).partition("\n")[2], "a head such as"),
    ("no kind", feed_csv([], NOTE.format(0).replace("kind=DELTA ", "")), "kind=..."),
    ("a strange kind", feed_csv([], NOTE.format(0).replace("DELTA", "ALL")), "DELTA or SNAPSHOT"),
    ("no number", feed_csv([], NOTE.format(0).replace("delta_number=14 ", "")), "delta_number"),
    ("no whole number", feed_csv([], NOTE.format("-1")), "records as a whole number"),
    ("no date", feed_csv([], NOTE.format(0).replace("2026-03-02", "today")), "as_of"),
    ("a word too many", feed_csv([], NOTE.format(0) + " colour=red"), "no further words"),
    ("no words", feed_csv([], "# osms-feed labour"), "key=value"),
    ("no scope", feed_csv([], NOTE.format(0).replace("DELTA", "SNAPSHOT")), "scope=..."),
    (
        "an empty scope",
        feed_csv([], NOTE.format(0).replace("DELTA", "SNAPSHOT") + " scope=/pension"),
        "scope as source/category",
    ),
    ("another column", feed_csv([]).replace("iin,", "inn,"), "'iin'"),
    ("a cell too few", feed_csv([RECORD]) + "1,2\r\n", "7 cells"),
    ("registers", as_csv(rows()), "a head such as"),
    ("MT-102", "\n".join(File().lines()), "a category feed"),
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [case[1:] for case in _BROKEN_FEEDS],
    ids=[case[0] for case in _BROKEN_FEEDS],
)
def test_unreadable_feed_is_told(
    fake: FakeGateway, books: Books, tmp_path: Path, text: str, expected: str
) -> None:
    """A broken feed raises, naming what was expected, and nothing of it counts."""
    path = _file(tmp_path, "feed.csv", text)
    with Gateway(fake.target) as gateway, pytest.raises(FileError) as caught:
        sync_file(gateway, path)
    assert expected in caught.value.expected
    assert books.syncs == []
