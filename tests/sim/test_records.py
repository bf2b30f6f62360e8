import re

import numpy as np
import pytest

from icepop.sim.bench import BenchError, Stall, Stimulus
from icepop.sim.records import Layout, Observer, Record, Stream, observe

LAYOUT = Layout((Stream("i", "input", 4), Stream("tap0", "tap 'fc1'", 70), Stream("o", "output", 12)))
DRIVEN = Stimulus((), 2, patience=3)


def rows(*cycles):
    """Rows of cycles, each (valid, ready, payload) for every stream."""
    table = np.zeros((len(cycles), LAYOUT.size), np.uint8)
    for row, cycle in zip(table, cycles, strict=True):
        for k, (valid, ready, payload) in enumerate(cycle):
            row[k // 4] |= (valid | ready << 1) << 2 * (k % 4)
            where = LAYOUT.slices[k]
            row[where] = np.frombuffer(payload.to_bytes(where.stop - where.start, "little"), np.uint8)
    return table


IDLE = (0, 0, 0)
BIG = 0x2A_0123_4567_89AB_CDEF


def test_layout_puts_payloads_on_byte_boundaries():
    assert LAYOUT.flags == 8
    assert LAYOUT.slices == (slice(1, 2), slice(2, 11), slice(11, 13))
    assert LAYOUT.size == 13


def test_layout_of_many_streams_has_more_flags():
    layout = Layout(tuple(Stream(f"tap{k}", "", 1) for k in range(5)))
    assert layout.flags == 16
    rows = np.array([[0, 0b01, 0, 0, 0, 0, 0], [0, 0b11, 0, 0, 0, 0, 1]], np.uint8)
    assert [flag.tolist() for flag in layout.handshake(rows, 4)] == [[True, True], [False, True]]


@pytest.mark.parametrize(
    ("flags", "events"),
    [
        (0b000000, (False, False, False, False)),
        (0b000011, (True, False, False, True)),
        (0b110000, (False, True, True, True)),
        (0b011110, (False, False, True, True)),
        (0b100110, (False, False, False, False)),
    ],
)
def test_events(flags, events):
    assert LAYOUT.events(flags) == events


def test_transfers_and_their_cycles():
    seen = rows(
        ((1, 0, 5), IDLE, (1, 1, 0xABC)),
        ((1, 1, 5), (1, 1, BIG), IDLE),
        ((1, 1, 6), (0, 1, 7), (1, 1, 0x123)),
    )
    run = observe(LAYOUT, seen, DRIVEN, 1.5)
    assert run.records == {
        "i": Record([5, 6], [1, 2]),
        "tap0": Record([BIG], [1]),
        "o": Record([0xABC, 0x123], [0, 2]),
    }
    assert (run.cycles, run.seconds) == (3, 1.5)
    assert list(run.records) == ["i", "tap0", "o"]


def test_dropping_valid_is_named():
    seen = rows((IDLE, IDLE, (1, 1, 3)), (IDLE, (1, 0, 5), IDLE), (IDLE, (0, 1, 5), IDLE))
    message = "tap 'fc1' dropped valid before the transfer of beat 0 at cycle 2 (no stalls)"
    with pytest.raises(BenchError, match=f"^{re.escape(message)}$") as caught:
        Observer(LAYOUT, DRIVEN).take(seen)
    assert (caught.value.cycle, caught.value.stimulus) == (2, DRIVEN)


@pytest.mark.parametrize("ready", [0, 1])
def test_changing_the_payload_is_named(ready):
    seen = rows((IDLE, IDLE, (1, 1, 3)), (IDLE, IDLE, (1, 0, 5)), (IDLE, IDLE, (1, ready, 4)))
    message = "output changed its payload before the transfer of beat 1 at cycle 2 (no stalls)"
    with pytest.raises(BenchError, match=f"^{re.escape(message)}$"):
        Observer(LAYOUT, DRIVEN).take(seen)


def test_payload_may_change_after_the_transfer_and_while_nothing_is_offered():
    seen = rows((IDLE, IDLE, (1, 1, 3)), (IDLE, IDLE, (0, 0, 5)), (IDLE, IDLE, (0, 1, 4)))
    Observer(LAYOUT, DRIVEN).take(seen)


def test_earliest_break_is_named():
    seen = rows((IDLE, (1, 0, 1), IDLE), (IDLE, (1, 0, 2), (1, 0, 1)), (IDLE, (1, 1, 2), IDLE))
    with pytest.raises(BenchError, match=r"^tap 'fc1' changed its payload .* cycle 1 "):
        Observer(LAYOUT, DRIVEN).take(seen)


def test_standstill_tells_where_every_stream_stood():
    seen = rows(((1, 1, 1), (1, 1, 2), (1, 1, 3)), *[((1, 0, 9), (0, 1, 0), (0, 0, 0))] * 3)
    message = (
        "the design stands still: no transfer in 3 cycles after cycle 0 (no stalls); input beat 1 offered, not taken, "
        "tap 'fc1' beat 1 awaited, not offered, output beat 1 not offered"
    )
    with pytest.raises(BenchError, match=f"^{re.escape(message)}$") as caught:
        observe(LAYOUT, seen, DRIVEN, 0.0)
    assert caught.value.cycle == 0


def test_standstill_before_anything_moved():
    with pytest.raises(BenchError, match=r"no transfer in 3 cycles after cycle -1 "):
        observe(LAYOUT, rows((IDLE, IDLE, IDLE)), DRIVEN, 0.0)


def test_standstill_of_a_design_that_waits_for_ready():
    taken = [(IDLE, IDLE, (1, 1, 3))] * 7
    stimulus = Stimulus((), 99, accept=Stall("random"))
    with pytest.raises(BenchError, match=r"output beat 7 not offered, which must not wait for ready before it is"):
        observe(LAYOUT, rows(*taken, (IDLE, IDLE, IDLE)), stimulus, 0.0)


def in_pieces(seen, size):
    observer = Observer(LAYOUT, DRIVEN)
    for start in range(0, len(seen), size):
        observer.take(seen[start : start + size])
    return observer


@pytest.mark.parametrize("size", [1, 2, 3])
def test_pieces_make_the_same_records(size):
    seen = rows(*[((1, k % 2, k // 2), (1, 1, BIG + k), (k % 3 == 2, 1, k)) for k in range(7)])
    observer = in_pieces(seen, size)
    assert observer.taken == 2
    assert observer.run(1.5) == observe(LAYOUT, seen, DRIVEN, 1.5)


@pytest.mark.parametrize("size", [1, 2])
def test_break_between_pieces_is_named_as_in_one(size):
    seen = rows((IDLE, IDLE, (1, 1, 3)), (IDLE, IDLE, (0, 0, 0)), (IDLE, IDLE, (1, 0, 5)), (IDLE, IDLE, (1, 1, 4)))
    message = "output changed its payload before the transfer of beat 1 at cycle 3 (no stalls)"
    with pytest.raises(BenchError, match=f"^{re.escape(message)}$") as caught:
        in_pieces(seen, size)
    assert caught.value.cycle == 3


def test_standstill_seen_in_pieces():
    observer = in_pieces(rows(((1, 1, 1), (1, 1, 2), (1, 1, 3)), *[((1, 0, 9), (0, 1, 0), (0, 0, 0))] * 3), 1)
    message = (
        "the design stands still: no transfer in 3 cycles after cycle 0 (no stalls); input beat 1 offered, not taken, "
        "tap 'fc1' beat 1 awaited, not offered, output beat 1 not offered"
    )
    with pytest.raises(BenchError, match=f"^{re.escape(message)}$"):
        observer.run(0.0)
