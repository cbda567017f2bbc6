"""Whether what several clients were told can be explained by one order of their deeds."""

from collections.abc import Iterator, Sequence

from tests.integration.twin.deeds import Lane
from tests.integration.twin.twin import Twin


def explanations(twin: Twin, lanes: Sequence[Lane]) -> Iterator[Twin]:
    """Yield the twin after each order in which every deed is told what it must be told.

    An order keeps each client's own. A deed that changes nothing is put where it first fits: that
    forbids no other order.
    """
    waiting = [lane for lane in lanes if lane]
    if not waiting:
        yield twin
        return
    fitting = []
    for number, lane in enumerate(waiting):
        _, after = twin.expect(*lane[0])
        if after is not None:
            left = [*waiting[:number], lane[1:], *waiting[number + 1 :]]
            if after is twin:
                yield from explanations(twin, left)
                return
            fitting.append((after, left))
    for after, left in fitting:
        yield from explanations(after, left)


def contradiction(twin: Twin, lanes: Sequence[Lane]) -> str:
    """Return where the longest order ends, and what should have been told there."""
    ends: list[tuple[int, list[str]]] = []
    _collect_ends(twin, [lane for lane in lanes if lane], [], ends)
    _, lines = max(ends, key=lambda end: end[0], default=(0, ["all, but not with these feeds:"]))
    return "\n".join(["No order explains what was told. The longest:", *lines])


def _collect_ends(
    twin: Twin, waiting: Sequence[Lane], told: list[str], ends: list[tuple[int, list[str]]]
) -> None:
    stuck = [f"then none of, at revision {twin.newest}:"]
    for number, lane in enumerate(waiting):
        deed, answer = lane[0]
        should, after = twin.expect(deed, answer)
        if after is None:
            stuck += [f"  {deed}", f"    was told    {answer}", f"    should hear {should}"]
            continue
        left = [*waiting[:number], lane[1:], *waiting[number + 1 :]]
        line = f"{deed}\n    was told {answer}"
        _collect_ends(after, [each for each in left if each], [*told, line], ends)
    if waiting and len(stuck) > 1:
        ends.append((len(told), [*told, *stuck]))
