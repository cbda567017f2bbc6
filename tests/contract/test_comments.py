"""Every part of the contract says what it means, and every error its status."""

import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)
from grpc_tools import protoc  # type: ignore[import-untyped] # ships none

from osms.v1 import error_reason_pb2
from osms_client import Reason
from osms_server.interceptors.errors import STATUS

PROTO = Path(__file__).parents[2] / "proto"
SENTENCE_END = (".", "?", "}")

Path_ = tuple[int, ...]


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> list[FileDescriptorProto]:
    """The contract's files with their comments."""
    out = tmp_path_factory.mktemp("contract") / "set"
    sources = sorted(str(file) for file in PROTO.rglob("*.proto"))
    google = files("grpc_tools") / "_proto"
    arguments = [f"-I{PROTO}", f"-I{google}", "--include_source_info"]
    assert protoc.main(["protoc", *arguments, f"--descriptor_set_out={out}", *sources]) == 0
    return list(FileDescriptorSet.FromString(out.read_bytes()).file)


def of_enum(enum: EnumDescriptorProto, path: Path_) -> Iterator[tuple[str, Path_]]:
    """Return the name and the place of an enum and its values."""
    yield enum.name, path
    for number, value in enumerate(enum.value):
        yield f"{enum.name}.{value.name}", (*path, 2, number)


def of_message(message: DescriptorProto, path: Path_) -> Iterator[tuple[str, Path_]]:
    """Return the name and the place of a message and all inside it."""
    yield message.name, path
    for number, field in enumerate(message.field):
        yield f"{message.name}.{field.name}", (*path, 2, number)
    for number, oneof in enumerate(message.oneof_decl):
        yield f"{message.name}.{oneof.name}", (*path, 8, number)
    for number, nested in enumerate(message.nested_type):
        yield from of_message(nested, (*path, 3, number))
    for number, enum in enumerate(message.enum_type):
        yield from of_enum(enum, (*path, 4, number))


def of_file(file: FileDescriptorProto) -> Iterator[tuple[str, Path_]]:
    """Return the name and the place of everything in a file."""
    for number, message in enumerate(file.message_type):
        yield from of_message(message, (4, number))
    for number, enum in enumerate(file.enum_type):
        yield from of_enum(enum, (5, number))
    for number, service in enumerate(file.service):
        yield service.name, (6, number)
        for position, method in enumerate(service.method):
            yield f"{service.name}.{method.name}", (6, number, 2, position)


def comments(file: FileDescriptorProto) -> dict[Path_, str]:
    """Return the comment above each place of a file."""
    return {
        tuple(location.path): location.leading_comments.strip()
        for location in file.source_code_info.location
    }


def documented(contract: list[FileDescriptorProto]) -> dict[str, str]:
    """Return the comment of everything in the contract by its name."""
    found = {}
    for file in contract:
        said = comments(file)
        found.update({name: said.get(path, "") for name, path in of_file(file)})
    return found


def test_everything_in_the_contract_has_a_comment(contract: list[FileDescriptorProto]) -> None:
    """Messages, fields, oneofs, enums, values, services and calls: each ends a sentence."""
    found = documented(contract)
    assert len(found) > 300
    assert [name for name, text in found.items() if not text.endswith(SENTENCE_END)] == []


def test_every_call_that_can_fail_says_how(contract: list[FileDescriptorProto]) -> None:
    """A call's comment names the reasons it fails with, unless it takes nothing to be wrong."""
    without_arguments = {"ListSources", "ListCategories", "ListReceiptKeys", "VerifyAccessLog"}
    for name, text in documented(contract).items():
        service, _, call = name.partition(".")
        if service.endswith("Service") and call and call not in without_arguments:
            assert re.search(r"\b[A-Z]+_[A-Z_]+\b|As LookupConsumer|Errors", text), name


def test_every_reason_is_documented_with_the_status_it_comes_with(
    contract: list[FileDescriptorProto],
) -> None:
    """What the comment of a reason says first is the status that the gateway sends it with."""
    found = documented(contract)
    reasons = dict(error_reason_pb2.ErrorReason.items())
    del reasons["ERROR_REASON_UNSPECIFIED"]
    assert set(STATUS) == set(reasons.values())
    for name, number in reasons.items():
        text = found[f"ErrorReason.{name}"]
        status = re.match(r"[A-Z_]+", text)
        assert status is not None, name
        assert status[0] == STATUS[number].name, name


def test_the_sdk_knows_every_reason_of_the_contract() -> None:
    """A client of this release can tell every error of a gateway of this release."""
    reasons = dict(error_reason_pb2.ErrorReason.items())
    names = {name.removeprefix("ERROR_REASON_") for name in reasons}
    assert {reason.value for reason in Reason} == names - {"UNSPECIFIED"}
