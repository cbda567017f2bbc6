"""Proof that the access log in the store is whole, chain by chain.

A changed, missing or reordered record shows in the hash that the next one holds, or in the head of
its chain; a chain that was taken away shows in the first records of those that began later.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from google.protobuf.message import DecodeError

from osms.v1.access_record_pb2 import AccessRecord
from osms_server.access.chain import CHANGED, MISSING, REORDERED, Chain, Finding
from osms_storage.access_log import (
    RECORDS_AT_A_TIME,
    KeptChain,
    KeptRecord,
    all_chains,
    first_records,
    read_chain,
)
from osms_storage.store import Store

FINDINGS_MAX = 1_000
"""The most findings that are told."""

Heads = Mapping[str, Mapping[int, bytes]]
"""What chains remember of others: hashes of records by writer and number."""


@dataclass(slots=True)
class Verdict:
    """What was found out about the log."""

    chains: int = 0
    """How many were followed."""
    records: int = 0
    """How many were read."""
    findings: list[Finding] = field(default_factory=list)
    """At most 1,000; each record is named once. Empty: the log is whole."""

    def add(self, findings: Iterable[Finding]) -> None:
        """Take findings, in the order in which the records stand."""
        for finding in findings:
            last = self.findings[-1] if self.findings else None
            # A record that is not what it was does not fit the next one either.
            known = last is not None and (last.writer, last.number) == (
                finding.writer,
                finding.number,
            )
            if not known and len(self.findings) < FINDINGS_MAX:
                self.findings.append(finding)


async def verify_access_log(store: Store) -> Verdict:
    """Follow every chain in the store; it may serve meanwhile.

    What a page holds is hashed in a thread, so that calls are answered between. Raises
    StoreUnavailableError.
    """
    verdict = Verdict()
    heads = await _remembered(store)
    seen = set()
    async for kept in all_chains(store):
        seen.add(kept.writer)
        verdict.chains += 1
        await _verify_chain(store, kept, heads.get(kept.writer, {}), verdict)
    verdict.add(Finding(writer, 1, MISSING) for writer in heads.keys() - seen)
    verdict.findings.sort(key=lambda finding: (finding.writer, finding.number))
    return verdict


async def _remembered(store: Store) -> Heads:
    """Return what the first record of each chain holds of others."""
    heads: dict[str, dict[int, bytes]] = defaultdict(dict)
    async for body in first_records(store):
        try:
            record = AccessRecord.FromString(body)
        except DecodeError:
            continue  # found when its chain is followed
        for head in record.heads:
            heads[head.writer][head.number] = head.hash
    return heads


async def _verify_chain(
    store: Store, kept: KeptChain, heads: Mapping[int, bytes], verdict: Verdict
) -> None:
    chain = Chain(kept.writer)
    while True:
        now, records = await read_chain(store, kept.id, chain.number)
        if now is None:
            verdict.add([Finding(kept.writer, chain.number + 1, MISSING)])
            return
        if now.kept_from > chain.number + 1:
            # What is before it was archived, perhaps a moment ago.
            chain.number, chain.hash = now.kept_from - 1, now.hash_before
            verdict.add(_compared(chain, heads))
        verdict.records += len(records)
        verdict.add(await asyncio.to_thread(follow, chain, records, heads))
        if len(records) < RECORDS_AT_A_TIME:
            verdict.add(_at_end(chain, now, heads))
            return


def follow(
    chain: Chain, records: Sequence[KeptRecord], heads: Mapping[int, bytes]
) -> list[Finding]:
    """Let a chain follow its next records; return what is wrong with them."""
    findings = []
    for record in records:
        found = chain.follow(record.body, record.number)
        findings += [found] if found else _compared(chain, heads)
    return findings


def _compared(chain: Chain, heads: Mapping[int, bytes]) -> list[Finding]:
    """Compare the record that a chain has come to with what others remember of it."""
    if heads.get(chain.number, chain.hash) == chain.hash:
        return []
    return [Finding(chain.writer, chain.number, CHANGED)]


def _at_end(chain: Chain, kept: KeptChain, heads: Mapping[int, bytes]) -> list[Finding]:
    """Compare how far a chain has come with how far it should have."""
    last = max([kept.number, *heads])
    if chain.number < last:
        return [Finding(chain.writer, chain.number + 1, MISSING)]
    if chain.number > kept.number:
        return [Finding(chain.writer, kept.number + 1, REORDERED)]
    if chain.hash != kept.hash:
        return [Finding(chain.writer, kept.number, CHANGED)]
    return []
