"""A reader that watches the gateway through all kills, and remembers the newest it was shown."""

import threading
import time
from pathlib import Path

from osms_client import Eligibility, Gateway, OsmsError, Purpose, RetryLaterError, Status
from tests.crash import contents
from tests.crash.journal import DELTAS, Notes

PAUSE_S = 0.02
DEADLINE_S = 20.0


class Reader(threading.Thread):
    """Asks at the newest revision that anybody was told of, until it is stopped."""

    def __init__(self, target: str, journal: Path, seed: int) -> None:
        super().__init__(name="reader", daemon=True)
        self.newest = 0
        self.answered = 0
        self.wrong: list[str] = []
        self._target = target
        self._notes = Notes(journal)
        self._seed = seed
        self._ended = threading.Event()

    def stop(self) -> None:
        """Stop asking."""
        self._ended.set()
        self.join()

    def run(self) -> None:
        """Ask, and come back after every outage."""
        while not self._ended.is_set():
            with Gateway(self._target) as gateway:
                try:
                    while not self._ended.is_set():
                        self._ask(gateway)
                        time.sleep(PAUSE_S)
                except RetryLaterError as error:
                    if error.reason == "REVISION_NOT_REACHED":
                        self.wrong.append(f"the revision went backwards: {dict(error.metadata)}")
                    time.sleep(PAUSE_S)
                except OsmsError as error:
                    self.wrong.append(f"{type(error).__name__} {error} {dict(error.metadata)}")

    def _ask(self, gateway: Gateway) -> None:
        notes = self._notes.read()
        floor = max(self.newest, notes.newest_revision)
        answers = notes.answers[DELTAS]
        number = max(answers, default=0) + self.answered % 2
        if number:
            people = contents.delta(self._seed, number).people
            results = gateway.lookup_many(
                people,
                purpose=Purpose.AUDIT,
                at_least_revision=floor,
                timeout_s=DEADLINE_S,
            )
            insured = {self._insured(result) for result in results}
            if len(insured) != 1 or (number in answers and insured != {True}):
                self.wrong.append(f"delta {number}: {insured} of {len(people)} people")
            shown = {r.revision for r in results if isinstance(r, Eligibility)}
        else:
            answer = gateway.lookup(
                contents.iin(0),
                purpose=Purpose.AUDIT,
                at_least_revision=floor,
                timeout_s=DEADLINE_S,
            )
            shown = {answer.revision}
        if min(shown) < floor:
            self.wrong.append(f"asked for revision {floor}, was shown {min(shown)}")
        self.newest = max(self.newest, *shown)
        self.answered += 1

    def _insured(self, result: object) -> bool | None:
        if not isinstance(result, Eligibility):
            return None
        return {Status.INSURED: True, Status.UNKNOWN_CONSUMER: False}.get(result.status)
