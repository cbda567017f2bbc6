"""What `import osms_client` gives, and what it needs."""

import inspect
import subprocess
import sys
from enum import StrEnum
from typing import Any

import pytest

import osms_client
from osms.v1 import (
    access_record_pb2,
    category_service_pb2,
    consumer_service_pb2,
    core_pb2,
    payment_service_pb2,
    roster_service_pb2,
)
from osms_client import AsyncGateway, Gateway

_BARE = """
import sys
from importlib.abc import MetaPathFinder

BASE = {"grpc", "grpc_status", "google", "osms", "osms_client", "typing_extensions"}

class OnlyTheBase(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        own = top in sys.stdlib_module_names or top.startswith("_sysconfigdata")
        if top not in BASE and not own:
            raise ImportError(name)

sys.meta_path.insert(0, OnlyTheBase())
import osms_client
"""


def test_import_needs_only_the_base_install() -> None:
    """The SDK imports with grpcio, grpcio-status and protobuf alone."""
    subprocess.run([sys.executable, "-c", _BARE], check=True)


def test_everything_in_all_exists() -> None:
    """The door lists what it holds, sorted and once."""
    names = osms_client.__all__
    assert len(set(names)) == len(names)
    for name in names:
        assert hasattr(osms_client, name), name


def _methods(gateway: type) -> dict[str, Any]:
    return {
        name: member
        for name, member in inspect.getmembers(gateway, inspect.isfunction)
        if not name.startswith("_")
    }


def test_both_gateways_have_the_same_methods() -> None:
    """A method of one gateway has the same parameters, defaults and words in the other."""
    blocking, asynchronous = _methods(Gateway), _methods(AsyncGateway)
    assert set(blocking) == set(asynchronous)
    assert len(blocking) == 23
    for name, method in blocking.items():
        twin = asynchronous[name]
        assert inspect.getdoc(method) == inspect.getdoc(twin), name
        ours, theirs = inspect.signature(method), inspect.signature(twin)
        assert list(ours.parameters) == list(theirs.parameters), name
        for parameter, other in zip(
            ours.parameters.values(), theirs.parameters.values(), strict=True
        ):
            assert (parameter.kind, parameter.default) == (other.kind, other.default), name


_WORDS = [
    (osms_client.Language, core_pb2.Language),
    (osms_client.Purpose, core_pb2.Purpose),
    (osms_client.Status, core_pb2.EligibilityStatus),
    (osms_client.FundingSource, core_pb2.FundingSource),
    (osms_client.Ground, core_pb2.Ground),
    (osms_client.NextStepCode, core_pb2.NextStepCode),
    (osms_client.IdentityMatch, core_pb2.IdentityMatch),
    (osms_client.FeedKind, core_pb2.FeedKind),
    (osms_client.MonthSettlement, consumer_service_pb2.MonthSettlement),
    (osms_client.ReceiptVerdict, consumer_service_pb2.ReceiptVerdict),
    (osms_client.RegisterOutcome, payment_service_pb2.RegisterOutcome),
    (osms_client.RegisterRefusal, payment_service_pb2.RegisterRefusal),
    (osms_client.LineIssue, payment_service_pb2.LineIssue),
    (osms_client.SuspenseState, payment_service_pb2.SuspenseState),
    (osms_client.ResolutionOutcome, payment_service_pb2.ResolutionOutcome),
    (osms_client.ReversalOutcome, payment_service_pb2.ReversalOutcome),
    (osms_client.SyncKind, category_service_pb2.SyncKind),
    (osms_client.SyncOutcome, category_service_pb2.SyncOutcome),
    (osms_client.RecordIssue, category_service_pb2.RecordIssue),
    (osms_client.CategoryKind, category_service_pb2.CategoryKind),
    (osms_client.AssignmentKind, category_service_pb2.AssignmentKind),
    (osms_client.AccessKind, access_record_pb2.AccessKind),
    (osms_client.MemberIssue, roster_service_pb2.MemberIssue),
    (osms_client.NormGroup, roster_service_pb2.NormGroup),
]


@pytest.mark.parametrize(("words", "numbers"), _WORDS)
def test_words_are_those_of_the_contract(words: type[StrEnum], numbers: Any) -> None:
    """Every value of an enum of the contract has a word, and no word is invented."""
    zero = numbers.DESCRIPTOR.values_by_number[0].name
    prefix = zero.removesuffix("UNSPECIFIED")
    sent = {name.removeprefix(prefix) for name in numbers.DESCRIPTOR.values_by_name} - {
        "UNSPECIFIED"
    }
    assert {word.name for word in words} - {"UNRECOGNISED"} == sent
