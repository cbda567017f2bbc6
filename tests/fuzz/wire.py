"""Frames for a real gateway: what no client library sends, and what a bad one might."""

from collections.abc import Callable, Iterator, Sequence
from random import Random

from osms.v1 import category_service_pb2 as category_pb
from osms.v1 import consumer_service_pb2 as consumer_pb
from osms.v1 import core_pb2
from osms.v1 import payment_service_pb2 as payment_pb
from osms.v1 import roster_service_pb2 as roster_pb
from tests.fuzz.mutation import mutations
from tests.http2 import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    GREETING,
    HEADERS,
    HEALTH,
    PING,
    PREFACE,
    PRIORITY,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    call_headers,
    frame,
    header_block,
    message,
    whole_call,
)

IIN = "900101390002"
_OPTIONS = consumer_pb.LookupOptions(purpose=core_pb2.PURPOSE_ROSTER, service_date="2025-06-01")
_ITEMS = [consumer_pb.LookupItem(iin=IIN), consumer_pb.LookupItem(iin="12")]
_ROW = payment_pb.PaymentRow(line_no=1, iin=IIN, period="2025-06", amount_tiyn=425_000)

CALLS = {
    "/osms.v1.ConsumerService/LookupConsumer": consumer_pb.LookupConsumerRequest(
        iin=IIN, service_date="2025-06-01", purpose=core_pb2.PURPOSE_RECEPTION
    ),
    "/osms.v1.ConsumerService/BatchLookupConsumers": consumer_pb.BatchLookupConsumersRequest(
        options=_OPTIONS, items=_ITEMS
    ),
    "/osms.v1.ConsumerService/StreamLookupConsumers": consumer_pb.StreamLookupConsumersRequest(
        options=_OPTIONS, items=_ITEMS
    ),
    "/osms.v1.ConsumerService/ExplainConsumer": consumer_pb.ExplainConsumerRequest(iin=IIN),
    "/osms.v1.ConsumerService/WatchConsumers": consumer_pb.WatchConsumersRequest(),
    "/osms.v1.PaymentService/IngestRegisters": payment_pb.IngestRegistersRequest(
        register=payment_pb.Register(
            source="state_corporation",
            reference="GCVP-00000000017",
            received_on="2025-07-20",
            purpose_code="122",
            declared=payment_pb.RegisterTotals(people=1, documents=1, amount_tiyn=425_000),
            rows=[_ROW],
        )
    ),
    "/osms.v1.PaymentService/ListRegisters": payment_pb.ListRegistersRequest(page_size=2),
    "/osms.v1.PaymentService/ListPayments": payment_pb.ListPaymentsRequest(iin=IIN),
    "/osms.v1.PaymentService/ReversePayments": payment_pb.ReversePaymentsRequest(
        source="state_corporation",
        reversal_reference="R-1",
        reversed_on="2026-01-15",
        lines=[payment_pb.ReversalLine(line_no=1)],
    ),
    "/osms.v1.CategoryService/SyncCategories": category_pb.SyncCategoriesRequest(
        header=category_pb.SyncHeader(sender="labour", delta_number=1, declared_records=1)
    ),
    "/osms.v1.CategoryService/ListAssignments": category_pb.ListAssignmentsRequest(iin=IIN),
    "/osms.v1.RosterService/GetRosterReport": roster_pb.GetRosterReportRequest(roster="r"),
    "/osms.v1.RosterService/SyncRoster": roster_pb.SyncRosterRequest(),
    HEALTH: None,
}
"""Calls with a request that means something; chance takes the meaning away."""

_CONTENTS = [call.SerializeToString() if call is not None else b"" for call in CALLS.values()]


def inputs(count: int, seed: int, *, storms: bool = True) -> Iterator[bytes]:
    """Yield what is sent on a connection, from its first byte on, with or without storms."""
    chance = Random(seed)
    whole = [whole_call(path, 1, content) for path, content in zip(CALLS, _CONTENTS, strict=True)]
    contents = mutations(_CONTENTS, count, seed)
    parts = _PARTS if storms else tuple(part for part in _PARTS if part is not _rst_storm)
    for content in contents:
        way = chance.random()
        if way < 0.4:
            # A message that is wrong in a frame that is right: the services read it.
            path = chance.choice(list(CALLS))
            yield GREETING + whole_call(path, 1, content)
        elif way < 0.9:
            begun = chance.choice((GREETING, GREETING, GREETING, PREFACE))
            chosen = chance.choices(parts, k=chance.choice((1, 2, 3, 8)))
            yield begun + b"".join(part(chance) for part in chosen)
        else:
            yield from mutations([GREETING + chance.choice(whole)], 2, chance.randrange(2**32))


