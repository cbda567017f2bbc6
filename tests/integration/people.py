"""People and payment references that no other test of this run uses."""

from itertools import count

from osms.values import check_digit

_people = count(1)
_references = count(1)


def new_iin() -> str:
    """Return a valid IIN."""
    while True:
        number = next(_people)
        stem = f"900101{3 + number // 10_000}{number % 10_000:04d}"
        digit = check_digit(stem)
        if digit is not None:
            return f"{stem}{digit}"


def wrong_check_digit(iin: str) -> str:
    """Return twelve digits that are no IIN because of their last one."""
    return f"{iin[:11]}{(int(iin[11]) + 1) % 10}"


def new_reference() -> str:
    """Return a payment's reference."""
    return f"GCVP-{next(_references):011d}"
