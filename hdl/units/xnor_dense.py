# amaranth: UnusedElaboratable=no
"""`XnorDense`: a binary dense layer as XNOR-popcount processing elements."""

from collections.abc import Iterator
from functools import cached_property

import numpy as np
from amaranth import Cat, EnableInserter, Module, Mux, Signal
from amaranth.utils import ceil_log2

from icepop.compiler.encodings.binary import Binary
from icepop.compiler.ops.dense import Dense
from icepop.compiler.ops.threshold import Threshold
from icepop.compiler.plan import Folding, Resources, Span
from icepop.compiler.timing import Inlet, Timing, streaming
from icepop.compiler.types import BIPOLAR, Beats, pack_words
from icepop.hdl.memory import LUT_DEPTH, Rom, memory_cost, varying_columns
from icepop.hdl.popcount import Popcount
from icepop.hdl.stream import PingPong
from icepop.hdl.units.base import LayerUnit, adder_cells, counter_cells, lone_registers, parallelisms, registered_cells

MAX_PRODUCTS = 1024
"""Largest ``pe * simd`` that is planned: twice what all memories of a UP5K can feed."""


class XnorDense(LayerUnit):
    """Binary weights times bipolar activations, and the bipolar threshold that follows, if one does.

    With bits for signs, ``acc[n] = 2 * popcount(xnor(w[n], x)) - K``: an accumulator travels as its popcount, and
    ``acc >= t`` is ``popcount >= ceil((t + K) / 2)`` (XNOR-Net, Rastegari et al. 2016; folding as in FINN, Umuroglu et
    al. 2017). ``pe`` rows are computed at once, ``simd`` inputs a cycle; outputs are held still.

    Parameters
    ----------
    span : Span
        A `Dense` with weights in {-1, +1}, alone or with a bipolar `Threshold` whose signs are all +1.
    folding : Folding
        Neither number need divide its dimension: the last beat is padded.

    Notes
    -----
    ``interval = ceil(N / pe) * ceil(K / simd)``. A vector that is read more than once waits in a double buffer until
    it is whole; a layer of one row group or of one beat a vector streams through without one.
    """

    def __init__(self, span: Span, folding: Folding):
        dense, source = span.ops[0], span.input
        threshold = span.ops[1] if len(span.ops) > 1 else None
        if not isinstance(dense, Dense) or not isinstance(threshold, Threshold | None):
            raise TypeError(f"XnorDense takes a Dense and a Threshold, not {[type(op).__name__ for op in span.ops]}")
        self.dense, self.threshold = dense, threshold
        self.folding = folding
        self.rows, self.columns = dense.weights.shape
        super().__init__([Beats.of(source, folding.simd)], Beats.of(span.result, folding.pe))
        self.groups, self.depth = self.output.count, self.input.count
        self.popcount = Popcount(folding.simd)
        self.thresholded = threshold is not None
        self.threshold_bits = (self.columns + 1).bit_length()
        self.buffer = PingPong(self.input) if self.groups > 1 and self.depth > 1 else None

    @staticmethod
    def matches(span: Span) -> int:
        """Dense with binary weights on a bipolar vector, and a bipolar threshold if one follows."""
        ops, first = span.ops, span.ops[0]
        if not isinstance(first, Dense) or span.input.domain != BIPOLAR or len(span.input.shape) > 1:
            return 0
        if not Binary.matches(first.weights):
            return 0
        if len(ops) > 1 and isinstance(ops[1], Threshold) and ops[1].domain == BIPOLAR and (ops[1].sign == 1).all():
            return 2
        return 1

    @staticmethod
    def foldings(span: Span) -> Iterator[Folding]:
        """Every pair of sensible parallelisms up to `MAX_PRODUCTS`."""
        for pe in parallelisms(span.results[0].length):
            for simd in parallelisms(span.input.length):
                if pe * simd <= MAX_PRODUCTS:
                    yield Folding(pe, simd)

    @cached_property
    def timing(self) -> Timing:
        """A result every ``depth`` cycles from when the vector is whole; without a buffer, beats count as they come."""
        pipeline = self.accumulated + self.thresholded
        if self.buffer is not None:
            held = np.where(np.arange(self.groups) < self.groups - 1, 0, self.depth)
            inlet = Inlet(np.full(self.groups, self.depth), 2 * self.depth, held)
            return Timing((inlet,), np.full(self.groups, self.depth), np.ones(self.groups, bool), pipeline)
        if self.groups == 1:
            return streaming(self.depth, np.arange(self.depth) == self.depth - 1, pipeline)
        whole = np.ones(self.groups, np.int64)
        return Timing((Inlet(whole),), whole, whole > 0, pipeline)

    @property
    def accumulated(self) -> int:
        """Cycles from asking for a beat to having its sums: memory, XNOR, popcount, and the accumulator if any."""
        return 2 + self.popcount.latency + (self.depth > 1)

    @cached_property
    def cost(self) -> Resources:
        """Memories and popcounts, an accumulator and a comparator for each PE, counters and flags."""
        pe, simd, count = self.folding.pe, self.folding.simd, self.columns.bit_length()
        parts = [self._weight_cost, self.popcount.cost * pe, counter_cells(self.interval)]
        if self.depth > 1:
            parts.append(adder_cells(count) * pe)
        if self.thresholded:
            deep = self.groups > LUT_DEPTH
            parts.append(memory_cost(self.groups, pe * self.threshold_bits) if deep else self.thresholds.cost)
            parts.append(counter_cells(self.groups))
            parts += [adder_cells(count) * pe, registered_cells(pe)]
        if self.groups > 1 and self.depth & (self.depth - 1):
            parts.append(counter_cells(self.depth))
        parts.append(self.buffer.cost if self.buffer is not None else lone_registers(simd))
        flags = 2 * self.accumulated
        parts += [lone_registers(flags // 2), registered_cells(flags // 2 + 6)]
        return Resources.total(parts)

    @property
    def _weight_cost(self) -> Resources:
        """Weight memory and XNORs; of few weight words synthesis shares equal columns."""
        pe, simd = self.folding.pe, self.folding.simd
        if self.interval > LUT_DEPTH:
            return memory_cost(self.interval, pe * simd) + registered_cells(pe * simd)
        bits = self.weights.bits.reshape(self.interval, pe, simd)
        gates = sum(varying_columns(bits[:, :, lane]) + 1 for lane in range(simd))
        return self.weights.cost + registered_cells(gates)

    @cached_property
    def weights(self) -> Rom:
        """Weight bits by address ``group * depth + beat``; padded inputs get +1, which XNOR with a 0 never counts."""
        pe, simd = self.folding.pe, self.folding.simd
        padded = np.ones((self.groups * pe, self.depth * simd), np.int64)
        padded[: self.rows, : self.columns] = self.dense.weights
        tiles = padded.reshape(self.groups, pe, self.depth, simd).transpose(0, 2, 1, 3)
        return Rom(pe * simd, Binary.pack(tiles.reshape(self.groups * self.depth, pe * simd)))

    @cached_property
    def thresholds(self) -> Rom:
        """Popcounts to reach, a word for each group; padded rows never reach theirs."""
        if self.threshold is None:
            raise TypeError("a layer without a threshold has no threshold memory")
        never = self.columns + 1
        counts = np.full(self.groups * self.folding.pe, never, np.int64)
        counts[: self.rows] = (-((-self.threshold.thresholds[:, 0] - self.columns) // 2)).clip(0, never)
        return Rom(
            self.folding.pe * self.threshold_bits, pack_words(counts.reshape(self.groups, -1), self.threshold_bits)
        )

    def elaborate(self, platform: object) -> Module:
        """Sequencer and processing elements, which all stop while a result waits to be taken."""
        m = Module()
        advance = Signal()
        m.d.comb += advance.eq(~self.o.valid | self.o.ready)
        core = Module()
        issue, last, x = self._sequence(m, core, advance)

        valid, ends = [issue], [last]
        for _ in range(self.accumulated):
            stage_valid, stage_ends = Signal(), Signal()
            core.d.sync += [stage_valid.eq(valid[-1]), stage_ends.eq(valid[-1] & ends[-1])]
            valid.append(stage_valid)
            ends.append(stage_ends)

        core.submodules.weights = self.weights
        restart = Signal(init=1)
        if self.depth > 1:
            with core.If(valid[-2]):
                core.d.sync += restart.eq(ends[-2])
        sums = [self._processing_element(core, k, x, valid[-2], restart) for k in range(self.folding.pe)]
        if not self.thresholded:
            m.d.comb += [self.o.valid.eq(ends[-1]), self.o.payload.eq(Cat(sums))]
        else:
            core.d.sync += [self.o.valid.eq(ends[-1]), self.o.payload.eq(self._compare(core, sums, ends[-2]))]
        m.submodules.core = EnableInserter(advance)(core)
        return m

    def _sequence(self, m: Module, core: Module, advance: Signal) -> tuple[Signal, Signal, Signal]:
        """Count through the weights; returns issue and last of this cycle, and the inputs of the cycle before."""
        steps = self.interval
        issue, last = Signal(), Signal()
        address = Signal(range(steps))
        with core.If(issue):
            core.d.sync += address.eq(Mux(address == steps - 1, 0, address + 1))
        beat = self._beat(core, address, issue)
        core.d.comb += [self.weights.address.eq(address), last.eq(beat == self.depth - 1)]
        if self.buffer is None:
            x, fresh = Signal(self.input.width), Signal()
            core.d.comb += fresh.eq(address < self.depth)
            m.d.comb += [issue.eq(self.i.valid | ~fresh), self.i.ready.eq(fresh & advance)]
            with core.If(fresh):
                core.d.sync += x.eq(self.i.payload)
        else:
            m.submodules.buffer = buffer = self.buffer
            x = buffer.data
            m.d.comb += [
                buffer.i.valid.eq(self.i.valid),
                buffer.i.payload.eq(self.i.payload),
                self.i.ready.eq(buffer.i.ready),
                issue.eq(buffer.full),
                buffer.beat.eq(beat),
                buffer.en.eq(advance),
                buffer.release.eq(issue & advance & (address == steps - 1)),
            ]
        return issue, last, x

    def _beat(self, core: Module, address: Signal, issue: Signal) -> Signal:
        """Position in the vector: low bits of the address where the depth is a power of two, else a counter."""
        if self.groups == 1 or self.depth & (self.depth - 1) == 0:
            return address[: ceil_log2(self.depth)]
        beat = Signal(range(self.depth))
        with core.If(issue):
            core.d.sync += beat.eq(Mux(beat == self.depth - 1, 0, beat + 1))
        return beat

    def _processing_element(self, core: Module, k: int, x: Signal, valid: Signal, restart: Signal) -> Signal:
        """XNOR, popcount and accumulator of row k of the group; returns the popcount so far."""
        simd = self.folding.simd
        popcount = self.popcount if k == 0 else Popcount(simd)
        core.submodules[f"popcount_{k}"] = popcount
        matches = Signal(simd, name=f"matches_{k}")
        core.d.sync += matches.eq(~(self.weights.data[k * simd : (k + 1) * simd] ^ x))
        core.d.comb += popcount.i.eq(matches)
        bits = self.columns.bit_length()
        if self.depth == 1:
            return popcount.o[:bits] if len(popcount.o) > bits else popcount.o
        total = Signal(bits, name=f"total_{k}")
        with core.If(valid):
            core.d.sync += total.eq(Mux(restart, popcount.o, total + popcount.o))
        return total

    def _compare(self, core: Module, sums: list[Signal], ends: Signal) -> Cat:
        """One bit for each sum: whether it reaches its threshold, read while the sum is being completed."""
        rom = self.thresholds
        core.submodules.thresholds = rom
        group = Signal(range(self.groups))
        with core.If(ends):
            core.d.sync += group.eq(Mux(group == self.groups - 1, 0, group + 1))
        core.d.comb += rom.address.eq(group)
        return Cat(total >= rom.data.word_select(k, self.threshold_bits) for k, total in enumerate(sums))