def _odd_number(chance: Random) -> int:
    return chance.choice((0, 1, 2, 3, 5, 9, 2**24 - 1, 2**31 - 1, chance.randrange(2**31)))


def _any_frame(chance: Random) -> bytes:
    size = chance.choice((0, 1, 4, 5, 6, 8, 16, 100))
    kind, flags = chance.randrange(12), chance.randrange(256)
    return frame(kind, flags, _odd_number(chance), chance.randbytes(size))


def _lying_length(chance: Random) -> bytes:
    content = bytearray(_any_frame(chance))
    content[:3] = chance.randbytes(3)
    return bytes(content)


def _settings(chance: Random) -> bytes:
    pairs = b"".join(
        chance.randrange(9).to_bytes(2, "big") + _odd_number(chance).to_bytes(4, "big")
        for _ in range(chance.choice((1, 3, 50)))
    )
    return frame(SETTINGS, chance.choice((0, 0, ACK)), 0, pairs)


def _settings_flood(chance: Random) -> bytes:
    return chance.choice((frame(SETTINGS), frame(PING, 0, 0, b"12345678"))) * 200


def _broken_prefix(chance: Random) -> bytes:
    sent = message(
        chance.choice(_CONTENTS),
        length=_odd_number(chance) * chance.choice((1, 2)),
        compressed=chance.choice((0, 1, 2, 255)),
    )
    cut = chance.choice((len(sent), 3, 5, 0))
    path = chance.choice(list(CALLS))
    return call_headers(path, 1) + frame(DATA, chance.choice((0, END_STREAM)), 1, sent[:cut])


def _many_messages(chance: Random) -> bytes:
    path = chance.choice(list(CALLS))
    sent = b"".join(message(chance.choice(_CONTENTS)) for _ in range(20))
    return call_headers(path, 3) + frame(DATA, END_STREAM, 3, sent)


def _rst_storm(chance: Random) -> bytes:
    path = chance.choice(list(CALLS))
    return b"".join(
        call_headers(path, stream) + frame(RST_STREAM, 0, stream, b"\0\0\0\x08")
        for stream in range(1, chance.choice((3, 401)), 2)
    )


def _continuations(chance: Random) -> bytes:
    count = chance.choice((1, 10, 300))
    block = header_block([("x", "y" * 30)])
    ends = chance.choice((0, END_HEADERS))
    return (
        call_headers(HEALTH, 1, flags=0)
        + frame(CONTINUATION, 0, 1, block) * count
        + frame(CONTINUATION, ends, 1)
    )


def _bad_hpack(chance: Random) -> bytes:
    block = bytearray(header_block([("grpc-timeout", "1S"), ("x-bin", "!"), (":path", "/\xff")]))
    for _ in range(chance.randrange(4)):
        block[chance.randrange(len(block))] = chance.randrange(256)
    return frame(HEADERS, chance.choice((4, 5)), 1, bytes(block) + chance.randbytes(20))


def _odd_headers(chance: Random) -> bytes:
    odd = chance.choice(("1S", "-1S", "99999999999H", "", "\xff", "gzip", IIN, "x" * 9_000))
    names = ("grpc-timeout", "grpc-encoding", "authorization", "content-type", "x-bin", "te")
    return call_headers(chance.choice(list(CALLS)), 1, (chance.choice(names), odd))


def _windows(chance: Random) -> bytes:
    grown = _odd_number(chance).to_bytes(4, "big")
    return frame(WINDOW_UPDATE, 0, chance.choice((0, 1)), grown) * chance.choice((1, 2, 100))


def _no_sense(chance: Random) -> bytes:
    kind = chance.choice((PRIORITY, PUSH_PROMISE, GOAWAY, RST_STREAM))
    return frame(kind, 0, chance.choice((0, 1, 2)), chance.randbytes(chance.choice((4, 5, 8))))


_PARTS: Sequence[Callable[[Random], bytes]] = (
    _any_frame,
    _lying_length,
    _settings,
    _settings_flood,
    _broken_prefix,
    _many_messages,
    _rst_storm,
    _continuations,
    _bad_hpack,
    _odd_headers,
    _windows,
    _no_sense,
)
