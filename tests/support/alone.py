"""One unit by itself, with the surface of an accelerator that the simulators take."""

from dataclasses import dataclass

from amaranth import Module, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from icepop.compiler.graph import Graph
from icepop.compiler.ops.input import Input
from icepop.compiler.plan import Span
from icepop.compiler.schedule import Node, schedule
from icepop.hdl.accelerator import Tap
from icepop.hdl.units.base import StreamUnit


@dataclass(frozen=True)
class Cycles:
    """What the schedule of one unit says."""

    interval: int
    latency: int


class Alone(wiring.Component):
    """A unit of one input behind its own streams."""

    def __init__(self, unit: StreamUnit, span: Span):
        self.unit, self.input, self.output = unit, unit.input, unit.output
        self.graph = Graph((Input(span.ops[0].inputs[0], (), span.input), *span.ops))
        self.input_op = self.graph.ops[0].name
        self.taps: tuple[Tap, ...] = ()
        times = schedule([Node(unit.timing, ((-1, 0),))], unit.input.count, unit.output.count)
        self.plan = Cycles(times.interval, times.latency)
        i, o = (stream.Signature(unsigned(beats.width)) for beats in (unit.input, unit.output))
        super().__init__({"i": In(i), "o": Out(o)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.unit = self.unit
        connect(m, flipped(self.i), self.unit.i)
        connect(m, self.unit.o, flipped(self.o))
        return m
