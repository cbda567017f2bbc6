"""Brings new reference data and parameters into a store, and the ledgers up to them."""

from collections.abc import Callable

from osms_storage.ledgers import people_after, reproject_assignments, reproject_payments
from osms_storage.projection import CoverPolicy
from osms_storage.reference import Documents, ReferenceData, load_reference, write_reference
from osms_storage.store import Store, Unit
from osms_storage.touching import touch_everybody

PolicyOf = Callable[[ReferenceData], CoverPolicy]
"""Says which payments settle a month under some reference data."""


async def apply_reference(store: Store, documents: Documents, policy_of: PolicyOf) -> bool:
    """Bring the reference data to these documents; return whether anything changed.

    Ledgers hold what purposes, categories and the minimum payment make of the facts, so where one
    of these changes, all ledgers are made anew in the same revision.
    """
    async with store.writing("REFERENCE") as unit:
        before = await load_reference(unit.connection)
        batch_id = await write_reference(unit, documents)
        if batch_id is None:
            return False
        after = await load_reference(unit.connection)
        if _projected(before) != _projected(after):
            await _reproject_all(unit, after, policy_of(after))
        if _decided_by(before) != _decided_by(after):
            await touch_everybody(unit.connection, batch_id)
    return True


def _projected(data: ReferenceData) -> tuple[object, ...]:
    """Return what of the reference data the ledgers depend on."""
    kinds = {category.id: category.kind for category in data.categories.values()}
    parameters = data.documents.get("parameter", {})
    prices = parameters.get("minimum_payment"), parameters.get("independent_payer_rate")
    return data.covering, kinds, prices


def _decided_by(data: ReferenceData) -> tuple[object, ...]:
    """Return what of the reference data the answers about people depend on."""
    in_force = {item.id: (item.valid_from, item.valid_until) for item in data.categories.values()}
    return _projected(data), in_force, data.documents.get("parameter")


async def _reproject_all(unit: Unit, data: ReferenceData, policy: CoverPolicy) -> None:
    last = -1
    while people := await people_after(unit.connection, last):
        await reproject_payments(unit.connection, people, policy)
        await reproject_assignments(unit.connection, people, data)
        last = people[-1]
