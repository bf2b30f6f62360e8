# amaranth: UnusedElaboratable=no
"""`WindowLanes`: what all units share that compute each channel on its own, window by window."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property
from math import prod

import numpy as np
from amaranth import Cat, Const, EnableInserter, Module, Mux, Signal, Value

from icepop.compiler.ops.window import Window
from icepop.compiler.planner.plan import Folding, Resources, Span
from icepop.compiler.planner.timing import Timing
from icepop.compiler.types import Beats
from icepop.hdl.shared_rom import supply
from icepop.hdl.sources.lines import LineSource
from icepop.hdl.sources.loops import Loops
from icepop.hdl.sources.window_program import Axis, axes
from icepop.hdl.units.base import LayerUnit, counter_cells, parallelisms


class WindowLanes(LayerUnit):
    """A lane for each of some channels, which takes the taps of its window one a cycle.

    For every window, for every beat of a pixel: all taps, then a result.

    Parameters
    ----------
    span : Span
        Ops whose first one has a window.
    folding : Folding
        ``pe`` and ``simd`` are both the lanes.
    window : Window
        Where the kernel stands.
    pixels : int
        Neighbouring windows of a row that are computed at once; more than one only if there are lanes for all channels.

    Notes
    -----
    ``interval = windows * beats of a pixel * taps``, or the beats of the map where these are more; with groups of
    windows for windows where several are computed at once.
    """

    def __init__(self, span: Span, folding: Folding, window: Window, pixels: int = 1):
        self.folding, self.pixels = folding, pixels
        super().__init__([Beats.of(span.input, folding.simd)], Beats.of(span.result, folding.simd, pixels))
        self.window, self.sizes, self.taps = window, span.input.shape[1:], prod(window.kernel)

    @cached_property
    def source(self) -> LineSource:
        """Where taps come from: each beat of a pixel is a convolution group."""
        parts = self.input.pixel_beats
        return LineSource(self.input, self.sizes, self.window, parts, parts, self.pixels)

    @staticmethod
    def foldings(span: Span) -> Iterator[Folding]:
        """Sensible numbers of lanes."""
        for lanes in parallelisms(span.input.shape[0]):
            yield Folding(lanes, lanes)

    @property
    @abstractmethod
    def latency(self) -> int:
        """Cycles from taking a window's last tap to its result."""

    @cached_property
    def timing(self) -> Timing:
        """A result every ``taps`` cycles."""
        count = self.output.count
        return Timing((self.source.inlet,), np.full(count, self.taps), np.ones(count, bool), self.latency)

    def elaborate(self, platform: object) -> Module:
        """Source and lanes; all but the source's buffer stops while a result waits to be taken."""
        m, core = Module(), Module()
        m.submodules.source = source = self.source
        advance, taken, ends = Signal(), Signal(), Signal()
        supplied = supply(m, self, self._stepping(advance))
        m.d.comb += [
            advance.eq(~self.o.valid | self.o.ready),
            source.take.eq(source.valid & advance),
            source.i.valid.eq(self.i.valid & supplied),
            source.i.payload.eq(self.i.payload),
            self.i.ready.eq(source.i.ready & supplied),
        ]
        core.d.sync += [taken.eq(source.valid), ends.eq(source.valid & source.ends)]
        self._compute(core, taken, ends)
        m.submodules.core = EnableInserter(advance)(core)
        return m

    def _stepping(self, advance: Value) -> Value:
        """Whether constants that are shared are used up in a cycle in which nothing waits."""
        return Const(0)

    @abstractmethod
    def _compute(self, core: Module, taken: Value, ends: Value) -> None:
        """Drive the output from the source's data.

        Parameters
        ----------
        core : Module
            Where all of it goes; it stops while a result waits.
        taken : Value
            Data of a tap is there.
        ends : Value
            It is the window's last.
        """

    def _offer(self, core: Module, results: Sequence[Value], masks: bool) -> None:
        """Drive the payload with a result for each lane; with ``masks``, 0 in lanes that hold no channel."""
        parts, used = self.output.pixel_beats, self.output.channels % self.input.lanes
        if masks and used:
            loops = Loops(core, [parts], self.o.valid)
            loops.count(0)
            fillers = Cat(results[used:])
            core.d.comb += self.o.payload.eq(Cat(*results[:used], Mux(loops.lasts[0], 0, fillers)))
        else:
            core.d.comb += self.o.payload.eq(Cat(results))

    @property
    def masking(self) -> Resources:
        """Cost of the masks, where there are any."""
        parts, used = self.output.pixel_beats, self.output.channels % self.input.lanes
        if not used:
            return Resources()
        masks = (self.output.lanes - used) * self.output.domain.bits
        return Resources(lut4=masks, cells=masks) + counter_cells(parts)


def on_maps(window: Window, shape: tuple[int, ...]) -> tuple[Axis, Axis] | None:
    """Rows and columns of windows on a tensor (C, *sizes); None where these are no map of 1 or 2 axes."""
    return axes(window, shape[1:]) if 2 <= len(shape) <= 3 else None
