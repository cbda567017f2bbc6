"""The settings of the ports, as an operator may get them wrong."""

from pathlib import Path

import pytest
import typer

from osms_server.console import settings_of
from osms_server.doors import doors_of
from osms_server.settings import Settings

SOME = Path("some.pem")


def test_settings_that_go_together_are_named_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    """A certificate without its key, or a second port without a first that speaks TLS."""
    for given in ({"certificate": SOME}, {"plain_listen": "127.0.0.1:1"}):
        with pytest.raises(typer.Exit):
            settings_of(**given)
        assert capsys.readouterr().err.startswith("osms: settings: Value error")


@pytest.mark.parametrize(
    "settings",
    [
        {"listen": "0.0.0.0:1", "plain_client": "developer"},
        {"listen": "osms.example:1", "plain_client": "developer"},
        {"listen": "127.0.0.1:1"},
    ],
    ids=["everywhere", "a name", "nobody could call"],
)
def test_plain_text_is_for_this_machine_and_for_somebody(settings: dict[str, str]) -> None:
    """Anything else stops the start."""
    with pytest.raises(ValueError, match=r"loopback|Nobody could call"):
        doors_of(Settings(**settings))  # type: ignore[arg-type] # read as from the environment


def test_a_clock_is_moved_from_this_machine_alone() -> None:
    """Also where TLS is spoken: a test clock rewrites what was known when."""
    tls = {"certificate": SOME, "certificate_key": SOME, "client_authorities": SOME}
    with pytest.raises(ValueError, match="test clock"):
        doors_of(Settings(listen="0.0.0.0:1", test_clock=SOME, **tls))  # type: ignore[arg-type]
    assert doors_of(Settings(listen="0.0.0.0:1", **tls))[0].files is not None  # type: ignore[arg-type]
