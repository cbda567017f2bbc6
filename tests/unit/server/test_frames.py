"""How records lie in files."""

from hypothesis import given
from hypothesis import strategies as st

from osms_server.access.frames import SECTOR_BYTES, frame_of, frames_in

# As the messages of a record are: no byte of them alone fills a sector with ones.
BODIES = st.lists(st.binary(max_size=1200).map(lambda b: b.replace(b"\xff", b"")), max_size=6)


@given(bodies=BODIES, rest=st.integers(0, 2000))
def test_what_was_written_is_read(bodies: list[bytes], rest: int) -> None:
    """Records come back with their numbers, whatever room is left behind them."""
    frames = [frame_of(number, body) for number, body in enumerate(bodies, 7)]
    assert all(len(frame) % SECTOR_BYTES == 0 for frame in frames)
    found = list(frames_in(b"".join(frames) + bytes(rest)))
    assert [(frame.number, frame.sealed) for frame in found] == list(enumerate(bodies, 7))


@given(body=st.binary(max_size=1500), data=st.data())
def test_a_sector_of_zeros_is_legal_in_a_record(body: bytes, data: st.DataObject) -> None:
    """Long rows of zeros, as of people who could not be answered, are no torn write."""
    sealed = body + bytes(2000)
    frame = bytearray(frame_of(1, sealed))
    assert [found.sealed for found in frames_in(bytes(frame))] == [sealed]
    place = data.draw(st.integers(0, len(frame) - 1))
    frame[place] ^= data.draw(st.integers(1, 255))
    assert [(found.sealed, found.torn) for found in frames_in(bytes(frame))] == [(None, False)]


@given(body=st.binary(max_size=2000).map(lambda b: b.replace(b"\xff", b"")), data=st.data())
def test_a_write_of_which_sectors_are_lost_is_torn(body: bytes, data: st.DataObject) -> None:
    """Whichever sectors of the last record never reached the disk, it is a torn record."""
    before, frame = frame_of(1, b"before"), bytearray(frame_of(2, body))
    sectors = len(frame) // SECTOR_BYTES
    for sector in data.draw(st.sets(st.integers(0, sectors - 1), min_size=1)):
        frame[sector * SECTOR_BYTES : (sector + 1) * SECTOR_BYTES] = bytes(SECTOR_BYTES)
    found = list(frames_in(before + bytes(frame) + bytes(1024)))
    assert found[0].sealed == b"before"
    assert all(rest.sealed is None and rest.torn for rest in found[1:])
    assert len(found) == 2 or not any(frame)
