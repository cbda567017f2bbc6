"""Proof of archives: signed by a published key, unchanged, and nothing missing between them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import file_digest
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from osms_server.access.archive import PREFIX, Manifest, decode_manifest, read_part
from osms_server.access.chain import CHANGED, MISSING, Chain, Finding
from osms_server.access.verification import Verdict
from osms_server.keys import signature_holds
from osms_storage.access_log import all_chains, read_chain
from osms_storage.store import Store


@dataclass(slots=True)
class ArchiveVerdict(Verdict):
    """What was found out about archives."""

    troubles: list[str] = field(default_factory=list)
    """What is wrong with whole files, in words."""
    ends: dict[str, Chain] = field(default_factory=dict)
    """How far the archives have each chain, by writer."""

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.troubles or self.findings)


def verify_archives(
    folder: Path, keys: Mapping[str, Ed25519PublicKey], only: Path | None = None
) -> ArchiveVerdict:
    """Read the archives of a folder and tell what is wrong with them; ``only`` one manifest's."""
    verdict = ArchiveVerdict()
    manifests = [only] if only else sorted(folder.glob(f"{PREFIX}*.json"))
    if not manifests:
        verdict.troubles.append(f"There is no archive in {folder}.")
    for path in manifests:
        manifest = _signed_manifest(path, keys, verdict)
        if manifest is not None:
            _verify_parts(folder, manifest, verdict)
            # Alone it goes on from what is not looked at.
            _verify_chains(folder, manifest, verdict, alone=only is not None)
    return verdict


def _signed_manifest(
    path: Path, keys: Mapping[str, Ed25519PublicKey], verdict: ArchiveVerdict
) -> Manifest | None:
    try:
        content = path.read_bytes()
        signed = json.loads(path.with_suffix(".sig").read_bytes())
        key_id, signature = str(signed["key_id"]), bytes.fromhex(signed["signature"])
        if not signature_holds(keys, key_id, content, signature):
            raise ValueError("Its signature is of none of the published keys.")
        return decode_manifest(content)
    except (OSError, KeyError, TypeError, ValueError) as exc:
        words = exc.strerror if isinstance(exc, OSError) else exc
        verdict.troubles.append(f"{path.name} cannot be trusted: {words}")
        return None


def _verify_parts(folder: Path, manifest: Manifest, verdict: ArchiveVerdict) -> None:
    for part in manifest.parts:
        try:
            with (folder / part.name).open("rb") as file:
                if file_digest(file, "sha256").hexdigest() != part.sha256:
                    verdict.troubles.append(f"{part.name} was changed.")
        except OSError as exc:
            verdict.troubles.append(f"{part.name} cannot be read: {exc.strerror}")


def _verify_chains(
    folder: Path, manifest: Manifest, verdict: ArchiveVerdict, *, alone: bool
) -> None:
    """Follow the records of an archive, which stand chain after chain."""
    records = _records(folder, manifest)
    for listed in manifest.chains:
        before = Chain(listed.writer, listed.first - 1, bytes.fromhex(listed.hash_before))
        if not alone:
            verdict.add(_between(verdict.ends.get(listed.writer, Chain(listed.writer)), before))
        chain = before
        for number in range(listed.first, listed.last + 1):
            body = next(records, None)
            if body is None:
                verdict.add([Finding(listed.writer, number, MISSING)])
                return
            verdict.records += 1
            found = chain.follow(body, number)
            verdict.add([found] if found else [])
        if chain.hash.hex() != listed.hash:
            verdict.add([Finding(listed.writer, listed.last, CHANGED)])
        known = verdict.ends.get(listed.writer)
        if known is None or known.number < chain.number:
            verdict.ends[listed.writer] = chain
    verdict.chains = len(verdict.ends)


def _records(folder: Path, manifest: Manifest) -> Iterator[bytes]:
    for part in manifest.parts:
        if (folder / part.name).exists():
            yield from read_part(folder / part.name)


def _between(end: Chain, before: Chain) -> Sequence[Finding]:
    """Compare where one archive ends with where the next one begins.

    Records that were archived and not deleted are archived again: they may overlap.
    """
    if before.number > end.number:
        return [Finding(end.writer, end.number + 1, MISSING)]
    if before.number == end.number and before.hash != end.hash:
        return [Finding(end.writer, max(1, end.number), CHANGED)]
    return []


async def compare_with_store(store: Store, verdict: ArchiveVerdict) -> None:
    """Add to a verdict on archives what was deleted from the store and is not in them."""
    async for kept in all_chains(store):
        end = verdict.ends.get(kept.writer, Chain(kept.writer))
        if end.number < kept.kept_from - 1:
            verdict.add([Finding(kept.writer, end.number + 1, MISSING)])
        elif end.number == kept.kept_from - 1:
            if end.hash != kept.hash_before:
                verdict.add([Finding(kept.writer, end.number, CHANGED)])
        else:
            _, records = await read_chain(store, kept.id, end.number - 1)
            there = Chain(kept.writer)
            for record in records[:1]:
                there.follow(record.body, record.number)
            if (there.number, there.hash) != (end.number, end.hash):
                verdict.add([Finding(kept.writer, end.number, CHANGED)])
