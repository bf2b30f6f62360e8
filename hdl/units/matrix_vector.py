# amaranth: UnusedElaboratable=no
"""`MatrixVector`: dense layers and convolutions, on processing elements that each keep a row's accumulator."""

from collections.abc import Iterator
from functools import cached_property
from itertools import product

import numpy as np
from amaranth import Cat, EnableInserter, Module, Mux, Signal, Value

from icepop.compiler.errors import PlanError
from icepop.compiler.ops.base import Op
from icepop.compiler.ops.conv import Conv
from icepop.compiler.ops.dense import Dense
from icepop.compiler.ops.linear import LINEAR
from icepop.compiler.planner.plan import Folding, Resources, Span
from icepop.compiler.planner.timing import Timing
from icepop.compiler.types import Beats
from icepop.hdl.constants import Constants
from icepop.hdl.matrix.layer_products import chosen, products, worthwhile
from icepop.hdl.matrix.row_arithmetic import RowArithmetic, fused, weight_places
from icepop.hdl.matrix.sequencer import ColumnSequencer, Sequencer, sequencer_cost
from icepop.hdl.matrix.tiling import Tiling
from icepop.hdl.pipeline import delayed
from icepop.hdl.shared_rom import supply
from icepop.hdl.sources.choice import source_for, waits, windowed
from icepop.hdl.sources.lines import LineSource
from icepop.hdl.sources.vector import VectorSource
from icepop.hdl.units.base import (
    LayerUnit,
    abreast,
    counter_cells,
    look_ups,
    parallelisms,
    registered_cells,
)

MAX_PRODUCTS = 1024
"""Largest ``pe * simd`` that is planned: twice what all memories of a UP5K can feed."""

MAX_REGISTERS = 256
"""Largest vector, in bits, that is planned to wait in flip-flops."""

MAX_TURNS = 32
"""Most groups of rows that are planned to be summed in turns."""


