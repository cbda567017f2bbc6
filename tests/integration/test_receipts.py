"""Receipts of a real gateway: given out, verified there and elsewhere, repeated later."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import grpc
import pytest

from osms.receipts import read_receipt, sign_receipt
from osms.v1 import consumer_service_pb2 as pb
from osms.v1 import core_pb2
from osms_client import (
    CategoryRecord,
    ConflictError,
    Eligibility,
    Gateway,
    InvalidRequestError,
    KnownAt,
    Purpose,
    Reason,
    ReceiptKeyError,
    ReceiptKeys,
    ReceiptVerdict,
    Status,
    SyncHeader,
    SyncKind,
)
from osms_client.testing import RunningGateway
from osms_server.keys import read_ring, rotate
from tests.integration.books import commit, rows_of
from tests.integration.conftest import NUMBERS
from tests.integration.gateways import NOW, serving, serving_store
from tests.integration.people import new_iin
from tests.integration.wire import DEADLINE_S, Stubs, failure_of
from tests.postgres import Postgres


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of keys."""
    folder = tmp_path_factory.mktemp("receipts") / "keys"
    rotate(folder)
    return folder


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def gateway(
    request: pytest.FixtureRequest, keys: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    """A gateway with keys, on each engine in turn."""
    folder, settings = tmp_path_factory.mktemp("gateway"), {"OSMS_KEYS": str(keys)}
    if request.param == "sqlite":
        prepared: Path = request.getfixturevalue("prepared_store")
        with serving(prepared, folder, settings=settings) as running:
            yield running
            assert not NUMBERS.search(running.log()), "a person's number is in the log"
        return
    server: Postgres = request.getfixturevalue("postgres")
    name = server.create(request.getfixturevalue("prepared_database"))
    with serving_store(server.url(name), folder, settings=settings) as running:
        yield running
        assert not NUMBERS.search(running.log()), "a person's number is in the log"
    server.drop(name)


def ask(sdk: Gateway, iin: str, known: KnownAt = None) -> Eligibility:
    """Ask about a person's day, with a receipt."""
    return sdk.lookup(
        iin,
        purpose=Purpose.BILLING,
        service_date=date(2025, 12, 15),
        known=known,
        issue_receipt=True,
    )


def verdict(sdk: Gateway, receipt: str, iin: str) -> ReceiptVerdict:
    """Return what the gateway holds of a receipt."""
    return sdk.verify_receipt(receipt, iin).verdict


def test_a_receipt_states_the_answer(sdk: Gateway) -> None:
    """The gateway, and anybody with its keys, reads from it what was answered."""
    iin = new_iin()
    commit(sdk, *rows_of(iin))
    answer = ask(sdk, iin)
    check = sdk.verify_receipt(answer.receipt, iin)
    assert check.verdict is ReceiptVerdict.GENUINE
    said = check.statement
    assert said is not None
    assert (said.status, said.service_date) == (Status.INSURED, answer.service_date)
    assert (said.decision_id, said.revision) == (answer.decision_id, answer.revision)
    assert (said.ruleset, said.purpose) == (answer.ruleset, Purpose.BILLING)
    assert said.decided_at == answer.decided_at.replace(microsecond=0)
    assert ReceiptKeys(sdk.receipt_keys()).verify(answer.receipt) == said
    assert sdk.lookup(iin, purpose=Purpose.BILLING).receipt == ""


def test_a_receipt_stays_genuine_when_the_answer_changes(sdk: Gateway) -> None:
    """A payment that comes late heals the day; what the clinic was told before is repeated."""
    iin = new_iin()
    before = ask(sdk, iin)
    commit(sdk, *rows_of(iin))
    after = ask(sdk, iin)
    assert (before.status, after.status) == (Status.UNKNOWN_CONSUMER, Status.INSURED)
    assert verdict(sdk, before.receipt, iin) is ReceiptVerdict.GENUINE
    assert verdict(sdk, after.receipt, iin) is ReceiptVerdict.GENUINE
    commit(sdk, *rows_of(iin))
    assert verdict(sdk, before.receipt, iin) is ReceiptVerdict.GENUINE


def test_what_was_known_in_the_past_has_no_receipt(sdk: Gateway, gateway: RunningGateway) -> None:
    """It would look like an answer of today: only the revision in it would tell."""
    iin = new_iin()
    unpaid = ask(sdk, iin)
    gateway.set_clock(NOW.replace(hour=10))
    commit(sdk, *rows_of(iin))
    for known in (unpaid.revision, NOW.replace(minute=30)):
        with pytest.raises(InvalidRequestError) as refused:
            ask(sdk, iin, known)
        assert [one.field for one in refused.value.field_violations] == ["issue_receipt"]


def test_a_receipt_is_about_one_person(sdk: Gateway) -> None:
    """For anybody else it is worth nothing, and what it says is not told."""
    check = sdk.verify_receipt(ask(sdk, new_iin()).receipt, new_iin())
    assert (check.verdict, check.statement) == (ReceiptVerdict.OTHER_PERSON, None)


def test_a_changed_receipt_is_not_genuine(sdk: Gateway) -> None:
    """That is an answer, whatever was sent, and nothing of it is told."""
    iin, other = new_iin(), new_iin()
    receipt, another = ask(sdk, iin).receipt, ask(sdk, other).receipt
    swapped = f"{receipt.rpartition('.')[0]}.{another.rpartition('.')[2]}"
    unsigned = f"{receipt.rpartition('.')[0]}."
    for forged in (swapped, unsigned, receipt[1:], "receipt", "." * 4_096):
        check = sdk.verify_receipt(forged, iin)
        assert (check.verdict, check.statement) == (ReceiptVerdict.NOT_GENUINE, None)


def test_receipts_outlive_their_key(sdk: Gateway, keys: Path) -> None:
    """After a rotation, without a restart, the new key signs and old receipts stay valid."""
    iin = new_iin()
    old_keys = ReceiptKeys(sdk.receipt_keys())
    old = ask(sdk, iin).receipt
    rotate(keys)
    new = ask(sdk, iin).receipt
    assert verdict(sdk, old, iin) is verdict(sdk, new, iin) is ReceiptVerdict.GENUINE
    newer_keys = ReceiptKeys(sdk.receipt_keys())
    assert newer_keys.verify(old).decision_id != newer_keys.verify(new).decision_id
    with pytest.raises(ReceiptKeyError):
        old_keys.verify(new)


def test_what_cannot_be_repeated_is_told(sdk: Gateway, keys: Path) -> None:
    """A genuine receipt that the store contradicts, or is too old for, is reported as a defect."""
    iin = new_iin()
    ring = read_ring(keys)
    said = read_receipt(ask(sdk, iin).receipt, ring.public)
    said.status = core_pb2.ELIGIBILITY_STATUS_INSURED
    wrong = sign_receipt(said, ring.key_id, ring.signing)
    assert verdict(sdk, wrong, iin) is ReceiptVerdict.NOT_REPEATED
    said.revision += 1_000_000
    ahead = sign_receipt(said, ring.key_id, ring.signing)
    assert verdict(sdk, ahead, iin) is ReceiptVerdict.NOT_REPEATED


def assign(sdk: Gateway, sender: str, category: str, iin: str) -> None:
    """Let a source report that a person is of a category."""
    (number,) = (feed.next_delta_number for feed in sdk.list_sources() if feed.source == sender)
    header = SyncHeader(
        sender=sender,
        kind=SyncKind.DELTA,
        delta_number=number,
        as_of=date(2026, 1, 10),
        declared_records=1,
    )
    record = CategoryRecord(iin=iin, category=category, assigned_on="2024-03-01")
    sdk.sync(header, [record])


def test_nobody_can_tell_exempt_people_by_their_receipts(sdk: Gateway, keys: Path) -> None:
    """Those of a serviceman and of a pensioner differ in nothing but their ids and hashes."""
    serviceman, pensioner = new_iin(), new_iin()
    assign(sdk, "services", "serviceman", serviceman)
    assign(sdk, "labour", "pension", pensioner)
    receipts = [ask(sdk, iin).receipt for iin in (serviceman, pensioner)]
    assert len({len(receipt) for receipt in receipts}) == 1
    said = [read_receipt(receipt, read_ring(keys).public) for receipt in receipts]
    assert said[0].status == core_pb2.ELIGIBILITY_STATUS_INSURED
    for statement in said:
        assert (len(statement.person), len(statement.decision_id)) == (43, 20)
        statement.person = statement.decision_id = ""
    assert said[0] == said[1]


def test_all_that_is_wrong_is_told_at_once(stubs: Stubs) -> None:
    """A receipt and an IIN are required; a receipt has a limit."""
    for receipt, description in (("", "is required"), ("a" * 4_097, "at most 4096 characters")):
        request = pb.VerifyReceiptRequest(receipt=receipt, iin="1")
        failure = failure_of(
            lambda request=request: stubs.consumers.VerifyReceipt(request, timeout=DEADLINE_S)  # type: ignore[misc] # bound now
        )
        assert failure.status is grpc.StatusCode.INVALID_ARGUMENT
        assert set(failure.violations) == {"receipt", "iin"}
        assert description in failure.violations["receipt"]


def test_a_gateway_without_keys_says_so(prepared_store: Path, tmp_path: Path) -> None:
    """It answers without a receipt; whoever asks for one, or about one, is refused."""
    iin = new_iin()
    running = serving(prepared_store, tmp_path, settings={"OSMS_KEYS": ""})
    with running as gateway, Gateway(gateway.target) as sdk:
        assert sdk.lookup(iin, purpose=Purpose.BILLING).receipt == ""
        for refused in (
            lambda: ask(sdk, iin),
            lambda: sdk.verify_receipt("receipt", iin),
            sdk.receipt_keys,
        ):
            with pytest.raises(ConflictError) as error:
                refused()
            assert error.value.reason is Reason.RECEIPTS_NOT_OFFERED


def test_a_gateway_whose_keys_others_may_read_does_not_start(
    prepared_store: Path, keys: Path, tmp_path: Path
) -> None:
    """It says so in words, and names the file."""
    person_key = keys / "person.key"
    person_key.chmod(0o644)
    try:
        running = serving(prepared_store, tmp_path, settings={"OSMS_KEYS": str(keys)})
        with pytest.raises(RuntimeError, match=r"osms: Others may read .*person\.key"), running:
            pass
    finally:
        person_key.chmod(0o600)
