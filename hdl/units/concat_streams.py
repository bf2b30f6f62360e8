"""`ConcatStreams`: several streams as one, run after run of beats."""

from collections.abc import Iterator
from functools import cached_property
from math import gcd, prod

import numpy as np
from amaranth import Array, Cat, Module, Mux, Signal, Value

from icepop.compiler.errors import PlanError
from icepop.compiler.ops.concat import Concat
from icepop.compiler.planner.plan import Folding, Resources, Span
from icepop.compiler.planner.timing import Inlet, Timing
from icepop.compiler.types import Beats
from icepop.hdl.arithmetic.adder_tree import digits
from icepop.hdl.recode import gain, offset
from icepop.hdl.units.base import LayerUnit, counter_cells, divisors, lone_registers, look_ups, registered_cells


class ConcatStreams(LayerUnit):
    """Branches side by side along any axis, each times a whole number.

    In turn each branch gives a run of beats: along the channels those of a pixel, along another axis those of its
    extent, as rows of a map or whole maps. A whole pixel of every branch can also become one beat.

    Parameters
    ----------
    span : Span
        A `Concat`.
    folding : Folding
        As many lanes out (pe) as in (simd), which divide the channels of each branch; or a beat a pixel: all channels
        out, those of the first branch in.

    Notes
    -----
    ``interval`` is the number of beats out. A beat leaves one cycle after it was taken.
    """

    def __init__(self, span: Span, folding: Folding):
        op = span.ops[0]
        if not isinstance(op, Concat):
            raise TypeError(f"ConcatStreams takes a Concat, not {type(op).__name__}")
        self.op, self.folding = op, folding
        self.side_by_side = folding in pixelwise(span)
        if not self.side_by_side and common(span) % folding.pe:
            raise PlanError(
                f"layer '{span.name}' cannot be folded {folding}: its lanes must divide {common(span)}, which the "
                "channels of every branch are a multiple of"
            )
        lanes = [type.shape[0] if self.side_by_side else folding.pe for type in span.inputs]
        inputs = [Beats.of(type, each) for type, each in zip(span.inputs, lanes, strict=True)]
        super().__init__(inputs, Beats.of(span.result, folding.pe))
        pixels = [prod(type.shape[op.axis :]) if op.axis else 1 for type in span.inputs]
        self.runs = [beats.pixel_beats * count for beats, count in zip(inputs, pixels, strict=True)]

    @staticmethod
    def matches(span: Span) -> int:
        """One Concat."""
        return int(isinstance(span.ops[0], Concat))

    @staticmethod
    def foldings(span: Span) -> Iterator[Folding]:
        """Lanes that divide every branch's channels, and a pixel a beat."""
        yield from (Folding(lanes, lanes) for lanes in divisors(common(span)))
        yield from pixelwise(span)

    @cached_property
    def timing(self) -> Timing:
        """A beat of one branch a cycle, in turn, or of all."""
        count = self.output.count
        if self.side_by_side:
            takes = [np.ones(count, bool) for _ in self.inputs]
        else:
            turns = np.resize(np.repeat(np.arange(len(self.runs)), self.runs), count)
            takes = [turns == branch for branch in range(len(self.runs))]
        inlets = tuple(Inlet(np.cumsum(take)) for take in takes)
        return Timing(inlets, np.ones(count, np.int64), np.ones(count, bool), 1)

    @cached_property
    def cost(self) -> Resources:
        """Registers, the choice of the branch, the counter of its run, and what brings each branch to the result."""
        width, branches = self.output.width, len(self.inputs)
        sums = sum(beats.lanes * self._code_cells(k) for k, beats in enumerate(self.inputs))
        if self.side_by_side:
            return Resources.total([lone_registers(width), look_ups(sums + branches + 1)])
        choice = max(0, branches - 2)
        parts = [registered_cells(width), look_ups(width * choice + sums), counter_cells(max(self.runs))]
        return Resources.total([*parts, look_ups(4 + 2 * branches)])

    def elaborate(self, platform: object) -> Module:
        """Take the beat whose turn it is, or one of each."""
        m = Module()
        streams = [getattr(self, name) for name in self.input_names]
        codes = [self._codes(m, branch, port.payload) for branch, port in enumerate(streams)]
        advance, valid, payload = Signal(), Signal(), Signal(self.output.width)
        m.d.comb += advance.eq(~self.o.valid | self.o.ready)
        if self.side_by_side:
            m.d.comb += [valid.eq(Cat(port.valid for port in streams).all()), payload.eq(Cat(codes))]
            m.d.comb += [port.ready.eq(advance & valid) for port in streams]
        else:
            turn = self._turn(m, valid & advance)
            m.d.comb += [valid.eq(Array(port.valid for port in streams)[turn]), payload.eq(Array(codes)[turn])]
            m.d.comb += [port.ready.eq(advance & (turn == branch)) for branch, port in enumerate(streams)]
        with m.If(advance):
            m.d.sync += [self.o.valid.eq(valid), self.o.payload.eq(payload)]
        return m

    def _turn(self, m: Module, take: Value) -> Signal:
        """Branch whose turn it is."""
        turn, position = Signal(range(len(self.runs))), Signal(range(max(self.runs)))
        with m.If(take):
            m.d.sync += position.eq(position + 1)
            with m.If(position == Array(run - 1 for run in self.runs)[turn]):
                m.d.sync += [position.eq(0), turn.eq(Mux(turn == len(self.runs) - 1, 0, turn + 1))]
        return turn

    def _codes(self, m: Module, branch: int, payload: Value) -> Value:
        """Lanes of a branch's beat, in the result's code."""
        domain, result, factor = self.inputs[branch].domain, self.output.domain, self.op.factors[branch]
        codes = []
        for lane in range(self.inputs[branch].lanes):
            source, code = payload.word_select(lane, domain.bits), Signal(result.bits)
            number = source.as_signed() if domain.signed else source
            m.d.comb += code.eq(number * gain(domain, factor, result) + offset([domain], [factor], result))
            codes.append(code)
        return Cat(codes)

    def _code_cells(self, branch: int) -> int:
        """Cells of a lane's code, where it is more than its source's with zeros or signs."""
        domain, result, factor = self.inputs[branch].domain, self.output.domain, self.op.factors[branch]
        adders = len(digits(gain(domain, factor, result))) - 1 + (offset([domain], [factor], result) != 0)
        return adders * result.bits if domain.bits > 1 else 0


def common(span: Span) -> int:
    """Greatest number that divides the channels of every branch."""
    return gcd(*(type.shape[0] for type in span.inputs))


def pixelwise(span: Span) -> list[Folding]:
    """The folding in which a whole pixel of every branch becomes one beat, where channels are joined."""
    op = span.ops[0]
    joined = isinstance(op, Concat) and op.axis == 0 and len(span.inputs) > 1
    return [Folding(span.result.shape[0], span.inputs[0].shape[0])] if joined else []
