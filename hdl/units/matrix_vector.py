# amaranth: UnusedElaboratable=no
"""`MatrixVector`: dense layers and convolutions, on processing elements that each keep a row's accumulator."""

from collections.abc import Iterator
from functools import cached_property
from itertools import product

import numpy as np
from amaranth import Cat, EnableInserter, Module, Signal

from icepop.compiler.errors import PlanError
from icepop.compiler.ops.base import Op
from icepop.compiler.ops.conv import Conv
from icepop.compiler.ops.dense import Dense
from icepop.compiler.ops.linear import LINEAR
from icepop.compiler.ops.threshold import Threshold
from icepop.compiler.plan import Folding, Resources, Span
from icepop.compiler.timing import Timing
from icepop.compiler.types import Beats, unpack_words
from icepop.hdl.comparator import compare_cost, delay, reaches
from icepop.hdl.layer_products import products, shared_cost, worthwhile
from icepop.hdl.memory import LUT_DEPTH, Rom, lut_memory_cost, memory_cost
from icepop.hdl.pipeline import behind
from icepop.hdl.processing import ProcessingElement, Row
from icepop.hdl.products.base import Product
from icepop.hdl.row_numbers import RowNumbers
from icepop.hdl.row_sums import RowSums
from icepop.hdl.sequencer import ColumnSequencer, Sequencer, sequencer_cost
from icepop.hdl.sources.choice import source_for, waits
from icepop.hdl.sources.lines import LineSource
from icepop.hdl.sources.vector import VectorSource
from icepop.hdl.tiling import Tiling
from icepop.hdl.units.base import LayerUnit, lone_registers, parallelisms, registered_cells

MAX_PRODUCTS = 1024
"""Largest ``pe * simd`` that is planned: twice what all memories of a UP5K can feed."""

MAX_REGISTERS = 256
"""Largest vector, in bits, that is planned to wait in flip-flops."""

MAX_TURNS = 16
"""Most groups of rows that are planned to be summed in turns."""

MAX_LUT_DEPTH = 128
"""Deepest memory that is planned in LUTs."""

MAX_LUT_WEIGHTS = 8192
"""Most weights that are planned in LUTs: some 1,100 cells where each is a bit."""


