# amaranth: UnusedElaboratable=no
"""`DepthwiseConv`: convolutions of every channel on its own."""

from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import product

from amaranth import Module, Value

from icepop.compiler.errors import PlanError
from icepop.compiler.ops.base import Op
from icepop.compiler.ops.conv import Conv
from icepop.compiler.planner.plan import Folding, Resources, Span
from icepop.compiler.types import Domain
from icepop.hdl.constants import Constants
from icepop.hdl.matrix.layer_products import chosen, worthwhile
from icepop.hdl.matrix.row_arithmetic import RowArithmetic, fused, weight_places
from icepop.hdl.matrix.tiling import Tiling
from icepop.hdl.pipeline import delayed
from icepop.hdl.products.base import Operands, Product
from icepop.hdl.products.registry import matching
from icepop.hdl.sources.loops import Loops
from icepop.hdl.units.base import abreast, counter_cells, parallelisms, registered_cells
from icepop.hdl.window_lanes import WindowLanes, on_maps


class DepthwiseConv(WindowLanes):
    """A `Conv` with a group for each channel, and the threshold that follows if it has a single level.

    A lane is a row of a matrix with as many columns as the kernel has taps; it has an activation of its own.

    Parameters
    ----------
    span : Span
        The convolution, alone or with a `Threshold` of one level whose signs are all +1.
    folding : Folding
        ``pe`` and ``simd`` are both the lanes. Where there is one for each channel, weights may serve several
        ``pixels``: neighbouring windows of a row.

    Raises
    ------
    PlanError
        The folding's encoding cannot hold the weights, or windows cannot be computed several at once.
    """

    def __init__(self, span: Span, folding: Folding):
        op = convolution(span.ops[0])
        super().__init__(span, folding, op.window, folding.pixels)
        if folding.pixels not in self.several(span, folding.simd):
            raise PlanError(
                f"layer '{op.name}' cannot be folded {folding}: pixels must be 1, or up to those of a row where pe and "
                f"simd are the {len(op.weights)} channels"
            )
        self.op, self.span, self.domain = op, span, span.input.integers
        self.tiling = Tiling(1, len(op.weights), self.taps, 1, folding.simd, 1)

    @staticmethod
    def matches(span: Span) -> int:
        """A convolution of as many groups as channels in and out, and a threshold of one level if one follows."""
        op = span.ops[0]
        if not isinstance(op, Conv) or not op.groups == len(op.weights) == span.input.shape[0]:
            return 0
        if on_maps(op.window, span.input.shape) is None or not products(op, span.input.integers):
            return 0
        return fused(span)

    @staticmethod
    def foldings(span: Span) -> Iterator[Folding]:
        """Sensible numbers of lanes, with every encoding and place of the weights that may pay."""
        op = convolution(span.ops[0])
        names = [product.name for product in worthwhile(products(op, span.input.integers))]
        for lanes in parallelisms(span.input.shape[0]):
            tiling = Tiling(1, len(op.weights), op.weights[0].size, 1, lanes, 1)
            pixels = abreast(span, op.weights[0].size, lanes, DepthwiseConv.several(span, lanes)[-1])
            for encoding, weights in product(names, weight_places(tiling)):
                yield from (Folding(lanes, lanes, encoding, weights, pixels=count) for count in pixels)

    @staticmethod
    def several(span: Span, lanes: int) -> range:
        """Numbers of windows that can be computed at once."""
        channels, *_, columns = span.result.shape
        return range(1, 1 + (columns if lanes == channels else 1))

    @cached_property
    def arithmetic(self) -> RowArithmetic:
        """What is computed of the taps."""
        product = chosen(products(self.op, self.domain), self.folding.encoding, self.op.name)
        return RowArithmetic.of(self.span, product, self.tiling, self.folding, self.domain.bits, apart=True)

    @property
    def latency(self) -> int:
        """Cycles from taking a window's last tap to its result."""
        return self.arithmetic.latency

    @property
    def most_spacing(self) -> int:
        """As many as a window has taps."""
        return self.arithmetic.most_spacing

    @property
    def constants(self) -> Constants | None:
        """Thresholds or biases, where they are shared."""
        return self.arithmetic.constants

    @cached_property
    def cost(self) -> Resources:
        """Everything that `elaborate` makes."""
        parts = [self.source.cost, counter_cells(self.tiling.words), self.arithmetic.cost, registered_cells(3)]
        if not self.arithmetic.target_bits:
            parts.append(self.masking)
        return Resources.total(parts)

    def _stepping(self, advance: Value) -> Value:
        """Whether the numbers of a group of channels are used up."""
        return self.arithmetic.stepping(advance)

    def _compute(self, core: Module, taken: Value, ends: Value) -> None:
        """Count through the weights; multiply, accumulate and compare in every lane."""
        arithmetic, source = self.arithmetic, self.source
        core.submodules.weights = weights = arithmetic.weights
        core.d.comb += weights.address.eq(Loops(core, [self.tiling.words], source.valid).count(0))
        latency = arithmetic.row.latency
        summed = delayed(core, taken, latency - 1)[-1]
        ended = delayed(core, ends, self.latency - 1)
        lanes = range(self.folding.simd)
        beats = [
            [source.data.word_select(pixel * len(lanes) + lane, self.domain.bits) for lane in lanes]
            for pixel in range(self.pixels)
        ]
        results = arithmetic.results(core, weights.data, beats, source.inside, summed, ended[:latency])
        core.d.comb += self.o.valid.eq(ended[-1])
        self._offer(core, results, not arithmetic.target_bits)


def convolution(op: Op) -> Conv:
    """An op that is known to be one."""
    if not isinstance(op, Conv):
        raise TypeError(f"DepthwiseConv takes a Conv, not {type(op).__name__}")
    return op


@lru_cache(maxsize=256)
def products(op: Conv, domain: Domain) -> Sequence[Product]:
    """Products that can compute a depthwise convolution of activations of this domain, the best first."""
    weights = op.weights.reshape(len(op.weights), -1, 1)
    return matching(Operands(weights, domain, 1, op.window.padded))
