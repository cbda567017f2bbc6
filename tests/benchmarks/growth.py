"""What a lookup of a nation costs beside one of a town: the same gateway, another store.

The people asked for are drawn by chance. SCALE says how many people the larger store holds.
"""

import math
import os
import statistics
from random import Random

from tests.benchmarks.calls import LOOKUP, ask, lookup_message
from tests.benchmarks.figures import Figure, in_turns
from tests.benchmarks.ledgers import SEED, fill_ledgers
from tests.benchmarks.sizes import measure_sizes
from tests.benchmarks.subject import Subject

WHOLE_NATION, NATION_FORECAST, TOWN = 5_000_000, 20_000_000, 50_000
NATION = round(WHOLE_NATION * float(os.environ.get("OSMS_BENCH_SCALE") or "0.2"))
"""How many people the larger store has."""
TURNS = 7
LOOKUPS = 2_000
GROWTH_AIM = 1.3


async def measure_growth(nation: Subject, town: Subject) -> list[Figure]:
    """Return the p50 of a lone lookup, in a large store beside a small one, and ledgers' bytes.

    Both stores are fresh. What 20 million people would take is extrapolated: bytes by the number
    of people, the p50 by its logarithm, as an index grows.
    """
    empty = await measure_sizes(nation)
    iins = {nation: await fill_ledgers(nation, NATION), town: await fill_ledgers(town, TOWN)}
    grown = (await measure_sizes(nation)).store_bytes - empty.store_bytes
    random = Random(SEED)
    times_us: dict[Subject, list[float]] = {nation: [], town: []}
    for _ in range(TURNS):
        for subject in (town, nation):
            asked = random.choices(iins[subject], k=LOOKUPS)
            times_us[subject].append(await _p50_us(subject, [f"{iin:012d}" for iin in asked]))
    return [_lookup(nation.engine, times_us[nation], times_us[town]), _bytes(nation.engine, grown)]


async def _p50_us(subject: Subject, iins: list[str]) -> float:
    async with subject.connected() as channel:
        _, times_s = await ask(channel, LOOKUP, list(map(lookup_message, iins)), 1)
    return statistics.median(times_s) * 1e6


def _lookup(engine: str, nation_us: list[float], town_us: list[float]) -> Figure:
    ratio = statistics.median(n / t for n, t in zip(nation_us, town_us, strict=True))
    details = {"people": float(NATION), "control_people": float(TOWN)}
    note = f"p50 over {NATION:,} people; control: over {TOWN:,}; aim at most {GROWTH_AIM}"
    if NATION > TOWN:
        forecast = 1 + (ratio - 1) * math.log(NATION_FORECAST / TOWN) / math.log(NATION / TOWN)
        details["ratio_20m_extrapolated"] = forecast
        note += f"; extrapolated to {NATION_FORECAST:,}: {forecast:.2f}"
    return in_turns("lookup_growth", engine, "us", nation_us, town_us, note, details)


def _bytes(engine: str, grown: int) -> Figure:
    per_ledger = grown / NATION
    forecast_gib = per_ledger * NATION_FORECAST / 1024**3
    return Figure(
        "bytes_per_ledger",
        engine,
        round(per_ledger, 1),
        "bytes",
        note=f"with its index, over {NATION:,} people; extrapolated to {NATION_FORECAST:,}:"
        f" {forecast_gib:.1f} GiB",
        details={"gib_20m_extrapolated": round(forecast_gib, 2)},
    )