class MatrixVector(LayerUnit):
    """A `Dense` or a `Conv`, and the threshold that follows if it has a single level.

    ``pe`` rows are computed at once, ``simd`` columns a cycle. Either outputs are held still, and a vector's or a
    window's beats are read again for every group of rows (folding as in FINN, Umuroglu et al. 2017). Or inputs are
    held still, buffered ``in sums``: a beat is added to the sums of all groups of rows, one group a cycle, before the
    next beat comes. Then no input waits in a memory, but every row has an accumulator. An accumulator is a sum
    of bits, ``acc = gain * S + bias``; of products of signs that is XNOR-popcount (XNOR-Net, Rastegari et al. 2016).
    Where a threshold follows, ``acc >= t`` is ``S >= ceil((t - bias) / gain)``.

    Parameters
    ----------
    span : Span
        The layer, alone or with a `Threshold` of one level whose signs are all +1.
    folding : Folding
        Neither number need divide its dimension, except in a convolution with groups.

    Raises
    ------
    PlanError
        The folding has more lanes than the layer or divides no group evenly, its encoding cannot hold the weights, or
        inputs cannot be held still.

    Notes
    -----
    ``interval = pixels * groups of pe rows * beats of a row``.
    """

    def __init__(self, span: Span, folding: Folding):
        self.op, self.folding, self.type = linear(span.ops[0]), folding, span.input
        self.threshold = span.ops[1] if len(span.ops) > 1 and isinstance(span.ops[1], Threshold) else None
        self.accumulators = span.results[0].integers
        super().__init__([Beats.of(span.input, folding.simd)], Beats.of(span.result, folding.pe))
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
        self.turning = folding.buffer == "sums"
        if self.turning and not (self.threshold and waits(self.op, tiling) and tiling.groups == 1):
            raise PlanError(
                f"layer '{self.op.name}' cannot be folded {folding}: only a layer without windows that ends in a "
                "single threshold, and takes several beats and groups of rows, is summed in turns; "
                "choose another buffer"
            )

    @staticmethod
    def matches(span: Span) -> int:
        """A layer with a product for its weights, and a threshold of one level if one follows."""
        op, source = span.ops[0], span.inputs[0]
        if not isinstance(op, LINEAR) or not products(op, source.shape, source.integers, 1):
            return 0
        if isinstance(op, Conv) and (len(op.window.kernel) > 2 or 1 < op.groups == len(op.weights) == source.shape[0]):
            return 0  # no windows of more axes; a row for each channel alone reads too little to share
        return 2 if len(span.ops) > 1 and single(span.ops[1]) else 1

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
                if len(span.ops) > 1 and waits(op, tiling) and not small and tiling.tiles <= MAX_TURNS:
                    buffers = ("", "sums") if tiling.groups == 1 else ("",)
                spread = tiling.words * pe * simd <= MAX_LUT_WEIGHTS
                memories = ("ebr", "lut") if spread and LUT_DEPTH < tiling.words <= MAX_LUT_DEPTH else ("",)
                for choice in product(encodings, memories, buffers):
                    yield Folding(pe, simd, *choice)

    @cached_property
    def source(self) -> VectorSource | LineSource:
        """Where beats come from."""
        return source_for(self.op, self.type.shape[1:], self.input, self.tiling, self.folding.buffer)

    @cached_property
    def product(self) -> Product:
        """How weights are multiplied: as the folding says, else in the cheapest way."""
        found = products(self.op, self.type.shape, self.type.integers, self.folding.simd)
        name = self.folding.encoding
        if not name:
            return found[0]
        named = [product for product in found if product.name == name]
        if not named:
            raise PlanError(
                f"layer '{self.op.name}' cannot have its weights encoded '{name}'; "
                f"choose one of {', '.join(product.name for product in found)}"
            )
        return named[0]

    @cached_property
    def sums(self) -> RowSums:
        """What the sums mean."""
        return RowSums(self.product.gain, self.product.bias, self.accumulators)

    @cached_property
    def row(self) -> Row:
        """How each row of a group is computed."""
        several, pitch = self.tiling.depth > 1, self.folding.pitch
        if self.threshold is not None:
            turns = self.tiling.tiles if self.turning else 1
            return Row(
                self.product, self.input.width, self.sums.largest.bit_length(), several, pitch=pitch, turns=turns
            )
        sums = self.sums
        return Row(self.product, self.input.width, sums.bits, several, bool(sums.starts.any()), sums.shift, pitch)

    @cached_property
    def target_bits(self) -> int:
        """Bits of what sums are compared with; 0 where they are not."""
        return 0 if self.threshold is None else (self.sums.largest + 1).bit_length()

    @property
    def latency(self) -> int:
        """Cycles from taking a row's last beat to its result: memory, row, comparison."""
        return 1 + self.row.latency + (1 + delay(self.target_bits) if self.target_bits else 0)

    @cached_property
    def timing(self) -> Timing:
        """A beat of the output whenever a group of rows is whole."""
        source, depth = self.source, self.tiling.depth
        if self.turning:
            step = np.arange(len(source.inlet.needs))
            whole = step // self.tiling.tiles % depth == depth - 1
            return Timing((source.inlet,), np.ones_like(step), whole, self.latency)
        taken = source.cycles if isinstance(source, VectorSource) else np.full(len(source.inlet.needs), depth)
        return Timing((source.inlet,), taken, np.cumsum(taken) % depth == 0, self.latency)

    @property
    def in_lut(self) -> bool:
        """Whether the weights are in LUTs."""
        return self.folding.weights == "lut" or self.tiling.words <= LUT_DEPTH

    @cached_property
    def words(self) -> list[int]:
        """Weights of the processing elements by address: ``group of rows * depth + beat``, or the other way round."""
        words, depth = self.tiling.joined(self.product.words, self.product.bits), self.tiling.depth
        return [words[k] for beat in range(depth) for k in range(beat, len(words), depth)] if self.turning else words

    @cached_property
    def numbers(self) -> RowNumbers | None:
        """The complement of what each row is compared with, or what it starts from; None where it is neither."""
        in_lut = self.folding.weights == "lut"
        if self.threshold is not None:
            targets = self.tiling.by_tile(self.sums.targets(self.threshold), self.sums.largest + 1)
            return RowNumbers((1 << self.target_bits) - 1 - targets, self.target_bits, in_lut)
        return RowNumbers(self.tiling.by_tile(self.sums.starts, 0), self.row.bits, in_lut) if self.row.starts else None

    @cached_property
    def cost(self) -> Resources:
        """Everything that `elaborate` makes."""
        pe, vectors = self.folding.pe, isinstance(self.source, VectorSource)
        sequencer = ColumnSequencer.cost_of(self.tiling) if self.turning else sequencer_cost(self.tiling, vectors)
        parts = [self.source.cost, sequencer, self._products_cost, self.row.cost * pe]
        parts.append(self.product.shared)
        if self.target_bits:
            parts.append((compare_cost(self.target_bits) + registered_cells(1)) * pe)
        if self.numbers:
            parts.append(self.numbers.cost)
        flags = 1 + self.row.latency
        parts += [lone_registers(flags), registered_cells(flags + 6)]
        return Resources.total(parts)

    @property
    def _products_cost(self) -> Resources:
        """Weight memory and products; of few weight words synthesis shares what is equal."""
        width, words = self.folding.pe * self.product.bits, self.tiling.words
        if not self.in_lut:
            return memory_cost(words, width) + self.product.cost * self.folding.pe
        if words > LUT_DEPTH:
            return lut_memory_cost(words, width) + self.product.cost * self.folding.pe
        bits = unpack_words(self.words, width, 1).astype(bool)
        return shared_cost(bits, self.product, self.folding.pe)

    def elaborate(self, platform: object) -> Module:
        """Sequencer, memory and processing elements, which all stop while a result waits to be taken."""
        m, core = Module(), Module()
        advance, take = Signal(), Signal()
        m.submodules.sequencer = sequencer = (ColumnSequencer if self.turning else Sequencer)(self.tiling)
        m.submodules.source = source = self.source
        core.submodules.weights = weights = Rom(self.folding.pe * self.product.bits, self.words, self.in_lut)
        m.d.comb += [
            advance.eq(~self.o.valid | self.o.ready),
            take.eq(source.valid & advance),
            sequencer.take.eq(take),
            source.take.eq(take),
            source.i.valid.eq(self.i.valid),
            source.i.payload.eq(self.i.payload),
            self.i.ready.eq(source.i.ready),
            weights.address.eq(sequencer.address),
        ]
        if isinstance(source, VectorSource):
            m.d.comb += [source.beat.eq(sequencer.beat), source.last.eq(sequencer.last)]
        row_ends = sequencer.ends if isinstance(source, VectorSource) else source.ends
        valid = delayed(core, take, 1 + self.row.latency)
        ends = delayed(core, take & row_ends, self.latency)
        results = self._rows(core, weights.data, valid[-2], ends[: len(valid)])
        m.d.comb += [self.o.valid.eq(ends[-1]), self.o.payload.eq(results)]
        m.submodules.core = EnableInserter(advance)(core)
        return m

    def _rows(self, core: Module, words: Signal, summed: Signal, ends: list[Signal]) -> Cat:
        """Processing elements, told when a beat's sum is there; ``ends`` tells it of rows' last beats."""
        first = Signal(init=1)
        with core.If(summed):
            core.d.sync += first.eq(ends[-2])
        numbers = self.numbers
        if numbers:
            core.submodules.numbers = numbers
            core.d.comb += numbers.step.eq(ends[-3] if self.row.starts else ends[-2])
        results = []
        for k in range(self.folding.pe):
            core.submodules[f"row_{k}"] = element = ProcessingElement(self.row)
            core.d.comb += [
                element.word.eq(words.word_select(k, self.product.bits)),
                element.x.eq(self.source.data),
                element.inside.eq(self.source.inside),
                element.summed.eq(summed),
                element.first.eq(first),
            ]
            number = numbers.data.word_select(k, numbers.bits) if numbers else None
            if self.target_bits:
                results += behind(core, reaches(core, element.o, number, self.target_bits))
            else:
                if number is not None:
                    core.d.comb += element.start.eq(number)
                results.append(element.o[self.sums.spare :])
        return Cat(results)


def linear(op: Op) -> Dense | Conv:
    """An op that is known to be one of the two."""
    if not isinstance(op, LINEAR):
        raise TypeError(f"MatrixVector takes a Dense or a Conv, not {type(op).__name__}")
    return op


def single(op: Op) -> bool:
    """Whether an op is a threshold of one level, reached from below, whose upper value is carried as a 1."""
    if not isinstance(op, Threshold) or op.domain.size != 2 or op.domain.bits != 1 or (op.sign != 1).any():
        return False
    return int(op.domain.encode(np.array(op.domain.hi))) == 1


def delayed(m: Module, flag: Signal, cycles: int) -> list[Signal]:
    """A flag in this cycle, and after each of so many advances."""
    flags = [flag]
    for _ in range(cycles):
        flags.append(Signal())
        m.d.sync += flags[-1].eq(flags[-2])
    return flags
