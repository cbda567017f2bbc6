"""ConsumerService.WatchConsumers: being told instead of asking again."""

from __future__ import annotations  # grpc's own classes take no type arguments

import asyncio
from collections.abc import AsyncGenerator, Iterable

import grpc

from osms_client.asynchronous.connection import Connection
from osms_client.watching import WatchEvent
from osms_client.wire.failures import error_from
from osms_client.wire.watching import Watch, ended


class WatchCalls(Connection):
    """Changes of answers."""

    async def watch(
        self,
        *,
        iins: Iterable[str] | None = None,
        roster: str = "",
        token: str = "",
        reconnect: bool = True,
    ) -> AsyncGenerator[WatchEvent, None]:
        """Yield the present states of people, then every change of their answers for today.

        Of up to 10,000 ``iins``, or of the members of a ``roster``; from where a ``token`` says,
        without the states. A broken stream is begun again from the last token, unless ``reconnect``
        is off; a watch of which no token was received begins anew. Keep the token of an event once
        you have dealt with it: the watch goes on from it within 35 days, later it raises
        TokenExpiredError.
        """
        watch = Watch(iins, roster, token, reconnect=reconnect)
        while True:
            call = self._open.consumers.WatchConsumers(watch.request())
            try:
                async for response in call:
                    yield watch.event(response)
                error = ended()
            except grpc.RpcError as failure:
                error = error_from(failure)
            finally:
                call.cancel()
            await asyncio.sleep(watch.wait_s(error))
