"""Lookups by a web service as people make them: FastAPI, uvicorn, SQLAlchemy; a process of its own.

It reads one ledger by its key from the gateway's own store and answers with JSON, with the same
decision or without any. It checks less than the gateway, and looks for no newer law.
"""

import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date

import uvicorn
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel
from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import create_async_engine

from osms_server import rules
from osms_server.law import Law, Laws
from osms_storage.ledgers import decode
from osms_storage.records import LedgerRow
from osms_storage.schema import LEDGER_COLUMNS, ledger
from osms_storage.store import Store
from osms_storage.urls import store_url

CONNECTIONS = 16
"""Of its pool: none is opened for a request and then closed."""
_ROW = select(*(ledger.c[name] for name in LEDGER_COLUMNS)).where(ledger.c.iin == bindparam("key"))


class Paid(BaseModel):
    """What one ledger says."""

    iin: str
    paid_months: int
    spans: int


class Answer(BaseModel):
    """Whether a person is insured on a day."""

    iin: str
    service_date: date
    status: str
    funding_source: str
    grounds: list[str]
    valid_through: date | None
    covered_through: date | None


def _service(store: str) -> FastAPI:
    url = store_url(store)
    engine = create_async_engine(url, pool_size=CONNECTIONS, max_overflow=0)
    laws: list[Law] = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with Store(store) as opened:
            laws.append(await Laws(opened).refresh())
        yield
        await engine.dispose()

    service = FastAPI(lifespan=lifespan)

    async def read(iin: str) -> LedgerRow:
        async with engine.connect() as connection:
            row = (await connection.execute(_ROW, {"key": int(iin)})).first()
        if row is None:
            raise HTTPException(404)
        return decode(*row)

    @service.get("/paid/{iin}")
    async def paid(iin: str) -> Paid:
        row = await read(iin)
        return Paid(iin=iin, paid_months=row.paid.bit_count(), spans=len(row.spans))

    @service.get("/lookups/{iin}")
    async def lookup(iin: str, service_date: date) -> Answer:
        law = laws[0]
        decision = rules.decide(law.ledger(await read(iin)), service_date, law.parameters)
        return Answer(
            iin=iin,
            service_date=service_date,
            status=decision.status,
            funding_source=decision.funding_source,
            grounds=list(rules.redact(decision.grounds)),
            valid_through=decision.valid_through,
            covered_through=decision.covered_through,
        )

    return service


def main(store: str) -> None:
    """Serve on a free port of this machine, and print its address."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    config = uvicorn.Config(
        _service(store), loop="uvloop", http="httptools", access_log=False, log_level="warning"
    )
    # Whoever connects before it is ready waits in the backlog.
    print(f"127.0.0.1:{listening.getsockname()[1]}", flush=True)
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main(sys.argv[1])
