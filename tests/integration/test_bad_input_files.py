"""Files of registers and feeds: empty, cut, wrongly encoded, too large, and sent again."""

import csv
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from osms_client import (
    Gateway,
    InvalidRequestError,
    NotFoundError,
    Purpose,
    Reason,
    RegisterRefusal,
    RegisterSummary,
    RowTotals,
    Status,
    SuspenseState,
    SyncOutcome,
)
from osms_client.loaders import FileError, LoadReport, load, sync_file
from osms_client.testing import RunningGateway
from tests.integration.files import Mt102, csv_of, feed_of, register_rows, write
from tests.integration.people import new_iin, new_reference, wrong_check_digit

SOURCE = "state_corporation"
AMOUNT_TIYN = 425_000
REGISTERS = 2_000
"""More than a loader sends before it can be killed."""


@pytest.fixture(scope="module")
def gateway(file_gateway: RunningGateway) -> RunningGateway:
    """What is in a file is the loader's and the wire's affair, not the store's."""
    return file_gateway


def people(count: int) -> list[str]:
    """Return people nothing is known of."""
    return [new_iin() for _ in range(count)]


def register_of(sdk: Gateway, reference: str) -> RegisterSummary | None:
    """Return a register, or None if nothing of it was committed."""
    try:
        return sdk.get_register(SOURCE, reference)
    except NotFoundError:
        return None


def nothing_happened(sdk: Gateway, reference: str, iins: list[str]) -> bool:
    """Tell whether neither a register nor any of its people is known."""
    answers = sdk.lookup_many(iins, purpose=Purpose.AUDIT)
    statuses = {getattr(answer, "status", None) for answer in answers}
    return register_of(sdk, reference) is None and statuses == {Status.UNKNOWN_CONSUMER}


def failures(report: LoadReport) -> list[str]:
    """Return the names of the files that could not be read."""
    return [failure.path.name for failure in report.failures]


# --- MT-102 --------------------------------------------------------------------------------------

HABITS: dict[str, dict[str, Any]] = {
    "plain": {},
    "two slashes before a person's tags": {"slash": "//"},
    "DOS line ends": {"newline": "\r\n"},
    "no line end at the end": {"ending": "-}"},
    "CP1251": {"encoding": "cp1251"},
    "CP866 with DOS line ends": {"encoding": "cp866", "newline": "\r\n"},
    "a byte order mark": {"encoding": "utf-8-sig"},
    "the month in every row": {"month_in_rows": True},
    "an amount without a leading zero": {"amount": ",50"},
}


@pytest.mark.parametrize("habits", HABITS.values(), ids=HABITS)
def test_an_mt_102_of_any_habit_is_paid(
    sdk: Gateway, tmp_path: Path, habits: dict[str, Any]
) -> None:
    """Whatever program wrote it, its people are paid for, under their names, by its payer."""
    iins, reference = people(3), new_reference()
    message = Mt102(reference, iins, **habits)
    report = load(sdk, [write(tmp_path, "payments.txt", message.content())])
    assert (report.committed, report.clean, report.warnings) == (1, True, 0)
    stands = sdk.get_register(SOURCE, reference)
    assert (stands.total.rows, stands.declared.people, stands.declared.documents) == (3, 3, 1)
    assert (stands.payer.bin, stands.purpose_code) == ("160440007161", "122")
    for iin in iins:
        (payment,) = sdk.list_payments(iin)
        assert (payment.period, payment.surname, payment.patronymic) == ("2025-12", "Ахметова", "")
        assert payment.amount_tiyn == (50 if message.amount == ",50" else AMOUNT_TIYN)


def test_an_mt_102_whose_total_is_wrong_is_refused_whole(sdk: Gateway, tmp_path: Path) -> None:
    """The gateway counts itself: the refusal names the total, and nothing of the file counts."""
    iins, reference = people(3), new_reference()
    message = Mt102(reference, iins, total="12750,01")
    report = load(sdk, [write(tmp_path, "payments.txt", message.content())])
    assert (report.committed, report.refused, report.clean) == (0, 1, False)
    (refusal,) = report.refusals
    assert refusal.refusal is RegisterRefusal.TOTALS_MISMATCH
    assert refusal.field == "declared.amount_tiyn"
    assert (refusal.declared, refusal.counted) == ("1275001", "1275000")
    assert nothing_happened(sdk, reference, iins)


