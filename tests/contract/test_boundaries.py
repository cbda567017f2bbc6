"""Imports point one way: service to rules and storage, client to the contract, rules to nothing."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = ("osms", "osms_client", "osms_server", "osms_storage", "osms_seeds")


@dataclass(frozen=True)
class Territory:
    """A part of the tree and what of ours it may import."""

    folder: str
    may_import: tuple[str, ...]

    def files(self) -> list[Path]:
        """Return its modules."""
        return sorted((ROOT / self.folder).rglob("*.py"))


TERRITORIES = (
    Territory("proto/osms", ("osms",)),
    Territory("server/osms_server/rules", ("osms_server.rules",)),
    Territory("storage/osms_storage", ("osms", "osms_storage")),
    Territory("client/osms_client", ("osms", "osms_client")),
    Territory(
        "server/osms_server", ("osms", "osms_server", "osms_storage", "osms_seeds.reference")
    ),
    # Made-up people must not learn from the server what to expect of it.
    Territory("seeds/osms_seeds", ("osms", "osms_client", "osms_seeds")),
)


def imported(file: Path) -> Iterator[tuple[int, str]]:
    """Return line and full name of all that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"), str(file))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: names say where they come from"
            for alias in node.names:
                yield node.lineno, f"{node.module}.{alias.name}"


def within(name: str, packages: tuple[str, ...]) -> bool:
    """Tell whether a name lies in one of some packages."""
    return any(name == package or name.startswith(f"{package}.") for package in packages)


@pytest.mark.parametrize("territory", TERRITORIES, ids=lambda territory: territory.folder)
def test_a_package_imports_only_what_lies_below_it(territory: Territory) -> None:
    """Every import of ours, also inside functions, is one that this folder may have."""
    files = territory.files()
    assert files
    trespasses = [
        f"{file.relative_to(ROOT)}:{line}: {name}"
        for file in files
        for line, name in imported(file)
        if within(name, OURS) and not within(name, territory.may_import)
    ]
    assert trespasses == []


def test_the_rules_touch_nothing_but_their_own_data() -> None:
    """No sockets, files, clocks or processes: a decision is a function of its arguments."""
    forbidden = ("asyncio", "os", "pathlib", "socket", "sqlite3", "subprocess", "time", "grpc")
    trespasses = [
        f"{file.relative_to(ROOT)}:{line}: {name}"
        for file in Territory("server/osms_server/rules", ()).files()
        for line, name in imported(file)
        if within(name, forbidden)
    ]
    assert trespasses == []


def test_no_package_lies_bare_in_a_top_folder() -> None:
    """A package named `proto` or `server` would shadow other people's."""
    for folder in ("proto", "server", "client", "storage", "seeds"):
        assert not (ROOT / folder / "__init__.py").exists()


def test_the_sdk_needs_nothing_but_grpc_and_protobuf() -> None:
    """Whoever imports the SDK pays for nothing that the base install does not have."""
    program = (
        "import sys; before = set(sys.modules); import osms_client, json;"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = {name.partition(".")[0] for name in json.loads(ended.stdout)}
    # grpc itself looks for its companions, and its extension brings Cython's runtime.
    companions = {"grpc", "grpc_status", "grpc_health", "grpc_reflection", "grpc_tools"}
    foreign = {
        name
        for name in loaded - set(sys.stdlib_module_names)
        if not name.startswith(("_cython", "cython", "_sysconfigdata"))
    }
    assert foreign - companions <= {"google", "typing_extensions", "osms", "osms_client"}
    assert {"osms", "osms_client", "grpc"} <= foreign
