"""How the gateway is reached: which targets are on this machine."""

import pytest

from osms_client.channel import channel_options, is_loopback


@pytest.mark.parametrize(
    "target",
    [
        *("127.0.0.1:50051", "127.8.9.10:1", "localhost:1", "localhost", "[::1]:1", "::1"),
        *("ipv4:127.0.0.1:1", "ipv6:[::1]:1", "dns:localhost:1", "dns:///localhost:1"),
        *("ipv4:127.0.0.1:1,127.0.0.2:1", "unix:/run/x", "unix-abstract:x"),
    ],
)
def test_this_machine_needs_no_credentials(target: str) -> None:
    """Loopback addresses, localhost and sockets are reached in plain text."""
    assert is_loopback(target)
    channel_options(target, secure=False)


@pytest.mark.parametrize(
    "target",
    [
        *(
            "127.0.0.1.example.com:50051",
            "127.evil.example:1",
            "localhost.example:1",
            "osms.kz:443",
        ),
        *("[::1].example:1", "0.0.0.0:1", "10.0.0.1:1", "ipv4:127.0.0.1:1,10.0.0.1:1", ""),
        *("dns://resolver.example/localhost:1", "osms.kz:443/127.0.0.1:1", "[::2]:1", "127.1:1"),
    ],
)
def test_a_name_that_only_looks_like_this_machine_is_another(target: str) -> None:
    """Only a literal address counts; a name may lead anywhere, whatever it begins with."""
    assert not is_loopback(target)
    with pytest.raises(ValueError, match="only with credentials"):
        channel_options(target, secure=False)


def test_a_url_is_no_target() -> None:
    """Whoever gives a URL is told what to give, with credentials too."""
    for secure in (False, True):
        with pytest.raises(ValueError, match="give host:port"):
            channel_options("https://osms.kz:443", secure=secure)
