# amaranth: UnusedElaboratable=no
"""A design small enough to see through, with the surface of an accelerator, and its broken twins."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from amaranth import Array, Cat, Const, Module, Mux, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from networks import binary_mlp

from icepop.boards.icebreaker import BOARD
from icepop.compiler.graph import Graph
from icepop.compiler.ops.dense import Dense
from icepop.compiler.ops.input import Input
from icepop.compiler.ops.threshold import Threshold
from icepop.compiler.planner.plan import Folding
from icepop.compiler.planner.search import search
from icepop.compiler.types import BIPOLAR, Beats, TensorType
from icepop.hdl.accelerator import Accelerator, Tap
from icepop.hdl.units.registry import unit_library

LENGTH, LANES, LIMIT = 20, 8, 2
SIGNS = np.where(np.random.default_rng(3).random(LENGTH) < 0.5, -1, 1)


@dataclass(frozen=True)
class Timing:
    interval: int
    latency: int
    first_intervals: tuple[int, ...] = ()


def standin_graph() -> Graph:
    """Flip some signs, count, compare."""
    return Graph(
        (
            Input("x", (), TensorType((LENGTH,), BIPOLAR)),
            Threshold("flip", ("x",), np.zeros((LENGTH, 1), np.int64), SIGNS, BIPOLAR),
            Dense("count", ("flip",), np.ones((1, LENGTH), np.int64)),
            Threshold("fires", ("count",), np.array([[LIMIT]]), np.array([1]), BIPOLAR),
        )
    )


class Flip(wiring.Component):
    """XNOR with a constant, one register."""

    def __init__(self, fault: str | None):
        self.fault = fault
        super().__init__({"i": In(stream.Signature(LANES)), "o": Out(stream.Signature(LANES))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        beats = -(-LENGTH // LANES)
        bits = [int(sign > 0) for sign in SIGNS] + [1] * (beats * LANES - LENGTH)
        words = Array(
            Const(int("".join(map(str, reversed(bits[LANES * k :][:LANES]))), 2), LANES) for k in range(beats)
        )
        beat, sample = Signal(range(beats)), Signal(8)
        valid, stalled = Signal(), Signal(4)
        take = self.i.ready & self.i.valid
        m.d.comb += [self.i.ready.eq(~valid | self.o.ready), self.o.valid.eq(valid)]
        with m.If(self.i.ready):
            m.d.sync += valid.eq(self.i.valid)
        with m.If(take):
            m.d.sync += self.o.payload.eq(~(self.i.payload ^ words[beat]))
            m.d.sync += [beat.eq(Mux(beat == beats - 1, 0, beat + 1)), sample.eq(sample + (beat == beats - 1))]
        m.d.sync += stalled.eq(Mux(valid & ~self.o.ready, stalled + 1, 0))
        match self.fault:
            case "drops valid":
                m.d.comb += self.o.valid.eq(valid & (stalled != 1))
            case "changes payload":
                with m.If(stalled == 1):
                    m.d.sync += self.o.payload.eq(self.o.payload ^ 0x10)
            case "wrong bit":
                with m.If(take & (sample == 2) & (beat == 1)):
                    m.d.sync += self.o.payload[5].eq(self.i.payload[5] ^ words[1][5])
        return m


class Count(wiring.Component):
    """Popcount over the beats of a sample, one register."""

    def __init__(self, width: int, fault: str | None):
        self.fault = fault
        super().__init__({"i": In(stream.Signature(LANES)), "o": Out(stream.Signature(width))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        last = -(-LENGTH // LANES) - 1
        beat, total = Signal(range(last + 1)), Signal.like(self.o.payload)
        ends, rest = beat == last, LENGTH - last * LANES
        count = Mux(ends, sum(self.i.payload[:rest]), sum(self.i.payload))
        m.d.comb += self.i.ready.eq(~self.o.valid | self.o.ready | ~ends)
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [total.eq(Mux(ends, 0, total + count)), beat.eq(Mux(ends, 0, beat + 1))]
            with m.If(ends):
                m.d.sync += [self.o.payload.eq(total + count), self.o.valid.eq(1)]
        sent = Signal(8)
        m.d.sync += sent.eq(sent + (self.o.valid & self.o.ready))
        match self.fault:
            case "repeats a beat":
                with m.If((sent == 5) & self.o.valid & self.o.ready):
                    m.d.sync += self.o.valid.eq(1)
            case "deadlock" | "runaway":
                with m.If(sent == 3):
                    m.d.comb += self.i.ready.eq(0)
            case "hesitates":
                hesitated = Signal()
                m.d.sync += hesitated.eq(ends & ~hesitated)
                with m.If(ends & sent[0] & ~hesitated):
                    m.d.comb += self.i.ready.eq(0)
            case "wrong value":
                with m.If(self.i.valid & self.i.ready & (total + count == LENGTH)):
                    m.d.sync += self.o.payload.eq(LENGTH - 1)
        return m


class Standin(wiring.Component):
    """Three ops in two stages and a comparison, tapped after each stage; ``fault`` breaks one thing."""

    def __init__(self, fault: str | None = None):
        self.fault = fault
        self.graph = standin_graph()
        self.plan = Timing(interval=3, latency=4)
        self.input_op = "x"
        self.input = Beats(BIPOLAR, LENGTH, LANES)
        self.output = Beats(BIPOLAR, 1, 1)
        total = Beats(self.graph.types["count"].integers, 1, 1)
        self.taps = (Tap("tap0", "flip", self.input), Tap("tap1", "count", total))
        watch = {
            tap.name: Out(wiring.Signature({"payload": Out(tap.beats.width), "valid": Out(1), "ready": Out(1)}))
            for tap in self.taps
        }
        super().__init__({"i": In(stream.Signature(unsigned(LANES))), "o": Out(stream.Signature(unsigned(1))), **watch})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.flip = flip = Flip(self.fault)
        m.submodules.count = count = Count(self.taps[1].beats.width, self.fault)
        wiring.connect(m, wiring.flipped(self.i), flip.i)
        wiring.connect(m, flip.o, count.i)
        m.d.comb += [
            self.o.valid.eq(count.o.valid & (self.o.ready if self.fault == "waits for ready" else 1)),
            count.o.ready.eq(self.o.ready),
            self.o.payload.eq(count.o.payload >= (LENGTH + LIMIT) // 2),
        ]
        for tap, watched in ((self.tap0, flip.o), (self.tap1, count.o)):
            shown = Cat(tap.payload, tap.valid, tap.ready)
            m.d.comb += shown.eq(Cat(watched.payload, watched.valid, watched.ready))
            if self.fault == "runaway" and watched is count.o:
                m.d.comb += shown[-2:].eq(0b11)
        return m


@pytest.fixture(scope="session")
def standin() -> Callable[..., Standin]:
    # made here, where Amaranth is told that not every component has to be elaborated
    return lambda fault=None: Standin(fault)


@pytest.fixture(scope="session")
def codes() -> np.ndarray:
    return np.random.default_rng(7).choice([-1, 1], (40, LENGTH))


@pytest.fixture(scope="session")
def small() -> Callable[[], Accelerator]:
    """Two layers whose weights are in EBR; the results are accumulators, so that any wrong weight of the last shows."""

    def make() -> Accelerator:
        graph = Graph(binary_mlp(np.random.default_rng(5), [LENGTH, 8, 5]).ops[:-1])
        pins = {"fc0": Folding(1, 4), "fc1": Folding(1, 1)}
        return Accelerator(
            graph, search(graph, "x", unit_library(), BOARD.name, BOARD.for_accelerator(graph.types["x"]), None, pins)
        )

    return make
