"""A short pass over what `make fuzz` does at length, by chance alone: always the same inputs."""

from itertools import islice
from pathlib import Path

import pytest

from tests.fuzz.gateway import besiege, besieged_gateway
from tests.fuzz.mutation import mutations
from tests.fuzz.readers import CORPUS, all_readers, seeds_of
from tests.fuzz.wire import inputs

READ, SENT = 250, 400
SEED = 1


@pytest.mark.parametrize("name", sorted(folder.name for folder in CORPUS.iterdir()))
def test_a_reader_refuses_bad_input_in_its_own_words(tmp_path: Path, name: str) -> None:
    """Whatever a file or token holds, it is read or refused, and the refusal quotes nobody."""
    read = all_readers(tmp_path)[name]
    for content in mutations(seeds_of(name), READ, SEED):
        read(content)


def test_a_gateway_answers_on_under_broken_frames() -> None:
    """It goes on answering others, logs no defect and no person, and does not grow for ever."""
    with besieged_gateway() as gateway:
        siege = besiege(gateway, islice(inputs(SENT, SEED), SENT), SENT)
    assert siege.sent == SENT
