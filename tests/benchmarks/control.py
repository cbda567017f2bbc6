"""What the store itself can do: the same rows with the same keys, by the bare driver."""

import sqlite3
import time
from pathlib import Path

from osms.v1 import payment_service_pb2 as pb
from osms.values import parse_month
from osms_storage.records import Payer, PersonName

REVISION = "INSERT INTO revision (number, recorded_at, cause) VALUES (?, ?, 'CONTROL')"
BATCH = "INSERT INTO batch (id, revision, kind) VALUES (?, ?, 'CONTROL')"
REGISTER = (
    "INSERT INTO register (batch_id, source_id, reference, received_on, payer_id, purpose_code,"
    " people, documents, rows, amount, suspended_rows, suspended_amount, content)"
    " VALUES (?, 1, ?, 740000, ?, '122', ?, 1, ?, 0, 0, 0, x'00')"
)
PAYMENT = (
    "INSERT INTO payment (iin, register_id, line_no, period, amount, purpose, name_id)"
    " VALUES (?, ?, ?, ?, ?, 122, ?)"
)
NAME = (
    "INSERT INTO person_name (iin, name_id, surname, given_name, patronymic, birth_date)"
    " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
LEDGER = (
    "INSERT INTO ledger (iin, paid, advance, spans) VALUES (?, ?, x'', x'')"
    " ON CONFLICT (iin) DO UPDATE SET paid = excluded.paid"
)
STAGE = (
    "INSERT INTO staged_record (run_id, iin, source_id, category_id, assigned_on)"
    " VALUES (999999, ?, 5, 7, 737000)"
)


def _open(store: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(store, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA cache_size=-65536")
    return connection


def raw_ingest(store: Path, messages: list[bytes]) -> float:
    """Return rows/s of one transaction per register by executemany, parsing not counted."""
    connection = _open(store)
    number = connection.execute("SELECT MAX(number) FROM revision").fetchone()[0]
    batch = connection.execute("SELECT MAX(id) FROM batch").fetchone()[0]
    work = []
    rows = 0
    for message in messages:
        register = pb.IngestRegistersRequest.FromString(message).register
        number, batch = number + 1, batch + 1
        payments, names, ledgers = [], [], []
        for row in sorted(register.rows, key=lambda row: row.iin):
            iin, period = int(row.iin), parse_month(row.period)
            name = PersonName(row.surname, row.given_name, row.patronymic, None)
            payments.append((iin, batch, row.line_no, period, row.amount_tiyn, name.id))
            names.append((iin, name.id, *name))
            ledgers.append((iin, (1 << period - 24210).to_bytes(16, "little")))
        payer = Payer(register.payer.bin, register.payer.name).id
        head = (batch, register.reference + "-raw", payer, len(payments), len(payments))
        work.append((number, batch, head, payments, names, ledgers))
        rows += len(payments)
    started = time.perf_counter()
    for number, batch, head, payments, names, ledgers in work:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(REVISION, (number, number))
        connection.execute(BATCH, (batch, number))
        connection.execute(REGISTER, head)
        connection.executemany(PAYMENT, payments)
        connection.executemany(NAME, names)
        connection.executemany(LEDGER, ledgers)
        connection.execute("COMMIT")
    elapsed = time.perf_counter() - started
    connection.close()
    return rows / elapsed


def raw_stage(store: Path, people: list[str]) -> float:
    """Return records/s of staging a snapshot by executemany, without comparing it."""
    connection = _open(store)
    rows = [(int(iin),) for iin in people]
    started = time.perf_counter()
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(STAGE, rows)
    connection.execute("COMMIT")
    elapsed = time.perf_counter() - started
    connection.execute("DELETE FROM staged_record WHERE run_id = 999999")
    connection.close()
    return len(people) / elapsed
