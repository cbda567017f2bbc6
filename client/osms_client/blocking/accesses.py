"""Calls of AccessService: who looked at a person's data."""

from collections.abc import Iterator

from osms_client.accesses import Access
from osms_client.blocking.connection import Connection
from osms_client.vocabulary import Purpose
from osms_client.wire import accesses


class AccessCalls(Connection):
    """Who looked."""

    def list_accesses(
        self,
        iin: str,
        *,
        purpose: Purpose,
        page_size: int = 0,
        timeout_s: float | None = None,
    ) -> Iterator[Access]:
        """Yield who looked at a person's data, newest first, page by page.

        What was answered a moment ago may take a few seconds to be listed. Accesses of
        investigations are listed after their delay, to an auditor at once.
        """
        return self._pages(
            self._open.accesses.ListAccesses,
            accesses.accesses_request(iin, purpose=purpose, page_size=page_size),
            accesses.accesses,
            timeout_s or self._deadlines.batch_s,
        )
