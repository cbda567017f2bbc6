"""A process that writes a journal until it is killed, and says which entries were acknowledged.

Usage: journal_writer.py FOLDER BYTES_PER_FILE
"""

import asyncio
import itertools
import os
import sys
from pathlib import Path

from osms_server.access import chain_files
from osms_server.access.journal import Journal
from osms_storage.clock import system_clock
from tests.unit.server.chains import FIRST_IIN, entry

CALLERS = 8


async def main(folder: Path) -> None:
    """Write entries of ever other people as several callers, for ever."""
    people = itertools.count(FIRST_IIN)

    async def call(log: Journal) -> None:
        while True:
            iin = next(people)
            await log.write(singles=[entry(iin)])
            os.write(sys.stdout.fileno(), b"%d\n" % iin)

    async with Journal(folder, system_clock) as log:
        await asyncio.gather(*(call(log) for _ in range(CALLERS)))


chain_files.FILE_BYTES = int(sys.argv[2])
asyncio.run(main(Path(sys.argv[1])))
