"""Whether the time of an answer tells what it does not say.

Somebody is asked about exempt people, about others for whom the state pays on the very same days,
and about more of the latter, the control. One call at a time, the groups mixed. The figure says how
often the answer of one group takes longer than that of another: 0.5 is as good as tossing a coin.
"""

import math
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from datetime import date
from itertools import islice
from random import Random

import grpc

from osms.v1 import consumer_service_pb2, core_pb2
from osms_storage.ledgers import encode
from osms_storage.records import LedgerRow, LedgerSpan
from tests.benchmarks.calls import LOOKUP, lookup_message
from tests.benchmarks.data import SERVICE_DATE
from tests.benchmarks.figures import Figure
from tests.benchmarks.ledgers import PENSION, SEED, put_ledgers
from tests.benchmarks.people import people
from tests.benchmarks.subject import Subject

EXPLAIN = "/osms.v1.ConsumerService/ExplainConsumer"
SERVICEMAN = (9, 40)
"""Source and category, by their ids in the reference data."""
PEOPLE = 4_000
"""In each group."""
WARM_CALLS = 1_500
LONG_AGO = "1999-01-01"
"""A day about which every question is refused."""
DEVIATIONS = 4
"""From so many standard deviations on chance does not explain a figure."""

Message = Callable[[str], bytes]


async def measure_secrecy(subject: Subject) -> list[Figure]:
    """Return how well the time of a call tells one kind of people from another."""
    random = Random(SEED)
    exempt, paid_for, more, unknown = await _fill(subject, random)
    groups = {
        "lookup": (LOOKUP, lookup_message, exempt),
        "explain": (EXPLAIN, _explain_message, exempt),
        "refusal": (LOOKUP, _refused_message, unknown),
    }
    figures = []
    async with subject.connected() as channel:
        for name, (path, message, asked) in groups.items():
            times_s = await _ask(channel, path, message, (asked, paid_for, more), random)
            figures.append(_figure(name, subject, *times_s))
    return figures


async def _fill(subject: Subject, random: Random) -> list[list[str]]:
    """Give three groups the same lives but for one thing; return them, and people without any."""
    iins = [person.iin for person in islice(people(), 4 * PEOPLE)]
    random.shuffle(iins)
    groups = [iins[start::4] for start in range(4)]
    starts = [date(2018, 1, 1).toordinal() + random.randrange(3_000) for _ in range(PEOPLE)]
    ends = [0 if random.random() < 0.5 else start + random.randrange(2_000) for start in starts]
    ledgers = {
        int(iin): encode(LedgerRow(0, (), (LedgerSpan(*category, start, end),), None))
        for group, category in zip(groups, (SERVICEMAN, PENSION, PENSION), strict=False)
        for iin, start, end in zip(group, starts, ends, strict=True)
    }
    await put_ledgers(subject, sorted(ledgers.items()))
    return groups


async def _ask(
    channel: grpc.aio.Channel,
    path: str,
    message: Message,
    groups: Sequence[Sequence[str]],
    random: Random,
) -> list[list[float]]:
    """Return the seconds of each call by group: one at a time, each person once, by chance."""
    call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(path)
    mixed = [(number, message(iin)) for number, group in enumerate(groups) for iin in group]
    random.shuffle(mixed)
    times_s: list[list[float]] = [[] for _ in groups]
    for position, (number, request) in enumerate([*mixed[:WARM_CALLS], *mixed]):
        started = time.perf_counter()
        try:
            await call(request)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.INVALID_ARGUMENT:
                raise
        if position >= WARM_CALLS:
            times_s[number].append(time.perf_counter() - started)
    return times_s


def longer_share(times_s: Sequence[float], others_s: Sequence[float]) -> float:
    """Return the probability that one of the times is longer than one of the others."""
    ordered = sorted(others_s)
    wins = sum(bisect_left(ordered, item) + bisect_right(ordered, item) for item in times_s)
    return wins / (2 * len(times_s) * len(ordered))


def _figure(
    name: str, subject: Subject, asked: list[float], control: list[float], more: list[float]
) -> Figure:
    share, control_share = longer_share(asked, control), longer_share(more, control)
    noise = DEVIATIONS * math.sqrt((2 * PEOPLE + 1) / (12 * PEOPLE**2))
    medians_us = [sorted(times)[PEOPLE // 2] * 1e6 for times in (asked, control)]
    whom = "nobody the gateway knows" if name == "refusal" else "exempt people"
    return Figure(
        f"secrecy_{name}",
        subject.engine,
        round(medians_us[0], 1),
        "us",
        round(medians_us[1], 1),
        round(medians_us[0] / medians_us[1], 3),
        f"{whom} beside others: longer in {share:.3f} of pairs; control"
        f" {control_share:.3f}; chance: 0.5 +- {noise:.3f}",
        {"longer_share": share, "control_share": control_share, "chance": noise},
    )


def _explain_message(iin: str) -> bytes:
    return consumer_service_pb2.ExplainConsumerRequest(
        iin=iin, service_date=SERVICE_DATE, purpose=core_pb2.PURPOSE_RECEPTION
    ).SerializeToString()


def _refused_message(iin: str) -> bytes:
    return consumer_service_pb2.LookupConsumerRequest(
        iin=iin, service_date=LONG_AGO, purpose=core_pb2.PURPOSE_RECEPTION
    ).SerializeToString()
