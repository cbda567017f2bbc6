"""How a store may be named."""

import traceback

import pytest
from sqlalchemy.engine import make_url

from osms_storage.urls import holds_password, store_url


@pytest.mark.parametrize(
    ("store", "hosts", "ports", "password"),
    [
        ("postgresql://osms@a:1,b:2/osms", ["a", "b"], [1, 2], None),
        ("postgresql://a,b:2,c/osms", ["a", "b", "c"], [5432, 2, 5432], None),
        (
            "postgresql://osms:p,/w@a,[fe80::1]:2/osms?ssl=require",
            ["a", "fe80::1"],
            [5432, 2],
            "p,/w",
        ),
        ("postgresql://osms@/osms?host=a:1&host=b:2", ["a", "b"], [1, 2], None),
        ("postgresql://osms:p,w@a:1/osms", "a", 1, "p,w"),
    ],
)
def test_a_url_may_name_several_hosts(
    store: str, hosts: object, ports: object, password: str | None
) -> None:
    """Hosts are read as PostgreSQL's own programs read them, whatever a password holds."""
    url = make_url(store_url(store))
    _, arguments = url.get_dialect()().create_connect_args(url)
    assert (arguments["host"], arguments["port"]) == (hosts, ports)
    assert (arguments.get("password"), arguments["database"]) == (password, "osms")


@pytest.mark.parametrize("hosts", ["a,", "a:x,b", "a,[::1"])
def test_hosts_that_cannot_be_read_are_refused(hosts: str) -> None:
    """The error does not quote the URL, in which a password may stand."""
    with pytest.raises(ValueError, match="HOST:PORT") as refusal:
        store_url(f"postgresql://osms:hidden@{hosts}/osms")
    assert "hidden" not in str(refusal.value)


@pytest.mark.parametrize(
    "store",
    [
        "postgresql:/osms:hidden@h/osms",
        "postgres:osms:hidden@h/osms",
        "postgresql://osms:hidden:hidden@h:hidden/osms",
        "postgresql://osms:hidden@[::1/osms",
        "://osms:hidden@h",
    ],
)
def test_a_url_that_cannot_be_read_is_not_quoted(store: str) -> None:
    """What was taken for a port or a path may be a part of a password."""
    with pytest.raises(ValueError, match="postgresql://USER@HOST") as refusal:
        store_url(store)
    assert "hidden" not in "".join(traceback.format_exception(refusal.value))


@pytest.mark.parametrize(
    ("store", "held"),
    [
        ("store.db", False),
        ("folder@home/store.db", False),
        ("sqlite:///store.db", False),
        ("postgresql://osms@a,b/osms", False),
        ("postgresql://osms@a/osms?passfile=/etc/pgpass", False),
        ("postgresql://osms:p@a,b/osms", True),
        ("postgresql://osms@a/osms?password=p", True),
        ("postgresql:/osms:p@a/osms", True),
    ],
)
def test_a_password_in_a_store_s_name_is_seen(store: str, held: bool) -> None:
    """Wherever in it: before the host, among the parameters, or where nothing can be read."""
    assert holds_password(store) is held
