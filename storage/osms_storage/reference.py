"""Reference data: sources, categories, purpose codes and the parameters of the law, revisioned.

An entry is a JSON document; the newest version at or below a revision is the one known then.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from osms_storage.schema import reference
from osms_storage.store import Unit

Documents = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""kind -> code -> document."""

UNSPECIFIED = 0
"""The category id of an assignment that names no category."""


@dataclass(frozen=True, slots=True)
class Source:
    """A sender of registers or categories."""

    id: int
    code: str
    names: Mapping[str, str]
    feeds: frozenset[str]
    """REGISTERS, CATEGORIES."""


@dataclass(frozen=True, slots=True)
class Category:
    """A category that a source may assign."""

    id: int
    code: str
    kind: str
    """STATE_PAID, EXEMPT, ON_VISIT, DECEASED or NONE."""
    restricted: bool
    names: Mapping[str, str]
    source_ids: frozenset[int]
    legal_reference: str
    valid_from: date | None
    valid_until: date | None


@dataclass(frozen=True, slots=True)
class PurposeCode:
    """A purpose of payment (KNP)."""

    number: int
    gives_cover: bool
    valid_from: date | None
    valid_until: date | None


class ReferenceData:
    """What the reference tables say at one revision."""

    def __init__(self, documents: Documents) -> None:
        def day(body: Mapping[str, Any], key: str) -> date | None:
            return date.fromisoformat(body[key]) if body.get(key) else None

        self.documents = documents
        self.sources: dict[str, Source] = {
            code: Source(
                id=body["id"],
                code=code,
                names={language: body[f"name_{language}"] for language in ("kk", "ru", "en")},
                feeds=frozenset(body["feeds"]),
            )
            for code, body in documents.get("source", {}).items()
        }
        self.source_codes = {source.id: code for code, source in self.sources.items()}
        self.categories: dict[str, Category] = {
            code: Category(
                id=body["id"],
                code=code,
                kind=body["kind"],
                restricted=body["restricted"],
                names={language: body[f"name_{language}"] for language in ("kk", "ru", "en")},
                source_ids=frozenset(self.sources[source].id for source in body["sources"]),
                legal_reference=body["legal_reference"],
                valid_from=day(body, "valid_from"),
                valid_until=day(body, "valid_until"),
            )
            for code, body in documents.get("category", {}).items()
        }
        self.category_codes = {item.id: code for code, item in self.categories.items()}
        self.purposes: dict[int, PurposeCode] = {
            int(code): PurposeCode(
                number=int(code),
                gives_cover=body["gives_cover"],
                valid_from=day(body, "valid_from"),
                valid_until=day(body, "valid_until"),
            )
            for code, body in documents.get("purpose_code", {}).items()
        }
        self._kinds = {item.id: item.kind for item in self.categories.values()}
        self._exempting = self.sources["services"].id if "services" in self.sources else -1

    @property
    def covering(self) -> frozenset[int]:
        """The purposes whose payments settle a month."""
        return frozenset(item.number for item in self.purposes.values() if item.gives_cover)

    def kind(self, source_id: int, category_id: int) -> str:
        """Return what an assignment gives: STATE_PAID, EXEMPT, ON_VISIT, DECEASED or NONE."""
        if category_id == UNSPECIFIED:
            return "EXEMPT" if source_id == self._exempting else "STATE_PAID"
        return self._kinds.get(category_id, "NONE")


async def load_reference(connection: AsyncConnection, revision: int | None = None) -> ReferenceData:
    """Return the reference data known at a revision; None: the newest.

    Before the first revision of a store nothing could be known of anybody either, so the first
    reference data stands in there.
    """
    statement = select(reference.c.kind, reference.c.code, reference.c.body).order_by(
        reference.c.revision
    )
    if revision is not None:
        first = await connection.scalar(select(func.min(reference.c.revision))) or 0
        statement = statement.where(reference.c.revision <= max(revision, first))
    documents: dict[str, dict[str, Any]] = {}
    for kind, code, body in await connection.execute(statement):
        if body is None:
            documents[kind].pop(code)
        else:
            documents.setdefault(kind, {})[code] = json.loads(body)
    return ReferenceData(documents)


async def newest_reference_revision(connection: AsyncConnection, revision: int) -> int:
    """Return the revision of the newest reference data known at a revision."""
    statement = select(func.max(reference.c.revision)).where(reference.c.revision <= revision)
    return await connection.scalar(statement) or 0


async def write_reference(unit: Unit, documents: Documents) -> int | None:
    """Bring the reference data to these documents in this unit.

    Returns the batch that does it; None: nothing changed.
    """
    known = (await load_reference(unit.connection)).documents
    changes: list[dict[str, Any]] = []
    for kind in {*documents, *known}:
        wanted, present = documents.get(kind, {}), known.get(kind, {})
        for code in {*wanted, *present}:
            body = wanted.get(code)
            if body != present.get(code):
                text = None if body is None else json.dumps(body, ensure_ascii=False)
                changes.append({"kind": kind, "code": code, "body": text})
    if not changes:
        return None
    batch_id = await unit.open_batch("REFERENCE")
    number = await unit.next_revision()
    await unit.connection.execute(
        insert(reference), [{**change, "revision": number} for change in changes]
    )
    return batch_id
