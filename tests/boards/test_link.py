import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from icepop.boards.link import (
    CRC,
    Frame,
    FrameError,
    Kind,
    Splitter,
    longest_block,
    pack_sample,
    sample_bytes,
    unpack_sample,
)
from icepop.compiler.types import BIPOLAR, Beats, Domain

frames = st.builds(Frame, st.integers(0, 255), st.integers(0, 255), st.binary(max_size=600))


@given(st.lists(frames, max_size=4), st.integers(1, 50))
def test_frames_pass_in_pieces_of_any_size(sent, size):
    line = b"".join(frame.encode() for frame in sent)
    splitter = Splitter()
    pieces = [line[start : start + size] for start in range(0, len(line), size)]
    assert [Frame.decode(block) for piece in pieces for block in splitter.feed(piece)] == sent


@given(frames, st.data())
def test_a_damaged_frame_is_refused(frame, data):
    """CRC-32 finds every burst of up to 32 bits, so every changed byte; COBS may notice first."""
    (block,) = Splitter().feed(frame.encode())
    position = data.draw(st.integers(0, len(block) - 1))
    value = data.draw(st.integers(1, 255).filter(lambda value: value != block[position]))
    damaged = block[:position] + bytes([value]) + block[position + 1 :]
    with pytest.raises(FrameError):
        Frame.decode(damaged)


@given(frames)
def test_a_cut_frame_is_refused(frame):
    (block,) = Splitter().feed(frame.encode())
    for end in range(len(block)):
        with pytest.raises(FrameError):
            Frame.decode(block[:end])


def test_one_frame_byte_by_byte():
    """What is on the line is the format: this may only change together with VERSION."""
    frame = Frame(Kind.REQUEST, 7, b"\x00\xff")
    assert (
        frame.encode()
        == b"\0" + bytes.fromhex("03110706ff") + CRC().compute(b"\x11\x07\x00\xff").to_bytes(4, "little") + b"\0"
    )


def test_errors_say_what_is_wrong():
    with pytest.raises(FrameError, match=r"^frame must have at least 6 bytes, not 2$"):
        Frame.decode(b"\3\1\1")
    with pytest.raises(FrameError, match=r"^frame must have CRC 2fc51328, not 01010101$"):
        Frame.decode(b"\7\x01\x01\x01\x01\x01\x01")
    with pytest.raises(FrameError, match=r"^block is no COBS: "):
        Frame.decode(b"\7\1")


def test_splitter_drops_what_is_too_long():
    splitter = Splitter(3)
    assert splitter.feed(b"\1\2\3\4\0\1\2\3\0\0\1") == [b"\1\2\3"]
    assert splitter.feed(b"\1" * 1000) == []
    assert splitter.feed(b"\0\5\0") == [b"\5"]


@pytest.mark.parametrize(
    ("domain", "length"), [(BIPOLAR, 20), (Domain(0, 7), 11), (Domain(-5, 4), 3), (Domain(-9, 9, 2), 7)]
)
@pytest.mark.parametrize("lanes", [1, 3, 8])
def test_samples_do_not_depend_on_lanes(domain, length, lanes):
    beats = Beats(domain, length, lanes)
    values = domain.lo + domain.step * np.random.default_rng(1).integers(0, domain.size, length)
    packed = pack_sample(values, beats)
    assert packed == pack_sample(values, Beats(domain, length, length))
    assert len(packed) == sample_bytes(beats) == -(-length * domain.bits // 8)
    assert np.array_equal(unpack_sample(packed, beats), values)


def test_element_zero_is_the_least_significant():
    assert pack_sample(np.array([1, 2, 7]), Beats(Domain(0, 7), 3, 2)) == bytes([0b11_010_001, 0b1])


@given(st.binary(max_size=900))
def test_longest_block_bounds_every_frame(payload):
    assert len(Frame(Kind.REQUEST, 0, payload).encode()) - 2 <= longest_block(len(payload))
