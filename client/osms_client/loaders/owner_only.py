"""Files that hold people: whoever writes them is the only one who may read them."""

import os

_MODE = 0o600


def owner_only(path: str, flags: int) -> int:
    """Open a file for the built-in ``open``: one that is made is made for its owner alone."""
    return os.open(path, flags, _MODE)
