"""One small data set for all tests of the files."""

from datetime import date
from pathlib import Path

import pytest

from osms_seeds.dataset import Summary, write_dataset

PEOPLE, SEED, TODAY = 3_000, 11, date(2026, 12, 31)


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Summary]:
    """Return a written data set and its summary."""
    out = tmp_path_factory.mktemp("dataset")
    return out, write_dataset(out, people=PEOPLE, seed=SEED, today=TODAY)
