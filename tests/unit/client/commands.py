"""Runs the command osms against a fake gateway."""

from pathlib import Path

from typer.testing import CliRunner, Result

from osms_client.cli import app
from tests.unit.client.fake import FakeGateway


def osms(fake: FakeGateway, *words: str | Path) -> Result:
    """Run one command line; the fake gateway is its target."""
    line = list(map(str, words))
    environment = {"OSMS_TARGET": fake.target, "NO_COLOR": "1", "TERM": "dumb"}
    return CliRunner().invoke(app.build(line), line, env=environment)
