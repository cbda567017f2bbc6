"""A small world for the tests of the store: a clock that moves, a few sources and categories."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any

from osms_server.law import Law
from osms_server.rules import Parameters
from osms_storage import categories, syncs
from osms_storage.category_records import CategoryRecord, ShrinkGuard, SyncHeader, SyncResult
from osms_storage.comparison import compare_delta, compare_snapshot
from osms_storage.projection import CoverPolicy
from osms_storage.records import CheckedRegister, PaymentLine
from osms_storage.reference import ReferenceData
from osms_storage.registers import commit_registers
from osms_storage.store import Store

KINDS = ("STATE_PAID", "EXEMPT", "ON_VISIT", "NONE", "DECEASED")
_NAMES = {f"name_{language}": "name" for language in ("kk", "ru", "en")}

DOCUMENTS: dict[str, dict[str, dict[str, Any]]] = {
    "source": {
        "state_corporation": {"id": 1, "feeds": ["REGISTERS", "CATEGORIES"], **_NAMES},
        "labour": {"id": 2, "feeds": ["CATEGORIES"], **_NAMES},
        "justice": {"id": 3, "feeds": ["CATEGORIES"], **_NAMES},
        "services": {"id": 4, "feeds": ["CATEGORIES"], **_NAMES},
    },
    "category": {
        f"{kind}-{letter}": {
            "id": 1 + 2 * number + (letter == "b"),
            "kind": kind,
            "restricted": kind == "EXEMPT",
            "sources": ["labour", "justice"],
            "legal_reference": "",
            **_NAMES,
        }
        for number, kind in enumerate(KINDS)
        for letter in "ab"
    },
    "purpose_code": {
        code: {"gives_cover": cover, **_NAMES}
        for code, cover in (("121", True), ("122", True), ("123", False), ("124", False))
    },
    "parameter": Parameters.bundled_documents(),
}
LAW = Law(ReferenceData(DOCUMENTS))


def policy_of(data: ReferenceData) -> CoverPolicy:
    """Return which payments settle a month under some reference data."""
    return Law(data).policy


STATE_CORPORATION, LABOUR, JUSTICE, SERVICES = 1, 2, 3, 4
NO_GUARD = ShrinkGuard(close_share_max=1.0, close_min=0)


class MovableClock:
    """A clock that stands until it is moved."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """Return the present."""
        return self.now


def clock_at(day: date) -> MovableClock:
    """Return a clock that stands at noon UTC of a day."""
    return MovableClock(datetime(day.year, day.month, day.day, 12, tzinfo=UTC))


def category_id(code: str) -> int:
    """Return the id of a category of this world; 0 for unspecified."""
    return LAW.data.categories[code].id if code in LAW.data.categories else 0


def register_of(reference: str, received_on: date, lines: Sequence[PaymentLine]) -> CheckedRegister:
    """Return a register whose rows are all accepted."""
    return CheckedRegister(
        source_id=STATE_CORPORATION,
        reference=reference,
        received_on=received_on,
        payer=None,
        purpose_code="122",
        people=len({line.iin for line in lines}),
        documents=1,
        amount_tiyn=sum(line.amount_tiyn for line in lines),
        content=sha256(repr(lines).encode()).digest(),
        accepted=tuple(lines),
        names=(),
        suspended=(),
    )


def line(line_no: int, iin: int, period: int, amount_tiyn: int, purpose: int = 122) -> PaymentLine:
    """Return a row that says nothing of name, payer or document."""
    return PaymentLine(iin, line_no, period, amount_tiyn, purpose, 0, "", None)


async def record_register(store: Store, register: CheckedRegister) -> int:
    """Commit a register; return its revision."""
    async with store.writing("REGISTERS") as unit:
        await commit_registers(unit, [register], LAW.policy)
    return unit.revision


async def record_sync(
    store: Store,
    header: SyncHeader,
    records: Sequence[CategoryRecord],
    protected: Sequence[int] = (),
    guard: ShrinkGuard | None = NO_GUARD,
) -> SyncResult:
    """Stage and apply a sync."""
    run_id = await syncs.open_run(store, header)
    await syncs.stage_records(store, run_id, records, protected)
    unclosable = [part for part in header.scope if LAW.data.kind(*part) == "DECEASED"]
    comparison = None
    if header.snapshot:
        comparison = await compare_snapshot(store, run_id, header, unclosable)
    async with store.writing("SYNC") as unit:
        if comparison is None:
            comparison = await compare_delta(unit.connection, run_id, header)
        result = await categories.apply_run(
            unit,
            run_id,
            header,
            comparison,
            content=sha256(repr((header, records)).encode()).digest(),
            counts=(len(records), len(protected)),
            data=LAW.data,
            guard=guard,
        )
    return syncs.recorded(result, unit)


def delta(number: int, as_of: date, sender_id: int = LABOUR) -> SyncHeader:
    """Return the header of a delta."""
    return SyncHeader(sender_id, False, number, as_of, (), 0)


def snapshot(
    as_of: date, *scope: tuple[int, int], sender_id: int = STATE_CORPORATION
) -> SyncHeader:
    """Return the header of a snapshot."""
    return SyncHeader(sender_id, True, 0, as_of, scope, 0)
