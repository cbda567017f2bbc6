"""What is built installs bare, and says what is missing for the rest."""

import importlib.util
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
RUN_S = 60.0
NAME = "osms-gateway"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    command = ["wheel", "-q", "--no-deps", "--wheel-dir", str(folder)]
    if importlib.util.find_spec("hatchling"):
        command.append("--no-build-isolation")  # nothing is fetched then
    pip(*command, str(ROOT))
    (built,) = folder.glob("*.whl")
    return built


def pip(*arguments: str) -> None:
    """Run this environment's pip."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    subprocess.run(command, check=True, timeout=RUN_S)


def needed(name: str, extras: frozenset[str] = frozenset()) -> Iterator[str]:
    """Return the names of all that a distribution needs, itself included."""
    todo, seen = [(name, extras)], set()
    while todo:
        one = todo.pop()
        if one in seen:
            continue
        seen.add(one)
        yield one[0]
        for line in distribution(one[0]).requires or ():
            requirement = Requirement(line)
            environments = [{"extra": extra} for extra in (*one[1], "")]
            if any(
                requirement.marker is None or requirement.marker.evaluate(environment)
                for environment in environments
            ):
                todo.append((requirement.name, frozenset(requirement.extras)))


class Install:
    """An environment that holds the wheel, and of all else only what it is given."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        venv.create(folder, with_pip=False)
        self._scripts = folder / "bin"
        names = {"base": str(folder), "platbase": str(folder)}
        self._packages = Path(sysconfig.get_path("purelib", vars=names))
        pip(
            *("--python", str(self._scripts / "python")),
            *("install", "-q", "--no-deps", "--no-index", str(wheel)),
        )

    def give(self, *extras: str) -> None:
        """Let the environment have what the base install and these extras need."""
        for name in set(needed(NAME, frozenset(extras))) - {NAME}:
            found = distribution(name)
            tops = {file.parts[0] for file in found.files or () if file.parts[0] != ".."}
            for top in tops - {"__pycache__"}:
                link = self._packages / top
                if not link.exists():
                    link.symlink_to(Path(str(found.locate_file(top))))

    def run(
        self, command: str, *arguments: str, **environment: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run a program of the install, with no other variables than these."""
        return subprocess.run(
            [str(self._scripts / command), *arguments],
            capture_output=True,
            text=True,
            timeout=RUN_S,
            check=False,
            cwd=self._packages.parent,
            env=environment,
        )


@pytest.mark.parametrize("package", ["osms", "osms_client"])
def test_type_checkers_are_told_that_the_sdk_is_typed(wheel: Path, package: str) -> None:
    """Without its marker the types of an installed package are ignored."""
    with zipfile.ZipFile(wheel) as archive:
        assert f"{package}/py.typed" in archive.namelist()


@pytest.fixture(scope="module")
def install(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Install:
    """The wheel and what the base install needs; tests after the first may give it more."""
    made = Install(tmp_path_factory.mktemp("install") / "venv", wheel)
    made.give()
    return made


def test_the_wheel_holds_the_packages_and_nothing_else(wheel: Path) -> None:
    """Contract, generated code, data files and modules; no tests, no tools."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.partition("/")[0] for name in names}
    ours = {"osms", "osms_client", "osms_server", "osms_storage", "osms_seeds"}
    assert {top for top in tops if not top.endswith(".dist-info")} == ours
    for needed_file in (
        "osms/v1/core.proto",
        "osms/v1/core_pb2.pyi",
        "osms_server/rules/parameters/retention_months.toml",
        "osms_server/rules/texts/kk.toml",
        "osms_seeds/reference/categories.toml",
        "osms_storage/migrations/script.py.mako",
    ):
        assert needed_file in names


def test_the_sdk_works_in_a_base_install(install: Install) -> None:
    """With grpcio, grpcio-status and protobuf alone every public name is there."""
    program = "import osms_client; print(all(hasattr(osms_client, n) for n in osms_client.__all__))"
    ended = install.run("python", "-c", program)
    assert (ended.stdout, ended.stderr) == ("True\n", "")


def test_the_sdk_works_where_the_system_has_no_time_zones(install: Install) -> None:
    """On a bare container or a desk's Windows the SDK imports, and knows what today is."""
    program = (
        "import osms_client; from datetime import UTC, datetime; from osms.values import *;"
        "print(almaty_date(datetime(2026, 1, 14, 19, tzinfo=UTC)))"
    )
    ended = install.run("python", "-c", program, PYTHONTZPATH="")
    assert (ended.stdout, ended.stderr) == ("2026-01-15\n", "")


def test_the_command_says_what_it_needs(install: Install) -> None:
    """Without any extra `osms` names the one for files and ends with status 2."""
    ended = install.run("osms", "check", "900101390002")
    assert ended.returncode == 2
    assert "pip install 'osms-gateway[files]'" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_server_command_says_what_it_needs(install: Install) -> None:
    """With the files extra `osms serve` names the server's and ends with status 2."""
    install.give("files")
    for command in (["serve"], ["init"], ["verify", "ledger"]):
        ended = install.run("osms", *command)
        assert ended.returncode == 2
        assert "pip install 'osms-gateway[server]'" in ended.stderr
        assert "Traceback" not in ended.stderr


def test_the_server_makes_a_store_from_the_wheel_alone(install: Install, tmp_path: Path) -> None:
    """With the server extra all data files are found, and the store is whole."""
    install.give("files", "server")
    store = str(tmp_path / "store.db")
    made = install.run("osms", "init", "--store", store)
    assert (made.returncode, made.stderr) == (0, "")
    verified = install.run("osms", "verify", "ledger", "--store", store)
    assert verified.returncode == 0