def test_an_mt_102_cut_anywhere_leaves_nothing(sdk: Gateway, tmp_path: Path) -> None:
    """A transfer that broke off is a file that cannot be read, at whatever byte it broke."""
    iins, reference = people(2), new_reference()
    content = Mt102(reference, iins).content().removesuffix(b"-}\n")
    cuts = [*range(1, len(content), 37), len(content)]
    paths = [write(tmp_path, f"cut-{at}.txt", content[:at]) for at in cuts]
    report = load(sdk, paths)
    assert failures(report) == [path.name for path in paths]
    assert nothing_happened(sdk, reference, iins)


def test_what_lies_before_the_cut_of_a_file_of_messages_is_paid(
    sdk: Gateway, tmp_path: Path
) -> None:
    """Whole messages of a cut file count, the broken one does not; the whole file mends it."""
    references = [new_reference() for _ in range(3)]
    whole = b"".join(Mt102(reference, people(2)).content() for reference in references)
    cut = write(tmp_path, "cut.txt", whole[: len(whole) * 2 // 3 + 100])
    report = load(sdk, [cut])
    assert (report.committed, failures(report)) == (2, ["cut.txt"])
    assert register_of(sdk, references[2]) is None
    report = load(sdk, [write(tmp_path, "whole.txt", whole)])
    assert (report.committed, report.already_committed) == (1, 2)


NOT_MT102 = {
    "empty": b"",
    "only line ends": b"\r\n\r\n",
    "no rows": Mt102("GCVP-0", []).content(),
    "UTF-16": Mt102("GCVP-0", ["900101390002"]).content().decode().encode("utf-16"),
    "KOI8-R": ("{4:\n:20:1\n/NAME/" + "товарищество " * 20).encode("koi8-r"),
    "an archive": b"PK\x03\x04" + bytes(range(256)) * 4,
    "a line that never ends": b"{1:F01" + b"x" * 200_000,
    "damaged UTF-8": Mt102("GCVP-0", ["900101390002"]).content().replace(b"\xd0", b"\xff", 1),
}


@pytest.mark.parametrize("content", NOT_MT102.values(), ids=NOT_MT102)
def test_what_is_no_mt_102_is_told_and_not_sent(
    sdk: Gateway, tmp_path: Path, content: bytes
) -> None:
    """The file is named, what should have been there is said, and no part of its text is."""
    path = write(tmp_path, "payments.txt", content)
    report = load(sdk, [path])
    assert failures(report) == ["payments.txt"]
    assert "900101390002" not in str(report.failures[0])
    assert (report.committed, report.refused) == (0, 0)


def test_a_file_of_too_many_rows_is_refused(sdk: Gateway, tmp_path: Path) -> None:
    """Above 100,000 rows it is TOO_LARGE; the next register of the same load goes on."""
    large, small = new_reference(), new_reference()
    iins = people(1)
    files = [
        write(tmp_path, "large.txt", Mt102(large, iins * 100_001).content()),
        write(tmp_path, "small.txt", Mt102(small, iins).content()),
    ]
    report = load(sdk, files)
    assert (report.committed, report.refused) == (1, 1)
    assert report.refusals[0].refusal is RegisterRefusal.TOO_LARGE
    assert register_of(sdk, large) is None
    assert register_of(sdk, small) is not None


# --- tables --------------------------------------------------------------------------------------


def test_a_table_cut_between_rows_is_refused_by_its_totals(sdk: Gateway, tmp_path: Path) -> None:
    """Nothing in the text shows that rows are missing, but the control totals do."""
    iins, reference = people(10), new_reference()
    text = csv_of(register_rows(reference, iins)[:6])
    report = load(sdk, [write(tmp_path, "register.csv", text)])
    assert (report.committed, report.refused) == (0, 1)
    assert report.refusals[0].refusal is RegisterRefusal.TOTALS_MISMATCH
    assert nothing_happened(sdk, reference, iins)


BAD_TABLES = {
    "empty": "",
    "no rows": csv_of([]),
    "cut in a row": csv_of(register_rows("GCVP-0", ["900101390002"] * 3))[:-60],
    "a column missing": "source,reference,iin\n",
    "semicolons": csv_of(register_rows("GCVP-0", ["900101390002"])).replace(",", ";"),
    "CP1251": csv_of(register_rows("GCVP-0", ["900101390002"])).encode("cp1251"),
    "an open quote": csv_of(register_rows("GCVP-0", ["900101390002"])) + '"state_corporation',
    "no number": csv_of([{**register_rows("GCVP-0", ["1"])[0], "amount_tiyn": "4250.00"}]),
    "half a Parquet file": b"PAR1" + bytes(100),
}


@pytest.mark.parametrize("content", BAD_TABLES.values(), ids=BAD_TABLES)
def test_a_table_that_cannot_be_read_is_told_and_not_sent(
    sdk: Gateway, tmp_path: Path, content: bytes | str
) -> None:
    """The file is named, what should have been there is said, and no part of its text is."""
    path = write(tmp_path, "register.csv", content)
    report = load(sdk, [path])
    assert failures(report) == ["register.csv"]
    assert "900101390002" not in str(report.failures[0])
    assert (report.committed, report.refused) == (0, 0)


def test_no_register_of_a_broken_table_is_sent(sdk: Gateway, tmp_path: Path) -> None:
    """A table is read to its end first: what stands before the broken line does not count."""
    iins, reference = people(2), new_reference()
    broken = {**register_rows(new_reference(), people(1))[0], "line_no": "one"}
    text = csv_of([*register_rows(reference, iins), broken])
    report = load(sdk, [write(tmp_path, "register.csv", text)])
    assert failures(report) == ["register.csv"]
    assert nothing_happened(sdk, reference, iins)


# --- again ---------------------------------------------------------------------------------------


def test_the_same_load_twice_changes_nothing(sdk: Gateway, tmp_path: Path) -> None:
    """Every register is ALREADY_COMMITTED, and the store has no newer revision than before."""
    bad = wrong_check_digit(new_iin())
    files = [
        write(tmp_path, "a.txt", Mt102(new_reference(), [*people(2), bad]).content()),
        write(tmp_path, "b.csv", csv_of(register_rows(new_reference(), people(3)))),
    ]
    first = load(sdk, files)
    assert (first.committed, first.changed) == (2, True)
    assert first.accepted == RowTotals(5, 5 * AMOUNT_TIYN)
    revision = sdk.lookup(new_iin(), purpose=Purpose.AUDIT).revision
    second = load(sdk, files)
    assert (second.committed, second.already_committed, second.changed) == (0, 2, False)
    assert second.settled_before == first.accepted
    assert second.suspended == first.suspended == RowTotals(1, AMOUNT_TIYN)
    assert sdk.lookup(new_iin(), purpose=Purpose.AUDIT).revision == revision


def test_a_killed_load_is_simply_run_again(
    gateway: RunningGateway, sdk: Gateway, tmp_path: Path
) -> None:
    """What was committed before the kill is known then, the rest is committed, all of it once."""
    references = [new_reference() for _ in range(REGISTERS)]
    iins = people(2)
    content = b"".join(Mt102(reference, iins).content() for reference in references)
    path = write(tmp_path, "payments.txt", content)
    command = [sys.executable, "-m", "osms_client.cli", "load", "--target", gateway.target]
    with subprocess.Popen([*command, str(path)], stdout=subprocess.DEVNULL) as process:
        give_up_at = time.monotonic() + 30
        while register_of(sdk, references[0]) is None:
            assert process.poll() is None
            assert time.monotonic() < give_up_at
        process.send_signal(signal.SIGKILL)
    report = load(sdk, [path])
    assert report.clean
    assert report.committed + report.already_committed == len(references)
    assert report.already_committed > 0
    assert report.committed > 0
    for iin in iins:
        payments = list(sdk.list_payments(iin))
        assert sorted(payment.reference for payment in payments) == references
        assert sum(payment.amount_tiyn for payment in payments) == REGISTERS * AMOUNT_TIYN


def test_a_reject_file_is_corrected_and_loaded_again(sdk: Gateway, tmp_path: Path) -> None:
    """Suspended lines are written with what is wrong, mended by hand, and paid by a second load."""
    right, other = people(2)
    reference = new_reference()
    wrong = [wrong_check_digit(right), wrong_check_digit(other)]
    message = Mt102(reference, [*people(1), *wrong])
    rejects = tmp_path / "rejects.csv"
    load(sdk, [write(tmp_path, "payments.txt", message.content())], rejects=rejects)
    with rejects.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [(line["line_no"], line["issue"], line["iin"]) for line in lines] == [
        ("2", "IIN_CHECK_DIGIT", wrong[0]),
        ("3", "IIN_CHECK_DIGIT", wrong[1]),
    ]
    lines[0]["iin"] = right
    lines[1]["action"] = "refund"
    with rejects.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(lines[0]))
        writer.writeheader()
        writer.writerows(lines)
    report = load(sdk, [rejects])
    assert (report.resolved, report.unresolved, report.clean) == (2, 0, True)
    stands = sdk.get_register(SOURCE, reference)
    assert (stands.suspended.rows, stands.corrected.rows, stands.refunded.rows) == (0, 1, 1)
    (payment,) = sdk.list_payments(right)
    assert (payment.reference, payment.line_no) == (reference, 2)
    again = load(sdk, [rejects])
    assert (again.resolved, again.already_resolved, again.changed) == (0, 2, False)
    done = list(sdk.list_suspense(source=SOURCE, reference=reference))
    assert {row.state for row in done} == {SuspenseState.CORRECTED, SuspenseState.REFUNDED}


# --- feeds ---------------------------------------------------------------------------------------


def next_number(sdk: Gateway) -> int:
    """Return the number of the Ministry of Labour's next delta."""
    return next(feed.next_delta_number for feed in sdk.list_sources() if feed.source == "labour")


def test_a_feed_cut_short_is_refused_and_leaves_nothing(sdk: Gateway, tmp_path: Path) -> None:
    """Its head says how many records there are; the whole file is then applied under its number."""
    iins, number = people(10), next_number(sdk)
    cut = write(tmp_path, "cut.csv", feed_of(number, iins[:5], records=10))
    with pytest.raises(InvalidRequestError) as caught:
        sync_file(sdk, cut)
    assert caught.value.reason == Reason.RECORD_COUNT_MISMATCH
    assert next_number(sdk) == number
    answers = sdk.lookup_many(iins, purpose=Purpose.AUDIT)
    assert {getattr(answer, "status", None) for answer in answers} == {Status.UNKNOWN_CONSUMER}
    whole = write(tmp_path, "whole.csv", feed_of(number, iins))
    result = sync_file(sdk, whole)
    assert (result.outcome, result.changed) == (SyncOutcome.APPLIED, 10)
    again = sync_file(sdk, whole)
    assert (again.outcome, again.revision) == (SyncOutcome.ALREADY_APPLIED, result.revision)


BAD_FEEDS = {
    "empty": b"",
    "no head": feed_of(1, ["900101390002"]).partition("\n")[2],
    "no number in the head": feed_of(1, ["900101390002"]).replace(" delta_number=1", ""),
    "cut in a record": feed_of(1, ["900101390002"])[:-10],
    "UTF-16": feed_of(1, ["900101390002"]).encode("utf-16"),
    "an MT-102": Mt102("GCVP-0", ["900101390002"]).content(),
}


@pytest.mark.parametrize("content", BAD_FEEDS.values(), ids=BAD_FEEDS)
def test_a_feed_that_cannot_be_read_is_told_and_leaves_nothing(
    sdk: Gateway, tmp_path: Path, content: bytes | str
) -> None:
    """The number stays free, and the error names the file and no person."""
    number = next_number(sdk)
    path = write(tmp_path, "feed.csv", content)
    with pytest.raises(FileError) as caught:
        sync_file(sdk, path)
    assert caught.value.path == path
    assert "900101390002" not in str(caught.value)
    assert next_number(sdk) == number