class MatrixVector(LayerUnit):
    """A `Dense` or a `Conv`, and the threshold that follows if it has a single level.

    ``pe`` rows are computed at once, ``simd`` columns a cycle. Either outputs are held still, and a vector's or a
    window's beats are read again for every group of rows (folding as in FINN, Umuroglu et al. 2017). Or inputs are
    held still, buffered ``in sums``: a beat is added to the sums of all groups of rows, one group a cycle, before the
    next beat comes. Then no input waits in a memory, but every row has an accumulator. Of products of signs an
    accumulator is XNOR-popcount (XNOR-Net, Rastegari et al. 2016).

    Of a convolution whose rows are all computed at once, and that has no groups, a weight may serve ``pixels``
    neighbouring windows of a row. A beat then carries as many pixels; where they do not divide a row, its last beat is
    partly idle.

    Parameters
    ----------
    span : Span
        The layer, alone or with a `Threshold` of one level whose signs are all +1.
    folding : Folding
        Neither number need divide its dimension, except in a convolution with groups.

    Raises
    ------
    PlanError
        The folding has more lanes than the layer or divides no group evenly, its encoding cannot hold the weights,
        inputs cannot be held still, or windows cannot be computed several at once.

    Notes
    -----
    ``interval = windows * groups of pe rows * beats of a row``, with groups of windows for windows where several are
    computed at once.
    """

    def __init__(self, span: Span, folding: Folding):
        self.op, self.span, self.folding, self.type = linear(span.ops[0]), span, folding, span.input
        super().__init__([Beats.of(span.input, folding.simd)], Beats.of(span.result, folding.pe, folding.pixels))
        self.tiling = tiling = Tiling.of(self.op, span.input.shape, folding.pe, folding.simd)
        if tiling.pe > tiling.rows or tiling.simd > tiling.channels:
            raise PlanError(
                f"layer '{self.op.name}' cannot be folded {folding}: pe must be 1 to {tiling.rows} and simd 1 to "
                f"{tiling.channels}"
            )
        if tiling.groups > 1 and (tiling.rows % tiling.pe or tiling.channels % tiling.simd):
            raise PlanError(
                f"layer '{self.op.name}' cannot be folded {folding}: pe must divide the {tiling.rows} rows and simd "
                f"the {tiling.channels} channels of a group"
            )
        if folding.pixels not in self.several(span, tiling):
            raise PlanError(
                f"layer '{self.op.name}' cannot be folded {folding}: pixels must be 1, or up to those of a row where "
                f"a convolution with windows and without groups computes all of its {tiling.rows} rows at once"
            )
        self.turning = folding.buffer == "sums"
        if self.turning and not (waits(self.op, tiling) and tiling.groups == 1):
            raise PlanError(
                f"layer '{self.op.name}' cannot be folded {folding}: only a layer without windows that takes several "
                "beats and groups of rows is summed in turns; choose another buffer"
            )

    @staticmethod
    def matches(span: Span) -> int:
        """A layer with a product for its weights, and a threshold of one level if one follows."""
        op, source = span.ops[0], span.inputs[0]
        if not isinstance(op, LINEAR) or not products(op, source.shape, source.integers, 1):
            return 0
        if isinstance(op, Conv) and (len(op.window.kernel) > 2 or 1 < op.groups == len(op.weights) == source.shape[0]):
            return 0  # no windows of more axes; a row for each channel alone reads too little to share
        return fused(span)

    @staticmethod
    def foldings(span: Span) -> Iterator[Folding]:
        """Sensible parallelisms up to `MAX_PRODUCTS`, with every place for weights and inputs that may pay."""
        op, source = linear(span.ops[0]), span.input
        whole = Tiling.of(op, source.shape, 1, 1)
        for simd in parallelisms(whole.channels):
            encodings = [each.name for each in worthwhile(products(op, source.shape, source.integers, simd))]
            for pe in parallelisms(whole.rows):
                if pe * simd > MAX_PRODUCTS or (whole.groups > 1 and (whole.rows % pe or whole.channels % simd)):
                    continue
                tiling = Tiling.of(op, source.shape, pe, simd)
                small = tiling.depth * simd * source.integers.bits <= MAX_REGISTERS
                buffers = ("ebr", "registers") if small and waits(op, tiling) else ("",)
                if waits(op, tiling) and not small and tiling.tiles <= MAX_TURNS:
                    buffers = ("", "sums") if tiling.groups == 1 else ("",)
                most = min(MAX_PRODUCTS // (pe * simd), MatrixVector.several(span, tiling)[-1])
                pixels = abreast(span, tiling.depth, simd, most)
                for choice in product(encodings, weight_places(tiling), buffers):
                    yield from (Folding(pe, simd, *choice, pixels=count) for count in pixels)

    @staticmethod
    def several(span: Span, tiling: Tiling) -> range:
        """Numbers of windows that can be computed at once."""
        alone = not windowed(linear(span.ops[0])) or tiling.groups > 1 or tiling.pe < tiling.rows
        return range(1, 2 if alone else span.result.shape[-1] + 1)

    @cached_property
    def source(self) -> VectorSource | LineSource:
        """Where beats come from."""
        return source_for(self.op, self.type.shape[1:], self.input, self.tiling, self.folding)

    @cached_property
    def arithmetic(self) -> RowArithmetic:
        """What is computed of the beats."""
        found = products(self.op, self.type.shape, self.type.integers, self.folding.simd)
        product = chosen(found, self.folding.encoding, self.op.name)
        width, turning = self.input.width, self.turning
        return RowArithmetic.of(self.span, product, self.tiling, self.folding, width, turning=turning)

    @property
    def most_spacing(self) -> int:
        """As many as a group of rows takes."""
        return self.arithmetic.most_spacing

    @property
    def constants(self) -> Constants | None:
        """Thresholds or biases, where they are shared."""
        return self.arithmetic.constants

    @property
    def idle(self) -> int:
        """Rows of the last group that are none, and whose sums are not compared: their results must be hidden."""
        return 0 if self.arithmetic.target_bits else self.tiling.tiles * self.tiling.pe - self.tiling.rows

    @cached_property
    def timing(self) -> Timing:
        """A beat of the output whenever a group of rows is whole."""
        source, depth = self.source, self.tiling.depth
        if self.turning:
            step = np.arange(len(source.inlet.needs))
            whole = step // self.tiling.tiles % depth == depth - 1
            return Timing((source.inlet,), np.ones_like(step), whole, self.arithmetic.latency)
        taken = source.cycles if isinstance(source, VectorSource) else np.full(len(source.inlet.needs), depth)
        return Timing((source.inlet,), taken, np.cumsum(taken) % depth == 0, self.arithmetic.latency)

    @cached_property
    def cost(self) -> Resources:
        """Everything that `elaborate` makes."""
        vectors = isinstance(self.source, VectorSource)
        sequencer = ColumnSequencer.cost_of(self.tiling) if self.turning else sequencer_cost(self.tiling, vectors)
        parts = [self.source.cost, sequencer, self.arithmetic.cost, registered_cells(6)]
        if self.idle:
            parts += [counter_cells(self.tiling.tiles), look_ups(self.idle * self.output.domain.bits)]
        return Resources.total(parts)

    def elaborate(self, platform: object) -> Module:
        """Sequencer, memory and processing elements, which all stop while a result waits to be taken."""
        m, core, arithmetic = Module(), Module(), self.arithmetic
        advance, take = Signal(), Signal()
        supplied = supply(m, self, arithmetic.stepping(advance))
        m.submodules.sequencer = sequencer = (ColumnSequencer if self.turning else Sequencer)(self.tiling)
        m.submodules.source = source = self.source
        core.submodules.weights = weights = arithmetic.weights
        m.d.comb += [
            advance.eq(~self.o.valid | self.o.ready),
            take.eq(source.valid & advance),
            sequencer.take.eq(take),
            source.take.eq(take),
            source.i.valid.eq(self.i.valid & supplied),
            source.i.payload.eq(self.i.payload),
            self.i.ready.eq(source.i.ready & supplied),
            weights.address.eq(sequencer.address),
        ]
        if isinstance(source, VectorSource):
            m.d.comb += [source.beat.eq(sequencer.beat), source.last.eq(sequencer.last)]
        row_ends = sequencer.ends if isinstance(source, VectorSource) else source.ends
        latency = arithmetic.row.latency
        summed = delayed(core, take, latency)[-1]
        ends = delayed(core, take & row_ends, arithmetic.latency)
        windows = [source.data.word_select(k, self.input.width) for k in range(self.folding.pixels)]
        beats = [[data] * self.folding.pe for data in windows]
        results = arithmetic.results(core, weights.data, beats, source.inside, summed, ends[: 1 + latency])
        m.d.comb += [self.o.valid.eq(ends[-1]), self.o.payload.eq(self._hidden(core, Cat(results), ends[-1]))]
        m.submodules.core = EnableInserter(advance)(core)
        return m

    def _hidden(self, core: Module, results: Value, given: Signal) -> Value:
        """Results of a group of rows, with zeros for those that are none; ``given`` tells that one is offered."""
        if not self.idle:
            return results
        group = Signal(range(self.tiling.tiles))
        last = group == self.tiling.tiles - 1
        with core.If(given):
            core.d.sync += group.eq(Mux(last, 0, group + 1))
        real = (self.folding.pe - self.idle) * self.output.domain.bits
        return Cat(results[:real], Mux(last, 0, results[real:]))


def linear(op: Op) -> Dense | Conv:
    """An op that is known to be one of the two."""
    if not isinstance(op, LINEAR):
        raise TypeError(f"MatrixVector takes a Dense or a Conv, not {type(op).__name__}")
    return op
