"""Lets each stub program of a medical system ask about somebody whose answer is known."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import AsyncExitStack
from datetime import date
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from osms_client import AsyncGateway, Language, RosterMember
from osms_client.stubs import (
    billing_recheck,
    hospital_admission,
    hospitalisation_portal,
    polyclinic_roster_check,
    reception_desk,
    self_service,
)
from osms_client.testing import RunningGateway
from osms_seeds.demo.comparison import Expectation, expectations

ROSTER_PEOPLE = 1_000


class Asked(NamedTuple):
    """What a stub program asked, and what it was told."""

    program: str
    about: str
    """The archetype of the person, and the day."""
    expected: str
    answered: str
    shown: str
    """What the person at the desk reads."""


class Cast:
    """The people that the programs ask about, picked from the expected answers."""

    def __init__(self, path: Path, today: date) -> None:
        self.today: dict[str, Expectation] = {}
        """By archetype: somebody as they are today."""
        self.planned: Expectation | None = None
        """Somebody insured today and not on a later day."""
        self.healed: tuple[Expectation, Expectation] | None = None
        """What was known then of a day, and what is known now, where they differ."""
        insured_today: set[str] = set()
        known_now: dict[tuple[str, date], Expectation] = {}
        known_then: list[Expectation] = []
        for row in expectations(path):
            if row.known_on is not None:
                known_then.append(row)
                continue
            known_now[row.iin, row.service_date] = row
            if row.service_date == today:
                self.today.setdefault(row.archetype, row)
                if row.status == "INSURED":
                    insured_today.add(row.iin)
        for row in known_now.values():
            later = row.service_date > today and row.status == "NOT_INSURED"
            if later and row.iin in insured_today and self.planned is None:
                self.planned = row
        for then in known_then:
            now = known_now.get((then.iin, then.service_date))
            if now is not None and now.status != then.status:
                self.healed = (then, now)
                break


def ask_all(running: RunningGateway, path: Path, today: date) -> list[Asked]:
    """Let every program ask, each as its own client; return what each asked and was told."""
    return asyncio.run(_ask_all(running, Cast(path, today), path, today))


async def _ask_all(running: RunningGateway, cast: Cast, path: Path, today: date) -> list[Asked]:
    asked: list[Asked] = []
    async with AsyncExitStack() as stack:

        async def client(name: str) -> AsyncGateway:
            gateway = AsyncGateway(running.target, credentials=running.credentials(name))
            return await stack.enter_async_context(gateway)

        clinic = await client("clinic")
        for archetype, language in (
            ("steady_employee", Language.KK),
            ("stopped_long_ago", Language.RU),
            ("in_service", Language.EN),
        ):
            if row := cast.today.get(archetype):
                visit = await reception_desk.run(clinic, row.iin, language=language)
                status = visit.eligibility.status if visit.eligibility else "no answer"
                asked.append(_asked("reception desk", row, status, visit.message))
        if row := cast.today.get("only_in_suspense"):
            hospital = await client("hospital")
            admission = await hospital_admission.run(hospital, row.iin, emergency=True)
            asked.append(_asked("hospital admission", row, admission.status, admission.message))
        if row := cast.planned:
            planned = await hospitalisation_portal.run(
                await client("hospitalisation-portal"),
                row.iin,
                row.service_date,
                language=Language.RU,
            )
            status = planned.on_the_day.status if planned.on_the_day else "no answer"
            shown = " ".join(planned.warnings)
            asked.append(_asked("hospitalisation portal", row, status, shown))
        if cast.healed:
            asked += await _recheck(clinic, *cast.healed)
        portal = await client("portal")
        for archetype in ("payer_of_arrears", "on_visit"):
            if row := cast.today.get(archetype):
                page = await self_service.run(portal, row.iin)
                shown = " ".join((page.headline, *page.why[2:], page.what_to_do))
                asked.append(_asked("self-service", row, page.status, shown))
        asked.append(await _roster(clinic, path, today))
    return asked


def _asked(program: str, row: Expectation, status: object, shown: str) -> Asked:
    about = f"{row.archetype}, {row.service_date}"
    if row.known_on is not None:
        about += f" as known on {row.known_on}"
    return Asked(program, about, row.status, str(status), shown)


async def _recheck(gateway: AsyncGateway, then: Expectation, now: Expectation) -> Iterable[Asked]:
    assert then.known_on is not None
    recheck = await billing_recheck.run(
        gateway, then.iin, then.service_date, then.known_on, language=Language.EN
    )
    return (
        _asked("billing recheck", then, recheck.then.status, recheck.then.text),
        _asked("billing recheck", now, recheck.now.status, recheck.reason),
    )


async def _roster(gateway: AsyncGateway, path: Path, today: date) -> Asked:
    def rows() -> Iterator[Expectation]:
        present = (e for e in expectations(path) if e.known_on is None)
        return islice((e for e in present if e.service_date == today), ROSTER_PEOPLE)

    attached_on = today.replace(month=1, day=1).isoformat()
    members = [RosterMember(iin=row.iin, attached_on=attached_on) for row in rows()]
    check = await polyclinic_roster_check.run(gateway, "demo", members, as_of=today)
    report = check.report
    expected = sum(row.status in ("INSURED", "INSURED_RETENTION") for row in rows())
    grounds = ", ".join(f"{part.ground}: {part.members}" for part in report.uninsured_by_ground)
    shown = f"not insured {grounds}; {report.lapsing} lapse by {report.lapsing_by}"
    return Asked(
        "polyclinic roster",
        f"{ROSTER_PEOPLE:,} people",
        f"{expected:,} insured",
        f"{report.insured + report.retention:,} insured",
        shown,
    )
