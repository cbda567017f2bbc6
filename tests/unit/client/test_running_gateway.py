"""The helper that runs a real gateway for tests, as far as it goes without one."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from osms_client.testing import DEFAULT_CLOCK, RunningGateway


def _gateway(folder: Path) -> RunningGateway:
    return RunningGateway(folder, store=str(folder / "store.db"), clock=DEFAULT_CLOCK)


def test_clock_is_one_instant_in_a_file(tmp_path: Path) -> None:
    """The clock file holds an ISO instant with its zone, and is replaced whole."""
    gateway = _gateway(tmp_path)
    assert (tmp_path / "clock").read_text() == "2026-01-15T09:00:00+05:00"
    gateway.set_clock(datetime(2026, 2, 1, tzinfo=UTC))
    assert (tmp_path / "clock").read_text() == "2026-02-01T00:00:00+00:00"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clock"]


def test_clock_needs_a_zone(tmp_path: Path) -> None:
    """A naive instant is refused."""
    with pytest.raises(ValueError, match="time zone"):
        _gateway(tmp_path).set_clock(datetime(2026, 2, 1))  # noqa: DTZ001 # that is the point


def test_process_must_be_started(tmp_path: Path) -> None:
    """Before the start there is no process to speak of."""
    with pytest.raises(RuntimeError, match="not started"):
        _ = _gateway(tmp_path).process


def test_gateway_that_does_not_start_says_why(tmp_path: Path) -> None:
    """What the gateway printed is in the error: here that its store was never made."""
    with pytest.raises(RuntimeError, match="did not start") as caught:
        _gateway(tmp_path).start()
    assert "osms" in str(caught.value)
