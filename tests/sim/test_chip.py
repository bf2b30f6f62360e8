"""The bench at the pins: what it sends when, and every way in which a board can fail to answer."""

import re

import numpy as np
import pytest

from icepop.boards.build import REPORT, Report
from icepop.boards.icebreaker import BOARD
from icepop.boards.link import Frame, Kind, Status
from icepop.compiler.errors import IcepopError
from icepop.compiler.planner.plan import Resources
from icepop.compiler.types import BIPOLAR, Beats, Domain
from icepop.sim import chip
from icepop.sim.bench import BenchError
from icepop.sim.chip import ask, plan_script, read_reply, round_trip

INPUT, OUTPUT = Beats(BIPOLAR, 20, 4), Beats(Domain(0, 9), 1, 1)
X = np.ones((3, 20), np.int64)


def report(clock_hz=36e6, baud=1_000_000):
    return Report("icebreaker", "icepop.bin", clock_hz, clock_hz, 40e6, baud, 0.0, 1, Resources(), Resources())


def board(body):
    """A chip whose output is driven by ``body``, of the line ``rx`` and the clock ``clk``."""
    return f"""
module icepop(input clk12_0__io, input uart_0__rx__io, output uart_0__tx__io);
    wire clk = clk12_0__io, rx = uart_0__rx__io;
    reg babble = 1;
    always #1000000 babble = !babble;
    assign uart_0__tx__io = {body};
endmodule
"""


def test_times_and_pins():
    frames = [Frame(Kind.REQUEST, 0, b"\x05")]
    script = plan_script(BOARD, report(), frames, bits=100, patience=500)
    assert script.requests == [frames[0].encode().hex()]
    assert (script.crystal, script.rx, script.tx) == ("clk12_0__io", "uart_0__rx__io", "uart_0__tx__io")
    # 12 MHz, 1 us a bit, twice the 15 us of the reset, twice 100 bits and 1500 cycles
    assert (script.crystal_ps, script.bit_ps, script.start_ps) == (83334, 1_000_000, 30_000_000)
    assert script.silence_ps == pytest.approx(2 * (100e6 + 1500 / 36e-6), abs=2)
    # 64 cycles are more than 15 us at 1 MHz
    assert plan_script(BOARD, report(1e6), frames, 100, 500).start_ps == 128_000_000


def test_round_trip_is_what_two_frames_take():
    request = Frame(Kind.REQUEST, 1, bytes(range(1, 4))).encode()
    reply = Frame(Kind.REPLY, 1, bytes([Status.OK, 7])).encode()
    assert round_trip(INPUT, OUTPUT) == 10 * (len(request) + len(reply))


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (b"\x05", "the reply to request 3 is damaged: block is no COBS: "),
        (
            Frame(Kind.REPLY, 4, b"\0\5"),
            "the reply to request 3 must have kind 0x12 and sequence number 3, not 0x12 and 4",
        ),
        (
            Frame(Kind.REQUEST, 3, b"\0\5"),
            "the reply to request 3 must have kind 0x12 and sequence number 3, not 0x11 and 3",
        ),
        (Frame(Kind.REPLY, 3, b"\1"), "the reply to request 3 is 01, which is no result of this model"),
        (Frame(Kind.REPLY, 3, b"\0\5\5"), "the reply to request 3 is 000505, which is no result of this model"),
    ],
)
def test_what_is_no_answer(block, message):
    content = block if isinstance(block, bytes) else block.encode().strip(b"\0")
    with pytest.raises(BenchError, match=f"^{re.escape(message)}"):
        read_reply(content, 3, OUTPUT)


def test_an_answer():
    assert read_reply(Frame(Kind.REPLY, 3, b"\0\5").encode().strip(b"\0"), 259, OUTPUT).tolist() == [5]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("1'b1", r"the board was silent for \d+ us after 0 of 3 replies"),
        ("1'b0", r"a byte has no stop bit after 0 of 3 replies"),
        ("babble", r"the board sent \d+ bytes that are no reply after 0 of 3 replies"),
        ("1'bx", r"the board's output is X after 0 of 3 replies"),
        ("rx", r"the reply to request 0 must have kind 0x12 and sequence number 0, not 0x11 and 0"),
        ("clk ? rx : 1'b", r"icarus failed: .*chip\.v:\d+: syntax error"),
    ],
    ids=["silent", "low", "babbling", "unknown", "echo", "broken"],
)
def test_boards_that_give_no_answer(need, tmp_path, monkeypatch, body, message):
    need("iverilog")
    (tmp_path / REPORT).write_text(report().to_json())
    monkeypatch.setattr(chip, "fabric", lambda asc, pcf, crystal: board(body))
    with pytest.raises(IcepopError, match=f"^{message}$"):
        ask(tmp_path, X, INPUT, OUTPUT, 100, lambda *_: None)
