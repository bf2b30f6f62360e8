# amaranth: UnusedElaboratable=no
"""`DepthwiseConv`: convolutions of every channel on its own."""

from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache

from amaranth import Const, Module, Signal, Value

from icepop.compiler.errors import PlanError
from icepop.compiler.ops.conv import Conv
from icepop.compiler.ops.threshold import Threshold
from icepop.compiler.plan import Folding, Resources, Span
from icepop.compiler.types import Domain
from icepop.hdl.comparator import compare_cost, delay, reaches
from icepop.hdl.layer_products import worthwhile
from icepop.hdl.memory import LUT_DEPTH, Rom, lut_memory_cost, memory_cost
from icepop.hdl.pipeline import behind
from icepop.hdl.processing import ProcessingElement, Row
from icepop.hdl.products.base import Operands, Product
from icepop.hdl.products.registry import matching
from icepop.hdl.row_numbers import RowNumbers
from icepop.hdl.row_sums import RowSums
from icepop.hdl.sources.loops import Loops
from icepop.hdl.tiling import Tiling
from icepop.hdl.units.base import counter_cells, lone_registers, parallelisms, registered_cells
from icepop.hdl.units.matrix_vector import MAX_LUT_DEPTH, delayed, single
from icepop.hdl.window_lanes import WindowLanes, on_maps


