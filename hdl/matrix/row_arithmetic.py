# amaranth: UnusedElaboratable=no
"""`RowArithmetic`: what all units share whose results are sums of products, one for each row of a matrix."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from amaranth import Const, Module, Signal, Value
from numpy.typing import NDArray

from icepop.compiler.ops.base import Op
from icepop.compiler.ops.threshold import Threshold
from icepop.compiler.planner.plan import Folding, Resources, Span
from icepop.compiler.types import Domain, IntArray, unpack_words
from icepop.hdl.arithmetic.bit_sum import PITCH
from icepop.hdl.arithmetic.comparator import compare_cost, delay, idle_bits, reaches
from icepop.hdl.constants import MOST, Constants
from icepop.hdl.matrix.layer_products import shallow_cost
from icepop.hdl.matrix.processing import ProcessingElement, Row, known_sum
from icepop.hdl.matrix.row_numbers import RowNumbers
from icepop.hdl.matrix.row_sums import RowSums
from icepop.hdl.matrix.tiling import Tiling
from icepop.hdl.memory import LUT_DEPTH, Rom, lut_memory_cost, memory_cost
from icepop.hdl.pipeline import behind
from icepop.hdl.products.base import Product
from icepop.hdl.units.base import adder_cells, lone_registers, registered_cells

MAX_LUT_DEPTH = 128
"""Deepest memory that is planned in LUTs."""

MAX_LUT_WEIGHTS = 8192
"""Most weights that are planned in LUTs: some 1,100 cells where each is a bit."""


@dataclass(frozen=True, eq=False)
class RowArithmetic:
    """Weights, processing elements, and the comparison with a threshold of one level if one follows.

    An accumulator is a sum of bits, ``acc = gain * S + bias``. Where a threshold follows, ``acc >= t`` is
    ``S >= ceil((t - bias) / gain)``; where none does, rows start from their bias, or get it in the end if they take
    turns. A row whose threshold is always or never reached has no processing element.

    Parameters
    ----------
    product : Product
        How weights are multiplied.
    tiling : Tiling
        How rows are cut into groups of ``pe`` and these into beats.
    folding : Folding
        Where weights are stored, the sums' pitch, and how many pixels the same weights meet at once.
    width : int
        Bits of the activations that a processing element takes at once.
    accumulators : Domain
        Values of the rows.
    threshold : Threshold or None
        What follows.
    turning : bool
        Whether each beat meets all groups of rows before the next one comes.
    apart : bool
        Whether each row of a group has activations of its own.
    """

    product: Product
    tiling: Tiling
    folding: Folding
    width: int
    accumulators: Domain
    threshold: Threshold | None
    turning: bool = False
    apart: bool = False

    @staticmethod
    def of(
        span: Span,
        product: Product,
        tiling: Tiling,
        folding: Folding,
        width: int,
        *,
        turning: bool = False,
        apart: bool = False,
    ) -> "RowArithmetic":
        """Arithmetic of a layer, and of the threshold if the span has one."""
        threshold = span.ops[1] if len(span.ops) > 1 and isinstance(span.ops[1], Threshold) else None
        accumulators = span.results[0].integers
        return RowArithmetic(product, tiling, folding, width, accumulators, threshold, turning, apart)

    @cached_property
    def sums(self) -> RowSums:
        """What the sums mean."""
        return RowSums(self.product.gain, self.product.bias, self.accumulators)

    @cached_property
    def row(self) -> Row:
        """How each row of a group is computed."""
        several, pitch, sums = self.tiling.depth > 1, self.folding.pitch, self.sums
        turns = self.tiling.tiles if self.turning else 1
        if self.threshold is not None:
            return Row(self.product, self.width, sums.largest.bit_length(), several, pitch=pitch, turns=turns)
        starts = bool(sums.starts.any()) and not self.turning
        return Row(self.product, self.width, sums.bits, several, starts, sums.shift, pitch, turns)

    @property
    def added(self) -> bool:
        """Whether a row gets its bias in the end."""
        return self.turning and self.threshold is None and bool(self.sums.starts.any())

    @cached_property
    def target_bits(self) -> int:
        """Bits of what sums are compared with; 0 where they are not."""
        return 0 if self.threshold is None else (self.sums.largest + 1).bit_length()

    @property
    def latency(self) -> int:
        """Cycles from asking for a row's last word to its result: memory, row, comparison or bias."""
        return 1 + self.row.latency + (1 + delay(self.target_bits) if self.target_bits else self.added)

    @cached_property
    def targets(self) -> IntArray:
        """Sums from which on the threshold is reached (groups of rows, pe)."""
        if self.threshold is None:
            raise TypeError("rows without a threshold have no targets")
        return self.tiling.by_tile(self.sums.targets(self.threshold), self.sums.largest + 1)

    @cached_property
    def decided(self) -> dict[int, int]:
        """Results of those of the ``pe`` rows that are the same whatever the input, in all groups."""
        if self.threshold is None:
            return {}
        never: NDArray[np.bool_] = np.all(self.targets > self.sums.largest, axis=0)
        always: NDArray[np.bool_] = np.all(self.targets <= 0, axis=0)
        return {k: int(always[k]) for k in np.flatnonzero(never | always).tolist()}

    @cached_property
    def lanes(self) -> list[int]:
        """Which of the ``pe`` rows have a processing element."""
        return [k for k in range(self.tiling.pe) if k not in self.decided] or [0]

    @cached_property
    def words(self) -> list[int]:
        """Weights of the processing elements by address: ``group of rows * depth + beat``, or the other way round."""
        words, depth = self.tiling.joined(self.product.words, self.product.bits, self.lanes), self.tiling.depth
        return [words[k] for beat in range(depth) for k in range(beat, len(words), depth)] if self.turning else words

    @property
    def weights(self) -> Rom:
        """Memory of the weights."""
        return Rom(len(self.lanes) * self.product.bits, self.words, self.folding.weights == "lut")

    @cached_property
    def cost(self) -> Resources:
        """Weights, products, sums and all that comes behind them, and the flags that go along from word to result."""
        flags = 1 + self.row.latency
        along = lone_registers(flags) + registered_cells(flags)
        return Resources.total([self.products_cost, self.product.shared, self.rows_cost, along])

    @property
    def weights_cost(self) -> Resources:
        """Cost of that memory."""
        words = self.tiling.words
        in_lut = self.folding.weights == "lut" or words <= LUT_DEPTH
        return (lut_memory_cost if in_lut else memory_cost)(words, len(self.lanes) * self.product.bits)

    @property
    def products_cost(self) -> Resources:
        """Weights, products and their sums."""
        product, pitch = self.product, self.folding.pitch or PITCH
        rows, pixels = len(self.lanes), self.folding.pixels
        if self.tiling.words > LUT_DEPTH:
            return self.weights_cost + (product.cost + known_sum(product.shifts, pitch)[1]) * (rows * pixels)
        table = unpack_words(self.words, rows * product.bits, 1).astype(bool)
        vectors = np.arange(pixels)[:, None] * rows + np.arange(rows) if self.apart else np.arange(pixels)[:, None]
        inputs = np.broadcast_to(vectors, (pixels, rows)).reshape(-1, 1) * product.lanes + np.arange(product.lanes)
        weights = np.tile(self._tiled[:, self.lanes], (1, pixels, 1))
        return shallow_cost(product, np.tile(table, pixels), weights, inputs, pitch)

    @property
    def _tiled(self) -> IntArray:
        """Weights (words, pe, lanes) group of rows by group of rows; what pads a group repeats its last row."""
        tiling, (_, beats, lanes) = self.tiling, self.product.filled.shape
        rows = np.minimum(np.arange(tiling.tiles * tiling.pe), tiling.rows - 1)
        weights = self.product.filled.reshape(tiling.groups, tiling.rows, beats, lanes)[:, rows]
        return weights.reshape(-1, tiling.pe, beats, lanes).swapaxes(1, 2).reshape(-1, tiling.pe, lanes)

    @cached_property
    def numbers(self) -> RowNumbers | None:
        """The complement of what each row is compared with, or what is added to it; None where there is neither."""
        in_lut, spacing = self.folding.weights == "lut", self.folding.spacing
        if self.threshold is not None:
            shortfalls = (1 << self.target_bits) - 1 - self.targets[:, self.lanes]
            return RowNumbers(shortfalls, self.target_bits, in_lut, spacing)
        if not self.row.starts and not self.added:
            return None
        return RowNumbers(self.tiling.by_tile(self.sums.starts, 0), self.row.bits, in_lut, spacing)

    @property
    def most_spacing(self) -> int:
        """Cycles that a group of rows takes, where each has its turn alone and numbers of its own."""
        numbers = None if self.turning else self.numbers
        return 0 if numbers is None or numbers.constant else min(self.tiling.depth, MOST)

    @property
    def constants(self) -> Constants | None:
        """The numbers, where they are shared."""
        return self.numbers.constants if self.numbers else None

    def stepping(self, advance: Value) -> Value:
        """Whether numbers go on in a cycle in which nothing waits."""
        return self.numbers.step & advance if self.numbers else Const(0)

    @property
    def rows_cost(self) -> Resources:
        """Accumulators, comparisons and numbers of all processing elements; not the products and their sums."""
        parts = [self.row.cost * len(self.lanes)]
        if self.target_bits:
            parts.append((compare_cost(self.target_bits) + registered_cells(1)) * len(self.lanes))
            idle = sum(idle_bits(int(column[0]), self.target_bits) for column in self._steady_targets)
            parts.append(Resources(carry=-idle, cells=-idle))
        if self.added:
            parts.append(adder_cells(self.row.bits) * len(self.lanes))
        rows = Resources.total(parts) * self.folding.pixels
        return rows + self.numbers.cost if self.numbers else rows

    @property
    def _steady_targets(self) -> list[IntArray]:
        """Targets of rows that have the same one in all groups."""
        return [column for column in self.targets.T[self.lanes] if (column == column[0]).all()]

    def results(
        self,
        m: Module,
        words: Value,
        beats: Sequence[Sequence[Value]],
        inside: Sequence[Value],
        summed: Value,
        ends: Sequence[Value],
    ) -> list[Value]:
        """Result of each row of each pixel: its accumulator, or whether that reaches its threshold.

        Parameters
        ----------
        m : Module
            Where everything goes; it stops while a result waits.
        words : Value
            What was read from `weights`.
        beats : sequence of sequence of Value
            For each pixel the activations of each of the ``pe`` rows.
        inside : sequence of Value
            For each pixel whether they are no padding.
        summed : Value
            The sum of a beat is there.
        ends : sequence of Value
            That beat is its rows' last: in every cycle before, and now.
        """
        first = Signal(init=1)
        with m.If(summed):
            m.d.sync += first.eq(ends[-1])
        if self.numbers:
            m.submodules.numbers = self.numbers
            m.d.comb += self.numbers.step.eq(self._step(m, summed & first, ends))
        pe = self.tiling.pe
        results: list[Value] = [Const(self.decided.get(k, 0), 1) for k in range(pe)] * len(beats)
        for pixel, activations in enumerate(beats):
            for place, k in enumerate(self.lanes):
                m.submodules[f"row_{pixel}_{k}"] = element = ProcessingElement(self.row)
                m.d.comb += [
                    element.word.eq(words.word_select(place, self.product.bits)),
                    element.x.eq(activations[k]),
                    element.inside.eq(inside[pixel]),
                    element.summed.eq(summed),
                    element.first.eq(first),
                ]
                number = self.numbers.data.word_select(place, self.numbers.bits) if self.numbers else Const(0)
                results[pixel * pe + k] = self._finished(m, element, number)
        return results

    def _step(self, m: Module, begins: Value, ends: Sequence[Value]) -> Value:
        """When the numbers go on to the next group: in time for it, or as soon as this one has used them."""
        if not self.folding.spacing:
            return ends[-2] if self.row.starts else ends[-1]
        return begins if self.row.starts else behind(m, ends[-1])[0]

    def _finished(self, m: Module, element: ProcessingElement, number: Value) -> Value:
        """Result of a processing element."""
        if self.target_bits:
            (reached,) = behind(m, reaches(m, element.o, number, self.target_bits))
            return reached
        spare = self.sums.spare
        if self.added:
            total = Signal(self.row.bits)
            m.d.sync += total.eq(element.o + number)
            return total[spare:]
        m.d.comb += element.start.eq(number)
        return element.o[spare:]


def fused(span: Span) -> int:
    """How many ops of a span that begins with a layer are computed as one: a threshold of a single level may follow."""
    return 2 if len(span.ops) > 1 and single(span.ops[1]) else 1


def single(op: Op) -> bool:
    """Whether an op is a threshold of one level, reached from below, whose upper value is carried as a 1."""
    if not isinstance(op, Threshold) or op.domain.size != 2 or op.domain.bits != 1 or (op.sign != 1).any():
        return False
    return int(op.domain.encode(np.array(op.domain.hi))) == 1


def weight_places(tiling: Tiling) -> tuple[str, ...]:
    """Where a layer's weights may be, where there is a choice."""
    few = tiling.words * tiling.pe * tiling.simd <= MAX_LUT_WEIGHTS
    return ("ebr", "lut") if few and LUT_DEPTH < tiling.words <= MAX_LUT_DEPTH else ("",)
