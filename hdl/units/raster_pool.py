# amaranth: UnusedElaboratable=no
"""`RasterPool`: pools whose windows stand side by side, as the map comes."""

from collections.abc import Iterator
from functools import cached_property

import numpy as np
from amaranth import Cat, Const, Module, Mux, Signal, Value
from amaranth.utils import ceil_log2
from numpy.typing import NDArray

from icepop.compiler.ops.max_pool import MaxPool
from icepop.compiler.ops.sum_pool import SumPool
from icepop.compiler.planner.plan import Folding, Resources, Span
from icepop.compiler.planner.timing import Timing, streaming
from icepop.compiler.types import Beats
from icepop.hdl.memory import Ram, memory_cost
from icepop.hdl.pooling import Pooling
from icepop.hdl.sources.loops import Loops, at_end, at_least
from icepop.hdl.sources.window_program import Axis
from icepop.hdl.units.base import LayerUnit, counter_cells, lone_registers, parallelisms, registered_cells
from icepop.hdl.window_lanes import on_maps


class RasterPool(LayerUnit):
    """A `MaxPool` or a `SumPool` whose windows do not overlap and hold no padding; a global pool is one window.

    Every beat is taken once, in the order of the stream. A memory holds the state of every window of a row; of one
    window and one beat a pixel, and of windows of one pixel, a register does.

    Parameters
    ----------
    span : Span
        The pool.
    folding : Folding
        ``pe`` and ``simd`` are both the lanes.

    Notes
    -----
    ``interval`` is the beats of the map. A result leaves the cycle after its window's last beat has come.
    """

    def __init__(self, span: Span, folding: Folding):
        op = span.ops[0]
        if not isinstance(op, MaxPool | SumPool) or (found := on_maps(op.window, span.input.shape)) is None:
            raise TypeError(f"RasterPool takes a MaxPool or a SumPool on a map, not {type(op).__name__}")
        self.rows, self.columns = found
        self.folding = folding
        super().__init__([Beats.of(span.input, folding.simd)], Beats.of(span.result, folding.simd))
        self.pooling = Pooling.of(span, self.input)
        self.words = self.columns.count * self.input.pixel_beats
        width = folding.simd * self.pooling.bits
        # windows of one pixel have nothing to remember
        self.remembers = self.words > 1 and self.rows.kernel * self.columns.kernel > 1
        self.state, self.folded = Signal(width), Signal(width)

    @staticmethod
    def matches(span: Span) -> int:
        """One pool with such windows."""
        op = span.ops[0]
        if not isinstance(op, MaxPool | SumPool) or (found := on_maps(op.window, span.input.shape)) is None:
            return 0
        return int(apart(*found))

    @staticmethod
    def foldings(span: Span) -> Iterator[Folding]:
        """Sensible numbers of lanes."""
        for lanes in parallelisms(span.input.shape[0]):
            yield Folding(lanes, lanes)

    @cached_property
    def timing(self) -> Timing:
        """A beat a cycle; those of a window's last pixel give a result."""
        last = np.outer(ends(self.rows), ends(self.columns)).reshape(-1)
        return streaming(self.input.count, np.repeat(last, self.input.pixel_beats))

    @property
    def keeps(self) -> bool:
        """Whether neighbouring beats share a state: it is kept in a register, and the next one read meanwhile."""
        return self.input.pixel_beats == 1 and self.columns.kernel > 1

    @cached_property
    def counts(self) -> tuple[int, ...]:
        """Beats of a pixel; pixels, and windows with what is left over, along each axis."""
        x, y = self.columns, self.rows
        return (self.input.pixel_beats, x.kernel, -(-x.size // x.kernel), y.kernel, -(-y.size // y.kernel))

    @cached_property
    def cost(self) -> Resources:
        """Memory, lanes and counters."""
        parts = [self.pooling.cost * self.folding.simd, lone_registers(1), registered_cells(6)]
        parts += [counter_cells(count) for count in self.counts]
        if self.remembers:
            address = ceil_log2(self.words)
            # what the memory is written with is no register's input alone
            parts += [
                memory_cost(self.words, len(self.state)),
                registered_cells(address + 2),
                lone_registers(address + len(self.state)),
            ]
            if self.keeps:
                parts.append(registered_cells(len(self.state)))
        return Resources.total(parts)

    def elaborate(self, platform: object) -> Module:
        """Loops that tell of the beat behind the one that comes, so that its state is read in time."""
        m = Module()
        advance, take = Signal(), Signal()
        m.d.comb += [
            advance.eq(~self.o.valid | self.o.ready),
            self.i.ready.eq(advance),
            take.eq(self.i.valid & advance),
        ]
        loops = Loops(m, self.counts, take, begun=True)
        beat = loops.count(0)
        starts_column, ends_column, in_column = self._windows(loops, self.columns, 1)
        starts_row, ends_row, in_row = self._windows(loops, self.rows, 3)
        fresh, counted = Signal(init=1), Signal(init=1)
        closes = Signal(init=self.rows.kernel * self.columns.kernel == 1)
        now = Signal(len(beat)) if self.pooling.by_channel else Const(0)
        inside = in_column & in_row
        with m.If(take):
            m.d.sync += [
                fresh.eq(starts_column & starts_row),
                counted.eq(inside),
                closes.eq(ends_column & ends_row & inside),
            ]
            if self.pooling.by_channel:
                m.d.sync += now.eq(beat)
        self._fold(m, take & counted, fresh, now, self._before(m, loops, take, counted, ~starts_column))
        with m.If(advance):
            m.d.sync += self.o.valid.eq(take & closes)
        return m

    def _windows(self, loops: Loops, axis: Axis, level: int) -> tuple[Value, Value, Value]:
        """Count along an axis: whether a pixel is its window's first, its last, and whether there is a window."""
        window = loops.count(level + 1)
        pixel = loops.count(level, axis.size - (self.counts[level + 1] - 1) * axis.kernel)
        some = Const(1) if self.counts[level + 1] == axis.count else ~at_least(window, axis.count)
        return ~pixel.any(), at_end(pixel, axis.kernel - 1), some

    def _before(self, m: Module, loops: Loops, take: Value, counted: Value, stays: Value) -> Value:
        """State of the beat's window; ``stays`` says that the next beat belongs to it too."""
        if not self.remembers:
            return self.state
        m.submodules.ram = ram = Ram(len(self.state), self.words)
        m.d.comb += [ram.en.eq(take), ram.write_data.eq(self.folded), ram.write_en.eq(take & counted)]
        written = Signal(ceil_log2(self.words))
        m.d.comb += ram.write_address.eq(written)
        if not self.keeps:
            address = loops.follow((1, 0, self.input.pixel_beats, 0, 0, 0), len(written))
            with m.If(take):
                m.d.sync += written.eq(address)
            m.d.comb += ram.address.eq(address)
            return ram.data
        following = Loops(m, [self.counts[2]], loops.ends[2], begun=True).count(0)
        before = Signal(len(self.state))
        with m.If(take):
            m.d.sync += [written.eq(loops.turns[2]), before.eq(Mux(stays, self.folded, ram.data))]
        m.d.comb += ram.address.eq(following)
        return before

    def _fold(self, m: Module, counted: Value, fresh: Value, now: Value, before: Value) -> None:
        """Change the state of every lane."""
        pooling = self.pooling
        states = [
            pooling.fold(
                lane,
                fresh,
                before.word_select(lane, pooling.bits),
                self.i.payload.word_select(lane, self.input.domain.bits),
                now,
            )
            for lane in range(self.folding.simd)
        ]
        m.d.comb += [self.folded.eq(Cat(states)), self.o.payload.eq(self.state)]
        with m.If(counted):
            m.d.sync += self.state.eq(self.folded)


def apart(rows: Axis, columns: Axis) -> bool:
    """Whether windows stand side by side and hold no padding."""
    return all(
        axis.before == 0
        and axis.last < axis.size
        and (axis.kernel == 1 or axis.dilation == 1)
        and (axis.count == 1 or axis.stride == axis.kernel)
        for axis in (rows, columns)
    )


def ends(axis: Axis) -> NDArray[np.bool_]:
    """Whether a pixel is the last one of a window, (size,)."""
    pixels = np.arange(axis.size)
    return (pixels % axis.kernel == axis.kernel - 1) & (pixels < axis.count * axis.kernel)
