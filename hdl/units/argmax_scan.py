"""`ArgmaxScan`: the class of the largest score, one score a cycle."""

from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise

import numpy as np
from amaranth import EnableInserter, Module, Mux, Signal, Value
from amaranth.utils import ceil_log2

from icepop.compiler.ops.argmax import ArgMax
from icepop.compiler.planner.plan import Folding, Resources, Span
from icepop.compiler.planner.timing import Timing, streaming
from icepop.compiler.types import Beats
from icepop.hdl.arithmetic.comparator import carry, ordinal
from icepop.hdl.pipeline import behind
from icepop.hdl.units.base import LayerUnit, adder_cells, counter_cells, lone_registers, registered_cells

SEGMENT = 16
"""Bits that are compared in one cycle: at least 48 MHz on UP5K."""


class ArgmaxScan(LayerUnit):
    """Index of the largest of a vector of scores; ties go to the lowest index.

    Scores of more than 16 bits are compared in segments, the highest first, a cycle each. Whether a score is larger,
    equal or smaller so far goes from segment to segment with it, and each segment keeps its own part of the best score:
    a larger one replaces it, a smaller one does not, and an equal one is decided here.

    Parameters
    ----------
    span : Span
        An `ArgMax`.
    folding : Folding
        1x1: one score a cycle.

    Notes
    -----
    ``interval`` is the number of scores C; the result leaves ``ceil(bits / 16)`` cycles after the last score has come.
    """

    def __init__(self, span: Span, folding: Folding):
        super().__init__([Beats(span.input.integers, span.input.length, 1)], Beats.of(span.result, 1))
        self.folding = folding
        count = -(-self.input.width // SEGMENT)
        ends = [self.input.width * k // count for k in range(count, -1, -1)]
        self.segments = [(low, high) for high, low in pairwise(ends)]

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
        ends = np.arange(self.input.count) == self.input.count - 1
        return streaming(self.input.count, ends, len(self.segments))

    @cached_property
    def cost(self) -> Resources:
        """Comparators and registers for the best score, what waits for its turn, a counter and two indices."""
        bits, index = self.input.width, self.output.width
        control = Resources(lut4=5, ff=1, cells=9)
        parts = [adder_cells(bits), lone_registers(bits + index), counter_cells(self.interval), registered_cells(index)]
        for low, high in self.segments[1:]:  # equality before it, the verdict and flags, and the parts that wait
            parts += [registered_cells(4 + (high - low) // 2), lone_registers(high + index + 2)]
        return Resources.total([*parts, control])

    def elaborate(self, platform: object) -> Module:
        """Segment after segment; behind the last one the index is kept, and handed over with the last score."""
        m, core = Module(), Module()
        advance = Signal()
        m.d.comb += [advance.eq(~self.o.valid | self.o.ready), self.i.ready.eq(advance)]
        position = Signal(ceil_log2(self.input.count))
        last = position == self.input.count - 1
        with core.If(self.i.valid):
            core.d.sync += position.eq(Mux(last, 0, position + 1))
        first = self.i.valid & (position == 0)
        along: list[Value] = [self.i.valid & last, position, ordinal(self.i.payload, self.input.domain)]
        verdict: list[Value] = [first, self.i.valid & ~first]  # larger so far, and equal so far
        for k, (low, high) in enumerate(self.segments):
            (ends, index, score), (larger, equal) = along, verdict
            # of the best score the complement is held: a carry chain takes its operands as they are
            part, held, replaces = score[low:high], Signal(high - low), Signal(name=f"replaces_{k}")
            core.d.comb += replaces.eq(larger | (equal & carry(part, held, 0)))
            with core.If(replaces):
                core.d.sync += held.eq(~part)
            if k + 1 < len(self.segments):
                along, verdict = (
                    behind(core, *values)
                    for values in ((ends, index, score[:low]), (replaces, equal & (part ^ held).all()))
                )
        best_index = Signal(self.output.width)
        with core.If(replaces):
            core.d.sync += best_index.eq(index)
        core.d.sync += self.o.valid.eq(ends)
        m.d.comb += self.o.payload.eq(best_index)
        m.submodules.core = EnableInserter(advance)(core)
        return m
