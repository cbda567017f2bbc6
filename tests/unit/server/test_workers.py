"""What each of several workers is told to do."""

import pytest

from osms_server.settings import Settings
from osms_server.workers import settings_of_worker


@pytest.mark.parametrize("tells", [True, False])
def test_only_the_first_worker_tells_changes(tells: bool) -> None:
    """What has to be done once on a store is done by one worker, if this gateway is to do it."""
    settings = Settings(workers=3, tell_changes=tells)
    told = [settings_of_worker(settings, number).tell_changes for number in range(3)]
    assert told == [tells, False, False]
