"""`Alone`: a single unit as a design that `simulate` proves."""

from amaranth import Module, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from icepop.compiler.graph import Graph
from icepop.compiler.ops.input import Input
from icepop.compiler.planner.flow import Node
from icepop.compiler.planner.plan import Span
from icepop.compiler.planner.schedule import Schedule, schedule
from icepop.hdl.accelerator import Tap
from icepop.hdl.units.base import StreamUnit
from icepop.sim.bench import Stall

STALLS = (Stall("none"), Stall("random"), Stall("bursts"))
"""Runs of which all are exact, and the first is as planned."""


class Alone(wiring.Component):
    """A unit of one input, whose plan is the schedule of its timing.

    Parameters
    ----------
    span : Span
        What it computes.
    unit : StreamUnit
        The unit.
    samples : int
        Samples that are scheduled.
    """

    taps: tuple[Tap, ...] = ()

    def __init__(self, span: Span, unit: StreamUnit, samples: int):
        self.unit = unit
        self.graph = Graph((Input(span.ops[0].inputs[0], (), span.input), *span.ops))
        self.input_op = self.graph.input.name
        self.input, self.output = unit.input, unit.output
        self.samples = samples
        given, result = (stream.Signature(unsigned(beats.width)) for beats in (self.input, self.output))
        super().__init__({"i": In(given), "o": Out(result)})

    @property
    def plan(self) -> Schedule:
        """What the unit promises."""
        return schedule([Node(self.unit.timing, ((-1, 0),))], self.input.count, self.output.count, self.samples)

    def elaborate(self, platform: object) -> Module:
        """Connect both ends."""
        m = Module()
        m.submodules.unit = self.unit
        connect(m, flipped(self.i), self.unit.i)
        connect(m, self.unit.o, flipped(self.o))
        return m