class DepthwiseConv(WindowLanes):
    """A `Conv` with a group for each channel, and the threshold that follows if it has a single level.

    A lane is a row of a matrix with as many columns as the kernel has taps; it has an activation of its own.

    Parameters
    ----------
    span : Span
        The convolution, alone or with a `Threshold` of one level whose signs are all +1.
    folding : Folding
        ``pe`` and ``simd`` are both the lanes.

    Raises
    ------
    PlanError
        The folding's encoding cannot hold the weights.
    """

    def __init__(self, span: Span, folding: Folding):
        op = span.ops[0]
        if not isinstance(op, Conv):
            raise TypeError(f"DepthwiseConv takes a Conv, not {type(op).__name__}")
        super().__init__(span, folding, op.window)
        self.op, self.domain, self.accumulators = op, span.input.integers, span.results[0].integers
        self.threshold = span.ops[1] if len(span.ops) > 1 and isinstance(span.ops[1], Threshold) else None
        self.tiling = Tiling(1, len(op.weights), self.taps, 1, folding.simd, 1)

    @staticmethod
    def matches(span: Span) -> int:
        """A convolution of as many groups as channels in and out, and a threshold of one level if one follows."""
        op = span.ops[0]
        if not isinstance(op, Conv) or not op.groups == len(op.weights) == span.input.shape[0]:
            return 0
        if on_maps(op.window, span.input.shape) is None or not products(op, span.input.integers):
            return 0
        return 2 if len(span.ops) > 1 and single(span.ops[1]) else 1

    @staticmethod
    def foldings(span: Span) -> Iterator[Folding]:
        """Sensible numbers of lanes, with every encoding and place of the weights that may pay."""
        op = span.ops[0]
        if not isinstance(op, Conv):
            raise TypeError(f"DepthwiseConv takes a Conv, not {type(op).__name__}")
        names = [product.name for product in worthwhile(products(op, span.input.integers))]
        for lanes in parallelisms(span.input.shape[0]):
            words = Tiling(1, len(op.weights), op.weights[0].size, 1, lanes, 1).words
            for encoding in names:
                for weights in ("ebr", "lut") if LUT_DEPTH < words <= MAX_LUT_DEPTH else ("",):
                    yield Folding(lanes, lanes, encoding, weights)

    @cached_property
    def product(self) -> Product:
        """How weights are multiplied: as the folding says, else in the cheapest way."""
        found = products(self.op, self.domain)
        named = [product for product in found if self.folding.encoding in ("", product.name)]
        if not named:
            raise PlanError(
                f"layer '{self.op.name}' cannot have its weights encoded '{self.folding.encoding}'; "
                f"choose one of {', '.join(product.name for product in found)}"
            )
        return named[0]

    @cached_property
    def sums(self) -> RowSums:
        """What the sums mean."""
        return RowSums(self.product.gain, self.product.bias, self.accumulators)

    @cached_property
    def row(self) -> Row:
        """How each lane is computed."""
        several, pitch, sums = self.taps > 1, self.folding.pitch, self.sums
        if self.threshold is not None:
            return Row(self.product, self.domain.bits, sums.largest.bit_length(), several, pitch=pitch)
        return Row(self.product, self.domain.bits, sums.bits, several, bool(sums.starts.any()), sums.shift, pitch)

    @cached_property
    def target_bits(self) -> int:
        """Bits of what sums are compared with; 0 where they are not."""
        return 0 if self.threshold is None else (self.sums.largest + 1).bit_length()

    @property
    def latency(self) -> int:
        """Cycles from taking a window's last tap to its result: memory, row, comparison."""
        return 1 + self.row.latency + (1 + delay(self.target_bits) if self.target_bits else 0)

    @cached_property
    def numbers(self) -> RowNumbers | None:
        """The complement of what each lane is compared with, or what it starts from; None where it is neither."""
        in_lut = self.folding.weights == "lut"
        if self.threshold is not None:
            targets = self.tiling.by_tile(self.sums.targets(self.threshold), self.sums.largest + 1)
            return RowNumbers((1 << self.target_bits) - 1 - targets, self.target_bits, in_lut)
        return RowNumbers(self.tiling.by_tile(self.sums.starts, 0), self.row.bits, in_lut) if self.row.starts else None

    @cached_property
    def cost(self) -> Resources:
        """Everything that `elaborate` makes."""
        lanes, words = self.folding.simd, self.tiling.words
        width = lanes * self.product.bits
        memory = lut_memory_cost if self.folding.weights == "lut" or words <= LUT_DEPTH else memory_cost
        parts = [self.source.cost, counter_cells(words), memory(words, width)]
        parts += [(self.product.cost + self.row.cost) * lanes]
        if self.target_bits:
            parts.append((compare_cost(self.target_bits) + registered_cells(1)) * lanes)
        else:
            parts.append(self.masking)
        if self.numbers:
            parts.append(self.numbers.cost)
        flags = 1 + self.row.latency
        parts += [lone_registers(flags), registered_cells(flags + 3)]
        return Resources.total(parts)

    def _compute(self, core: Module, taken: Value, ends: Value) -> None:
        """Count through the weights; multiply, accumulate and compare in every lane."""
        bits, words = self.product.bits, self.tiling.joined(self.product.words, self.product.bits)
        core.submodules.weights = weights = Rom(self.folding.simd * bits, words, self.folding.weights == "lut")
        address = Loops(core, [len(words)], self.source.valid).count(0)
        latency, numbers = self.row.latency, self.numbers
        summed = delayed(core, taken, latency - 1)[-1]
        ended = delayed(core, ends, self.latency - 1)
        first = Signal(init=1)
        with core.If(summed):
            core.d.sync += first.eq(ended[latency - 1])
        core.d.comb += [weights.address.eq(address), self.o.valid.eq(ended[-1])]
        if numbers:
            core.submodules.numbers = numbers
            core.d.comb += numbers.step.eq(ended[latency - 2 if self.row.starts else latency - 1])
        results = []
        for lane in range(self.folding.simd):
            core.submodules[f"lane_{lane}"] = element = ProcessingElement(self.row)
            core.d.comb += [
                element.word.eq(weights.data.word_select(lane, bits)),
                element.x.eq(self.source.data.word_select(lane, self.domain.bits)),
                element.inside.eq(self.source.inside),
                element.summed.eq(summed),
                element.first.eq(first),
            ]
            results.append(self._finished(core, lane, element))
        self._offer(core, results, not self.target_bits)

    def _finished(self, core: Module, lane: int, element: ProcessingElement) -> Value:
        """Result of a lane: its accumulator, or whether that reaches its threshold."""
        number: Value = self.numbers.data.word_select(lane, self.numbers.bits) if self.numbers else Const(0)
        if not self.target_bits:
            core.d.comb += element.start.eq(number)
            return element.o[self.sums.spare :]
        (reached,) = behind(core, reaches(core, element.o, number, self.target_bits))
        return reached


@lru_cache(maxsize=256)
def products(op: Conv, domain: Domain) -> Sequence[Product]:
    """Products that can compute a depthwise convolution of activations of this domain, the best first."""
    weights = op.weights.reshape(len(op.weights), -1, 1)
    return matching(Operands(weights, domain, 1, op.window.padded))
