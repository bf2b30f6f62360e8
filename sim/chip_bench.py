"""The bench that cocotb loads to simulate a bitstream: a crystal, and the other end of the serial line.

It sends requests as a host does and writes every reply to a file; the process that started the simulator judges them.
"""

import json
import os
import time
from pathlib import Path
from typing import Any, TextIO

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import Event, FallingEdge, SimTimeoutError, Timer, with_timeout
from cocotb.utils import get_sim_time

from icepop.boards.link import WINDOW, Splitter
from icepop.sim.cocotb_bench import FOLDER


class LineError(Exception):
    """What is on the line is not what a board sends."""


class Line:
    """A serial line's two ends at the board.

    Parameters
    ----------
    rx, tx : handle
        The board's input and output.
    bit_ps : int
        Length of a bit in ps.
    silence_ps : int
        How long the board may be silent, in ps.
    """

    def __init__(self, rx: Any, tx: Any, bit_ps: int, silence_ps: int) -> None:
        self.rx, self.tx, self.bit_ps, self.silence_ps = rx, tx, bit_ps, silence_ps
        rx.value = 1

    async def send(self, byte: int) -> None:
        """Start bit, eight data bits, stop bit."""
        for level in (0, *((byte >> k) & 1 for k in range(8)), 1):
            self.rx.value = level
            await Timer(self.bit_ps, "ps")

    async def receive(self) -> int:
        """Next byte; each bit is looked at in its middle."""
        if self.look():
            try:
                await with_timeout(FallingEdge(self.tx), self.silence_ps, "ps")
            except SimTimeoutError:
                raise LineError(f"the board was silent for {self.silence_ps / 1e6:.0f} us") from None
        await Timer(self.bit_ps * 3 // 2, "ps")
        byte = 0
        for k in range(8):
            byte |= self.look() << k
            await Timer(self.bit_ps, "ps")
        if not self.look():
            raise LineError("a byte has no stop bit")
        return byte

    def look(self) -> int:
        """Level of the board's output."""
        level = str(self.tx.value)
        if level not in ("0", "1"):
            raise LineError(f"the board's output is {level}")
        return int(level)


class Replies:
    """Every reply, written with the time of its end.

    Parameters
    ----------
    file : text file
        Gets one line a reply: time in ps, content in hexadecimal.
    """

    def __init__(self, file: TextIO) -> None:
        self.count = self.pending = 0
        self.arrived = Event()
        self._file = file
        self._splitter = Splitter()

    def feed(self, byte: int) -> None:
        """Take a received byte."""
        self.pending += 1
        for block in self._splitter.feed(bytes([byte])):
            self.count += 1
            self.pending = 0
            self._file.write(f"{round(get_sim_time('ps'))} {block.hex()}\n")
            self._file.flush()
            self.arrived.set()


@cocotb.test()
async def bench(dut: Any) -> None:
    """Send every request and wait for every reply."""
    folder = Path(os.environ[FOLDER])
    job = json.loads((folder / "run.json").read_text())
    requests = [bytes.fromhex(request) for request in job["requests"]]
    clock = getattr(dut, job["crystal"])
    clock.value = 0
    line = Line(getattr(dut, job["rx"]), getattr(dut, job["tx"]), job["bit_ps"], job["silence_ps"])
    started = time.perf_counter()
    await Timer(job["crystal_ps"], "ps")
    Clock(clock, job["crystal_ps"], "ps").start(start_high=False)
    await Timer(job["start_ps"], "ps")
    error = None
    with (folder / "replies").open("w") as file:
        replies = Replies(file)
        cocotb.start_soon(send(line, requests, replies))
        try:
            while replies.count < len(requests):
                if replies.pending > job["longest"]:
                    raise LineError(f"the board sent {replies.pending} bytes that are no reply")
                replies.feed(await line.receive())
        except LineError as wrong:
            error = str(wrong)
    end = {"seconds": time.perf_counter() - started, "end_ps": round(get_sim_time("ps")), "error": error}
    (folder / "end.json").write_text(json.dumps(end))


async def send(line: Line, requests: list[bytes], replies: Replies) -> None:
    """Keep as many requests under way as the hardware holds."""
    for number, request in enumerate(requests):
        while replies.count <= number - WINDOW:
            replies.arrived.clear()
            await replies.arrived.wait()
        for byte in request:
            await line.send(byte)
