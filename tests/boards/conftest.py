"""Driving a component's streams in Amaranth's simulator, a small accelerator, and tools that take no time."""

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from amaranth import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from icepop.boards import build as building
from icepop.boards import implement as implementing
from icepop.boards.build import BITSTREAM, KEPT
from icepop.boards.tools import NEXTPNR, TookTooLong, Tool
from icepop.compiler.errors import ToolError
from icepop.compiler.planner.plan import Resources
from icepop.compiler.types import Beats, Domain, IntArray, TensorType

Transact = Callable[..., list[Any]]


@pytest.fixture
def transact() -> Transact:
    """Send payloads into ``component.i`` and return ``count`` payloads from ``component.o``, with stalls on both."""

    def run(
        component: wiring.Component, payloads: Sequence[Any], count: int, stall: float = 0.3, bound: int = 20000
    ) -> list[Any]:
        noise = random.Random(0)
        received: list[Any] = []

        async def send(ctx: Any) -> None:
            for payload in payloads:
                while noise.random() < stall:
                    await ctx.tick()
                ctx.set(component.i.payload, payload)
                ctx.set(component.i.valid, 1)
                await ctx.tick().until(component.i.ready)
                ctx.set(component.i.valid, 0)

        async def receive(ctx: Any) -> None:
            cycles = 0
            offered: Any = None
            while len(received) < count:
                ready = noise.random() >= stall
                ctx.set(component.o.ready, ready)
                _, _, valid, payload = await ctx.tick().sample(component.o.valid, component.o.payload)
                assert offered is None or (valid and payload == offered), "valid or payload changed before transfer"
                offered = payload if valid and not ready else None
                if valid and ready:
                    received.append(payload)
                cycles += 1
                assert cycles < bound, f"only {len(received)} of {count} payloads came within {bound} cycles"

        simulator = Simulator(component)
        simulator.add_clock(1e-6)
        simulator.add_testbench(send, background=True)
        simulator.add_testbench(receive)
        simulator.run()
        return received

    return run


INPUT = Beats(Domain(0, 7), 11, 4)
OUTPUT = Beats(Domain(0, 99), 3, 2)


@dataclass(frozen=True)
class Model:
    """(sum, first, last) of 11 three-bit elements, in beats that do not divide."""

    input: Beats = INPUT
    output: Beats = OUTPUT

    @property
    def types(self) -> tuple[TensorType, TensorType]:
        return TensorType((11,), INPUT.domain), TensorType((3,), OUTPUT.domain)

    def golden(self, x: IntArray) -> IntArray:
        return np.stack([x.sum(axis=1), x[:, 0], x[:, -1]], axis=1)


class Digest(wiring.Component):
    """A stand-in accelerator for the model; takes no input before ``start`` cycles have passed."""

    i: In(stream.Signature(unsigned(INPUT.width)))
    o: Out(stream.Signature(unsigned(OUTPUT.width)))
    input = INPUT
    output = OUTPUT

    def __init__(self, start: int = 0) -> None:
        self.start = start
        super().__init__()

    def elaborate(self, platform: object) -> Module:
        m = Module()
        beat, total, first, last = Signal(2), Signal(7), Signal(7), Signal(7)
        send, wait = Signal(2), Signal(range(self.start + 1), init=self.start)
        elements = [self.i.payload.word_select(lane, 3) for lane in range(4)]
        m.d.comb += [
            self.i.ready.eq((send == 0) & (wait == 0)),
            self.o.valid.eq(send != 0),
            self.o.payload.eq(Mux(send == 1, Cat(total, first), last)),
        ]
        with m.If(wait != 0):
            m.d.sync += wait.eq(wait - 1)
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [total.eq(total + sum(elements)), last.eq(elements[2]), beat.eq(beat + 1)]
            with m.If(beat == 0):
                m.d.sync += [total.eq(sum(elements)), first.eq(elements[0])]
            with m.If(beat == 2):
                # the padding must be zero, or the sum shows it
                m.d.sync += [beat.eq(0), send.eq(1)]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += send.eq(Mux(send == 2, 0, send + 1))
        return m


@pytest.fixture
def digest() -> Digest:
    return Digest()


@pytest.fixture
def late_digest() -> Digest:
    """Starts when three requests have arrived at the fastest rate."""
    return Digest(3 * 13 * 42)


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def samples() -> IntArray:
    return np.random.default_rng(5).integers(0, 8, (6, 11))


FAILURES = {
    "legal": "Unable to find legal placement for all cells, design is probably at utilisation limit.",
    "BELs": "Unable to place cell 'x', no BELs remaining",
}
"""What nextpnr says of a design that finds no place."""


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Replace the tools: their files appear at once. Returns what the placer shall report."""
    told: dict[str, Any] = {"fmax": [45.0], "failing": None, "timeouts": []}

    def synthesize(folder: Path, name: str, part: str, least_enabled: int) -> tuple[Resources, Resources]:
        told["enabled"] = least_enabled
        return Resources(lut4=400, ff=200, ebr=2), Resources(lut4=40, ff=20)

    def run(tool: Tool, arguments: list[str], folder: Path, timeout_s: float | None = None) -> str:
        if tool is told["failing"]:
            raise KeyboardInterrupt
        if tool is NEXTPNR:
            told["timeouts"].append(timeout_s)
            fmax = told["fmax"][int(arguments[arguments.index("--seed") + 1]) - 1]
            if fmax is None:
                raise TookTooLong(f"nextpnr-ice40 did not finish within {timeout_s} s; make the design smaller")
            if fmax in FAILURES:
                raise ToolError(f"nextpnr-ice40 failed with exit code 125: ERROR: {FAILURES[fmax]}")
            report = {"utilization": {"ICESTORM_LC": {"used": 500}}, "fmax": {"clk": {"achieved": fmax}}}
            (folder / "timing.json").write_text(json.dumps(report))
        for name in KEPT[:-2]:
            (folder / name).touch()
        (folder / BITSTREAM).write_bytes(b"bits")
        (folder / "placed.json").write_text(json.dumps({"modules": {"top": {"cells": {}}}}))
        return ""

    monkeypatch.setattr(implementing, "synthesize_script", synthesize)
    monkeypatch.setattr(building, "run", run)
    monkeypatch.setattr(implementing, "run", run)
    return told
