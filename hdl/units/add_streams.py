"""`AddStreams`: the weighted sum of several streams, beat by beat."""

from collections.abc import Iterator
from functools import cached_property

import numpy as np
from amaranth import Array, Cat, EnableInserter, Module, Mux, Signal, Value
from amaranth.utils import ceil_log2
from numpy.typing import NDArray

from icepop.compiler.ops.add import Add
from icepop.compiler.planner.plan import Folding, Resources, Span
from icepop.compiler.planner.timing import Inlet, Timing
from icepop.compiler.types import Beats
from icepop.hdl.arithmetic.adder_tree import AdderTree, Term, digits
from icepop.hdl.beat_table import BeatTable
from icepop.hdl.recode import gain, offset
from icepop.hdl.units.base import LayerUnit, counter_cells, lone_registers, parallelisms, registered_cells


class AddStreams(LayerUnit):
    """Sum of the branches' beats, each channel of each branch times a whole number.

    All branches come with the same lanes; a beat of each is taken at once. On codes the sum is
    ``y[c] = offset[c] + sum_b gain[b, c] * x_b[c]``. Gains and offsets that are the same in every beat are wired,
    others lie in a memory.

    Parameters
    ----------
    span : Span
        An `Add`.
    folding : Folding
        As many lanes out (pe) as in (simd), which need not divide the channels.

    Notes
    -----
    ``interval`` is the number of beats. A sum leaves one cycle after its beats were taken, two with a memory.
    """

    def __init__(self, span: Span, folding: Folding):
        op = span.ops[0]
        if not isinstance(op, Add):
            raise TypeError(f"AddStreams takes an Add, not {type(op).__name__}")
        self.op, self.folding = op, folding
        super().__init__([Beats.of(type, folding.pe) for type in span.inputs], Beats.of(span.result, folding.pe))

    @staticmethod
    def matches(span: Span) -> int:
        """One Add."""
        return int(isinstance(span.ops[0], Add))

    @staticmethod
    def foldings(span: Span) -> Iterator[Folding]:
        """As many lanes on both sides."""
        for lanes in parallelisms(span.result.shape[0]):
            yield Folding(lanes, lanes)

    @cached_property
    def timing(self) -> Timing:
        """A beat of every branch a cycle."""
        count = self.output.count
        inlets = tuple(Inlet(np.arange(1, count + 1)) for _ in self.inputs)
        return Timing(inlets, np.ones(count, np.int64), np.ones(count, bool), self.levels + 2 * self.varied)

    @cached_property
    def gains(self) -> NDArray[np.int64]:
        """Gain of every code (beats of a pixel, lanes, branches); of padding that of the lane's first channel."""
        domains = [beats.domain for beats in self.inputs]
        rows = [
            [gain(domain, factor, self.output.domain) for domain, factor in zip(domains, column, strict=True)]
            for column in self.op.factors.T.tolist()
        ]
        lanes = np.arange(self.output.lanes)
        return np.array(rows, np.int64)[np.where(self.padding, lanes, self.channels)]

    @cached_property
    def offsets(self) -> NDArray[np.int64]:
        """Offset of every sum's code (beats of a pixel, lanes); 0 where it is padding."""
        domains = [beats.domain for beats in self.inputs]
        values = [offset(domains, column, self.output.domain) for column in self.op.factors.T.tolist()]
        whole = np.array(values, np.int64)[np.where(self.padding, 0, self.channels)]
        return np.where(self.padding, 0, whole)

    @property
    def channels(self) -> NDArray[np.int64]:
        """Channel of every lane (beats of a pixel, lanes), counted on in the padding."""
        return np.arange(self.output.pixel_beats * self.output.lanes).reshape(-1, self.output.lanes)

    @property
    def padding(self) -> NDArray[np.bool_]:
        """Which lanes hold no channel (beats of a pixel, lanes)."""
        return self.channels >= self.output.channels

    @cached_property
    def choices(self) -> list[list[list[int]]]:
        """Distinct gains of each lane and branch."""
        return [[np.unique(gains).tolist() for gains in lane.T] for lane in self.gains.transpose(1, 0, 2)]

    @cached_property
    def table(self) -> BeatTable:
        """For every lane its offset, and which of its gains each branch has."""
        columns = []
        for lane, branches in enumerate(self.choices):
            bits = self.output.domain.bits
            columns.append((self.offsets[:, lane] % (1 << bits), bits))
            for branch, gains in enumerate(branches):
                which = np.searchsorted(gains, self.gains[:, lane, branch])
                columns.append((which, ceil_log2(len(gains))))
        return BeatTable(columns)

    @property
    def varied(self) -> bool:
        """Whether a gain or an offset differs between beats."""
        return any(self.table.changing)

    @cached_property
    def trees(self) -> list[AdderTree]:
        """Sum of every lane: its offset if it has one, and of every code the signed digits of its gain.

        With a memory, the whole products are its terms.
        """
        return [AdderTree(self._terms(lane), self.output.domain.bits) for lane in range(self.output.lanes)]

    def _terms(self, lane: int) -> list[Term]:
        """What is added up in a lane."""
        terms: list[Term] = []
        for beats, gains in zip(self.inputs, self.choices[lane], strict=True):
            code = Term.of(beats.domain)
            if not self.varied:
                terms += [code.times(digit) for digit in digits(gains[0])]
            else:
                ends = [gain * end for gain in gains for end in (code.lo, code.hi)]
                terms.append(Term(min(ends), max(ends)))
        offsets = self.offsets[:, lane]
        if offsets.any():
            changing = bool((offsets != offsets[0]).any())
            first, most = int(offsets[0]), (1 << self.output.domain.bits) - 1
            terms.append(Term(0, most) if changing else Term(first, first))
        return terms

    def _product_cells(self, lane: int) -> int:
        """Cells of the products by several gains: their adders, and the choice of one."""
        cells = 0
        for term, gains in zip(self._terms(lane), self.choices[lane], strict=False):
            adders = sum(len(digits(gain)) - 1 if gain > 0 else len(digits(gain)) for gain in gains)
            cells += term.bits * (adders + max(1, len(gains) - 1))
        return cells

    @cached_property
    def levels(self) -> int:
        """Cycles of adding."""
        return max(tree.levels for tree in self.trees)

    @cached_property
    def cost(self) -> Resources:
        """The sums, and with a memory also what it takes and the registers before it."""
        parts = [tree.cost(self.levels) for tree in self.trees]
        parts.append(registered_cells(self.timing.latency + 2))
        if self.varied:
            products = sum(self._product_cells(lane) for lane in range(self.output.lanes))
            held = sum(beats.width for beats in self.inputs)
            parts += [self.table.rom.cost, counter_cells(self.output.pixel_beats), lone_registers(held)]
            parts.append(registered_cells(products))
        return Resources.total(parts)

    def elaborate(self, platform: object) -> Module:
        """Registers after every adder, and before the products where a memory is read at the same time."""
        m, core = Module(), Module()
        streams = [getattr(self, name) for name in self.input_names]
        advance, there = Signal(), Signal()
        m.d.comb += [advance.eq(~self.o.valid | self.o.ready), there.eq(Cat(port.valid for port in streams).all())]
        m.d.comb += [port.ready.eq(advance & there) for port in streams]
        valid: Value = there
        for _ in range(self.timing.latency):
            later = Signal()
            core.d.sync += later.eq(valid)
            valid = later
        payloads = [port.payload for port in streams]
        if self.varied:
            payloads = self._held(core, payloads, there)
        sums = [
            tree.build(core, self._values(core, lane, payloads), self.levels) for lane, tree in enumerate(self.trees)
        ]
        m.d.comb += [self.o.valid.eq(valid), self.o.payload.eq(Cat(sums))]
        m.submodules.core = EnableInserter(advance)(core)
        return m

    def _held(self, core: Module, payloads: list[Value], there: Signal) -> list[Value]:
        """Beats while the memory is read at the same place of the pixel."""
        core.submodules.rom = self.table.rom
        beat = Signal(range(self.output.pixel_beats))
        with core.If(there):
            core.d.sync += beat.eq(Mux(beat == self.output.pixel_beats - 1, 0, beat + 1))
        core.d.comb += self.table.rom.address.eq(beat)
        held = [Signal(beats.width) for beats in self.inputs]
        core.d.sync += [register.eq(payload) for register, payload in zip(held, payloads, strict=True)]
        return held

    def _values(self, core: Module, lane: int, payloads: list[Value]) -> list[Value]:
        """Values of a lane's terms."""
        first = lane * (len(self.inputs) + 1)
        constant, *selects = self.table.values[first : first + len(self.inputs) + 1]
        terms = iter(self._terms(lane))
        values: list[Value] = []
        for beats, payload, gains, select in zip(self.inputs, payloads, self.choices[lane], selects, strict=True):
            code = payload.word_select(lane, beats.domain.bits)
            number = code.as_signed() if beats.domain.signed else code
            if not self.varied:
                values += [number.shift_left(abs(digit).bit_length() - 1) for digit in digits(gains[0])]
            else:
                product = Signal(next(terms).shape)
                core.d.sync += product.eq(Array(number * gain for gain in gains)[select])
                values.append(product)
        offsets = self.offsets[:, lane]
        if (offsets != offsets[0]).any():
            later = Signal.like(constant)
            core.d.sync += later.eq(constant)
            values.append(later)
        elif offsets.any():
            values.append(constant)
        return values
