"""The bench that cocotb loads inside a simulator: one read and at most one write a cycle.

It drives `Harness` as `Driver` says and writes every settled row to a file; the process that started the simulator
judges them.
"""

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.handle import Immediate
from cocotb.triggers import FallingEdge, RisingEdge, Timer

from icepop.sim.bench import Driver, Stimulus
from icepop.sim.records import Layout, Stream

FOLDER = "ICEPOP_BENCH"
"""Environment variable with the folder of this run: ``run.json`` in, ``rows`` and ``end.json`` out."""

CHUNK = 2048
"""Cycles written at once."""

STEPS = 4
"""Simulator time steps of a clock period."""


@cocotb.test()
async def bench(dut: Any) -> None:
    """Drive one stimulus from reset."""
    folder = Path(os.environ[FOLDER])
    job = json.loads((folder / "run.json").read_text())
    layout = Layout(tuple(Stream(*stream) for stream in job["streams"]))
    driver = Driver(Stimulus.from_json(job["stimulus"]), job["width"])
    await reset(dut, driver.word)
    started = time.perf_counter()
    with (folder / "rows").open("wb") as file:
        cycle = await drive(dut, driver, layout, file)
    end = {"seconds": time.perf_counter() - started, "unknown": cycle}
    (folder / "end.json").write_text(json.dumps(end))


async def reset(dut: Any, word: int) -> None:
    """Hold the design in reset and return in the middle of cycle 0, whose inputs are ``word``."""
    dut.clk.value = 0
    dut.rst.value = 1
    dut.drive.value = word
    await Timer(STEPS)
    Clock(dut.clk, STEPS, "step").start(start_high=False)
    for _ in range(4):
        await RisingEdge(dut.clk)
    # between the edges, so that neither of them races with the end of reset
    await Timer(1)
    dut.rst.value = 0


async def drive(dut: Any, driver: Driver, layout: Layout, file: BinaryIO) -> int | None:
    """Write one row a cycle until the driver ends the run or a bit is unknown, and return that cycle."""
    seen, inputs, edge = dut.seen, dut.drive, FallingEdge(dut.clk)
    events = Events(layout)
    flags = layout.flags
    rows: list[str] = []
    written, word = 0, driver.word
    while True:
        await edge
        row = str(seen.value)
        rows.append(row)
        going = driver.step(*events[row[-flags:]])
        if driver.word != word:
            word = driver.word
            inputs.set(Immediate(word))
        if len(rows) == CHUNK or not going:
            packed, known = pack(rows, layout)
            file.write(packed)
            file.flush()
            if known < len(rows):
                return written + known
            if not going:
                return None
            written += len(rows)
            rows.clear()


class Events(dict[str, tuple[bool, bool, bool, bool]]):
    """`Layout.events` of flags as a binary literal, computed once for each that occurs; X and Z count as 0."""

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        self._layout = layout

    def __missing__(self, flags: str) -> tuple[bool, bool, bool, bool]:
        self[flags] = events = self._layout.events(int("".join("01"[bit == "1"] for bit in flags), 2))
        return events


def pack(rows: Sequence[str], layout: Layout) -> tuple[bytes, int]:
    """Binary literals, most significant bit first, as bytes, least significant first; and how many hold no X or Z.

    A payload that is not valid may be unknown, as what a memory gives before it is first read; it then counts as 0.
    """
    bits = np.frombuffer("".join(rows).encode(), np.uint8).reshape(len(rows), -1)[:, ::-1] - ord("0")
    for stream, where in enumerate(layout.slices):
        payload = bits[:, 8 * where.start : 8 * where.stop]
        payload[(payload > 1) & (bits[:, 2 * stream, None] == 0)] = 0
    unknown = (bits > 1).any(axis=1)
    known = int(unknown.argmax()) if unknown.any() else len(rows)
    return np.packbits(bits[:known], axis=1, bitorder="little").tobytes(), known
