"""The oldest grpcio and protobuf that an install may have are those the generated code needs."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
GENERATED = ROOT / "proto" / "osms" / "v1"
GRPC_STAMP = re.compile(r"GRPC_GENERATED_VERSION = '([\d.]+)'")
PROTOBUF_STAMP = re.compile(
    r"ValidateProtobufRuntimeVersion\(\s*_runtime_version\.Domain\.PUBLIC,"
    r"\s*(\d+),\s*(\d+),\s*(\d+),"
)
REQUIREMENT = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[\w,]+\])?(>=|==)([\w.]+)(?:; .*)?$")


@pytest.fixture(scope="module")
def project() -> Any:
    """The project's metadata."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def versions(requirements: list[str]) -> dict[str, tuple[str, str]]:
    """Return operator and version of each requirement, by its name."""
    found = {}
    for requirement in requirements:
        match = REQUIREMENT.match(requirement)
        assert match is not None, requirement
        found[match[1]] = (match[2], match[3])
    return found


def stamps(pattern: re.Pattern[str], files: str) -> set[str]:
    """Return the versions stamped into the generated files of one kind; every file has one."""
    found = set()
    for file in sorted(GENERATED.glob(files)):
        match = pattern.search(file.read_text(encoding="utf-8"))
        assert match is not None, file.name
        found.add(".".join(match.groups()))
    return found


def test_all_generated_code_comes_from_one_generator() -> None:
    """One version of grpcio and one of protobuf made every file."""
    assert len(stamps(GRPC_STAMP, "*_pb2_grpc.py")) == 1
    assert len(stamps(PROTOBUF_STAMP, "*_pb2.py")) == 1


def test_the_floors_are_the_stamps(project: Any) -> None:
    """Lower floors would let an install fail at import, higher ones shut users out for nothing."""
    (grpc,) = stamps(GRPC_STAMP, "*_pb2_grpc.py")
    (protobuf,) = stamps(PROTOBUF_STAMP, "*_pb2.py")
    floors = versions(project["project"]["dependencies"])
    assert floors == {
        "grpcio": (">=", grpc),
        "grpcio-status": (">=", grpc),
        "protobuf": (">=", protobuf),
    }


def test_the_floors_of_grpcio_s_companions_are_the_same(project: Any) -> None:
    """Health, reflection and the pinned generator belong to the grpcio that they come with."""
    (grpc,) = stamps(GRPC_STAMP, "*_pb2_grpc.py")
    floors = versions(project["project"]["optional-dependencies"]["server"])
    pinned = versions(project["dependency-groups"]["dev"])
    for name in ("grpcio-health-checking", "grpcio-reflection"):
        assert floors[name] == (">=", grpc)
    for name in ("grpcio", "grpcio-tools", "grpcio-status", "grpcio-reflection"):
        assert pinned[name] == ("==", grpc)
