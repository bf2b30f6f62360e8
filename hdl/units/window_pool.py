# amaranth: UnusedElaboratable=no
"""`WindowPool`: pools whose windows overlap or reach over the border, from a line buffer."""

from functools import cached_property

from amaranth import Module, Signal, Value

from icepop.compiler.ops.max_pool import MaxPool
from icepop.compiler.ops.sum_pool import SumPool
from icepop.compiler.planner.plan import Folding, Resources, Span
from icepop.hdl.pooling import Pooling
from icepop.hdl.sources.loops import Loops
from icepop.hdl.units.base import counter_cells, lone_registers, registered_cells
from icepop.hdl.units.raster_pool import apart
from icepop.hdl.window_lanes import WindowLanes, on_maps


class WindowPool(WindowLanes):
    """A `MaxPool` or a `SumPool` on any windows that each hold a pixel of the map.

    Parameters
    ----------
    span : Span
        The pool.
    folding : Folding
        ``pe`` and ``simd`` are both the lanes.

    Notes
    -----
    Taps on padding change nothing: no maximum is theirs, and a sum they leave as it is. A result leaves two cycles
    after its last tap has been taken.
    """

    latency = 2

    def __init__(self, span: Span, folding: Folding):
        op = span.ops[0]
        if not isinstance(op, MaxPool | SumPool):
            raise TypeError(f"WindowPool takes a MaxPool or a SumPool, not {type(op).__name__}")
        super().__init__(span, folding, op.window)
        self.pooling = Pooling.of(span, self.input)

    @staticmethod
    def matches(span: Span) -> int:
        """One pool whose windows a `RasterPool` cannot take."""
        op = span.ops[0]
        if not isinstance(op, MaxPool | SumPool) or (found := on_maps(op.window, span.input.shape)) is None:
            return 0
        seeing = all((axis.starts < axis.size).all() for axis in found)
        return int(seeing and not apart(*found))

    @cached_property
    def cost(self) -> Resources:
        """Source and lanes."""
        parts = [self.source.cost, self.pooling.cost * self.folding.simd, lone_registers(1), registered_cells(6)]
        if self.pooling.by_channel:
            parts.append(counter_cells(self.input.pixel_beats))
        if self.pooling.valued:
            parts.append(self.masking)
        return Resources.total(parts)

    def _compute(self, core: Module, taken: Value, ends: Value) -> None:
        """Fold tap after tap; the first one on the map begins anew."""
        source, pooling = self.source, self.pooling
        fresh, counted = Signal(init=1), Signal()
        core.d.comb += counted.eq(taken & source.inside)
        with core.If(taken):
            core.d.sync += fresh.eq(ends | (fresh & ~source.inside))
        core.d.sync += self.o.valid.eq(ends)
        beat = Loops(core, [self.input.pixel_beats], ends).count(0) if pooling.by_channel else Signal()
        states = []
        for lane in range(self.folding.simd):
            state = Signal(pooling.bits, name=f"state_{lane}")
            x = source.data.word_select(lane, self.input.domain.bits)
            with core.If(counted):
                core.d.sync += state.eq(pooling.fold(lane, fresh, state, x, beat))
            states.append(state)
        self._offer(core, states, pooling.valued)
