"""`ArgmaxScan`: the class of the largest score, one score a cycle."""

from collections.abc import Iterator
from functools import cached_property

import numpy as np
from amaranth import Module, Mux, Signal
from amaranth.utils import ceil_log2

from icepop.compiler.ops.argmax import ArgMax
from icepop.compiler.plan import Folding, Resources, Span
from icepop.compiler.timing import Timing, streaming
from icepop.compiler.types import Beats
from icepop.hdl.units.base import LayerUnit, adder_cells, counter_cells, lone_registers, registered_cells


class ArgmaxScan(LayerUnit):
    """Index of the largest of a vector of scores; ties go to the lowest index.

    Parameters
    ----------
    span : Span
        An `ArgMax`.
    folding : Folding
        1x1: one score a cycle.

    Notes
    -----
    ``interval`` is the number of scores C; the result leaves one cycle after the last score has come.
    """

    def __init__(self, span: Span, folding: Folding):
        super().__init__([Beats(span.input.integers, span.input.length, 1)], Beats.of(span.result, 1))
        self.folding = folding

    @staticmethod
    def matches(span: Span) -> int:
        """One ArgMax."""
        return int(isinstance(span.ops[0], ArgMax))

    @staticmethod
    def foldings(span: Span) -> Iterator[Folding]:
        """One score at a time."""
        yield Folding()

    @property
    def timing(self) -> Timing:
        """A score a cycle; the index leaves after the last."""
        return streaming(self.input.count, np.arange(self.input.count) == self.input.count - 1)

    @cached_property
    def cost(self) -> Resources:
        """A comparator and a register for the best score, a counter and two indices."""
        bits, index = self.input.width, self.output.width
        control = Resources(lut4=5, ff=1, cells=9)
        parts = [adder_cells(bits), lone_registers(bits + index), counter_cells(self.interval), registered_cells(index)]
        return Resources.total([*parts, control])

    def elaborate(self, platform: object) -> Module:
        """Keep the best score and its index; the last score hands the index over."""
        m = Module()
        shape = self.input.domain
        score, best = Signal(shape.bits), Signal(shape.bits)
        position, best_index = Signal(ceil_log2(self.input.count)), Signal(self.output.width)
        better, index, last = Signal(), Signal(self.output.width), Signal()
        compared = (score.as_signed() > best.as_signed()) if shape.signed else (score > best)
        m.d.comb += [
            score.eq(self.i.payload),
            better.eq(compared | (position == 0)),
            index.eq(Mux(better, position, best_index)),
            last.eq(position == self.input.count - 1),
            self.i.ready.eq(~self.o.valid | self.o.ready),
        ]
        with m.If(self.i.ready):
            m.d.sync += self.o.valid.eq(self.i.valid & last)
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [position.eq(Mux(last, 0, position + 1)), best_index.eq(index)]
            with m.If(better):
                m.d.sync += best.eq(score)
        m.d.comb += self.o.payload.eq(best_index)
        return m
