# amaranth: UnusedElaboratable=no
"""`VoterScan`: voters one or a few at a time, their inputs and tables in memory, and the largest count of votes."""

from collections.abc import Iterator
from functools import cached_property

import numpy as np
from amaranth import Cat, EnableInserter, Module, Mux, Signal, Value
from amaranth.utils import ceil_log2
from numpy.typing import NDArray

from icepop.compiler.ops.lut_vote import BITS, ENTRIES, INPUTS, LutVote
from icepop.compiler.planner.plan import Folding, Resources, Span
from icepop.compiler.planner.timing import Inlet, Timing
from icepop.compiler.types import Beats, IntArray, pack_words
from icepop.hdl.arithmetic.vote_count import count_cost, counted
from icepop.hdl.bit_source import BitSource
from icepop.hdl.input_copies import InputCopies
from icepop.hdl.memory import Rom
from icepop.hdl.units.base import (
    LayerUnit,
    adder_cells,
    counter_cells,
    lone_registers,
    parallelisms,
    registered_cells,
)

MAX_BITS = 16
"""Bits a beat that are planned at most: the width of a memory."""
PAIRS = ENTRIES // 2
"""Words of a voter's table: each holds the two entries that differ in the last input."""
MAX_SLOTS = 4
"""Voters a step at most: each takes a memory for its tables and one for each input."""
FEWEST = 4
"""Steps of a sample at least, so that the pipeline holds parts of two samples at most."""
PIPELINE = 5
"""Cycles from a step to what it changes: place, bits, table, sum, winner."""

LOOSE = 0.25
"""Share of the tables of an index in LUTs that are not packed with a register."""


class VoterScan(LayerUnit):
    """Reads the inputs of a few voters a cycle, looks their votes up, counts them and keeps the best class.

    Each input of each voter of a step has a copy of the sample's bits in memory, so that all are read at once; a memory
    tells where. The number of voters a step follows from the folding: as many as keep up with the input.

    Parameters
    ----------
    span : Span
        A `LutVote` of at least four voters and the `ArgMax` behind it, and the `Encode` of integers before it if there
        is one: every element that comes is then compared with every level, and the buffer holds all these bits.
    folding : Folding
        1xS: S elements a beat, fewer than the vector has.

    Notes
    -----
    ``interval = max(ceil(K / S), steps)`` with ``steps = C * ceil(V / voters a step)``, and one step more where both
    are equal: a half of the input buffer is free a cycle after its last step.
    """

    def __init__(self, span: Span, folding: Folding):
        op = span.ops[-2]
        if not isinstance(op, LutVote):
            raise TypeError(f"VoterScan takes a LutVote and an ArgMax, not {[type(op).__name__ for op in span.ops]}")
        self.op, self.folding = op, folding
        self.source = BitSource(span)
        super().__init__([self.source.beats(min(folding.simd, self.source.length - 1))], Beats.of(span.result, 1))
        self.slots = slots(op, self.input.count)
        each = -(-op.voters // self.slots)
        self.ends = [each * (label + 1) for label in range(op.classes)]
        if self.ends[-1] == self.input.count:
            self.ends[-1] += 1
        self.steps = self.ends[-1]
        width = self.input.lanes * len(self.source.levels)
        self.buffer = InputCopies(Beats(BITS[0], self.input.count * width, width), INPUTS * self.slots)

    @staticmethod
    def matches(span: Span) -> int:
        """LutVote and ArgMax, and an Encode of integers before them, with enough voters and elements."""
        count = BitSource.matches(span)
        vote = span.ops[count - 2] if count else None
        enough = isinstance(vote, LutVote) and vote.classes * vote.voters >= FEWEST and span.input.length > 1
        return count if enough else 0

    @staticmethod
    def foldings(span: Span) -> Iterator[Folding]:
        """One element a beat, and up to a memory's width of bits."""
        source = BitSource(span)
        for lanes in parallelisms(source.length):
            if lanes < source.length and (lanes == 1 or lanes * len(source.levels) <= MAX_BITS):
                yield Folding(1, lanes)

    @cached_property
    def timing(self) -> Timing:
        """All steps begin once the vector is whole, and the last one frees it; the pipeline follows."""
        beats = np.array([self.input.count])
        return Timing((Inlet(beats, 2 * self.input.count, beats),), np.array([self.steps]), np.array([True]), PIPELINE)

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """Which voter of its class each slot of each step is, -1 for none (steps, slots)."""
        order = np.full((self.steps, self.slots), -1, np.int64)
        for begin, end in zip([0, *self.ends], self.ends, strict=False):
            numbers = np.arange((end - begin) * self.slots)
            order[begin:end] = np.where(numbers < self.op.voters, numbers, -1).reshape(-1, self.slots)
        return order

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """Where the inputs of each step's voters are in the buffer (steps, slots * inputs)."""
        place = np.array(
            [self._place(int(k), int(level)) for k, level in zip(self.source.element, self.source.level, strict=True)]
        )
        fields = np.zeros((self.steps, self.slots, INPUTS), np.int64)
        for label, (begin, end) in enumerate(zip([0, *self.ends], self.ends, strict=False)):
            chosen = self.order[begin:end]
            fields[begin:end] = np.where(chosen[..., None] < 0, 0, place[self.op.index[label, chosen]])
        return fields.reshape(self.steps, -1)

    @property
    def _lanes(self) -> IntArray:
        """Lane that each input of each slot is read at (steps, slots * inputs)."""
        return self.places & ((1 << self.buffer.lane_bits) - 1)

    @cached_property
    def index(self) -> Rom:
        """Places of each step's inputs; the highest bit ends a class."""
        bits = self.buffer.place_bits
        words = pack_words(self.places, bits)
        top = 1 << (INPUTS * self.slots * bits)
        ends = {end - 1 for end in self.ends}
        return Rom(INPUTS * self.slots * bits + 1, [word | top * (step in ends) for step, word in enumerate(words)])

    def _place(self, element: int, level: int) -> int:
        """Where the buffer holds the bit of an element and a level."""
        beat, lane = divmod(element, self.input.lanes)
        return self.buffer.place(beat, lane * len(self.source.levels) + level)

    @cached_property
    def tables(self) -> list[Rom]:
        """For each slot, pairs of entries by step and the first three inputs.

        They stand one step late, since the step that follows is known when the inputs are.
        """
        entries = np.zeros((self.steps, self.slots, ENTRIES), np.int64)
        for label, (begin, end) in enumerate(zip([0, *self.ends], self.ends, strict=False)):
            chosen = self.order[begin:end]
            entries[begin:end] = np.where(chosen[..., None] < 0, 0, self.op.tables[label, chosen])
        late = np.roll(entries, 1, axis=0)
        pairs = np.stack([late[..., :PAIRS], late[..., PAIRS:]], axis=-1)
        return [Rom(2, pack_words(pairs[:, slot].reshape(-1, 2), 1)) for slot in range(self.slots)]

    @property
    def score_bits(self) -> int:
        """Bits of a count of votes."""
        return self.op.voters.bit_length()

    @cached_property
    def cost(self) -> Resources:
        """Buffer, memories, counters of steps and classes, the sum, and the best so far."""
        step, score, label = ceil_log2(self.steps), self.score_bits, self.output.width
        parts = [
            self.buffer.cost(self._lanes),
            self.encoder_cost,
            self.index_cost,
            *(table.cost for table in self.tables),
        ]
        parts += [counter_cells(self.steps), counter_cells(self.op.classes), lone_registers(step + self.slots)]
        parts += [Resources(lut4=1, cells=1) * self.slots, count_cost(self.slots), adder_cells(score)]
        # the best score and its class are loaded as they are; the comparison inverts one side
        parts += [lone_registers(score + label), adder_cells(score), lone_registers(7), registered_cells(8)]
        return Resources.total(parts)

    @property
    def index_cost(self) -> Resources:
        """Memory of places; of one in LUTs, measured, some tables are in other cells than their registers."""
        memory = self.index.cost
        loose = round(LOOSE * memory.cells) if memory.ebr == 0 else 0
        return memory + Resources(lut4=loose, cells=loose)

    @property
    def encoder_cost(self) -> Resources:
        """Comparisons of the input's integers alone: every level for every lane."""
        return Resources.total([self.source.cost(k) for k in range(len(self.source.levels))]) * self.input.lanes

    def elaborate(self, platform: object) -> Module:
        """The pipeline, which stands still while a result waits to be taken, behind the buffer."""
        m = Module()
        advance = Signal()
        m.submodules.buffer = buffer = self.buffer
        m.d.comb += [
            advance.eq(~self.o.valid | self.o.ready),
            buffer.i.valid.eq(self.i.valid),
            buffer.i.payload.eq(self._compared(m)),
            self.i.ready.eq(buffer.i.ready),
            buffer.en.eq(advance),
        ]
        core = Module()
        vote, valid, last = self._votes(core)
        self._winner(core, vote, valid, last)
        m.submodules.core = EnableInserter(advance)(core)
        return m

    def _compared(self, m: Module) -> Value:
        """Bits of a beat: for each lane, whether it reaches each level."""
        lanes = [self.i.payload.word_select(k, self.source.domain.bits) for k in range(self.input.lanes)]
        return Cat(self.source.reached(m, lane, level) for lane in lanes for level in range(len(self.source.levels)))

    def _votes(self, m: Module) -> tuple[Signal, Signal, Signal]:
        """Count through the steps; returns the votes of one, three cycles later, and whether it ends its class."""
        step, row = Signal(range(self.steps)), Signal(range(self.steps))
        buffer, index = self.buffer, self.index
        final = step == self.steps - 1
        with m.If(buffer.full):
            m.d.sync += step.eq(Mux(final, 0, step + 1))
        m.submodules.index = index
        m.d.comb += [
            buffer.taken.eq(buffer.full & final),
            index.address.eq(step),
            buffer.places.eq(index.data),
        ]
        m.d.sync += row.eq(step)
        votes = []
        for slot, table in enumerate(self.tables):
            m.submodules[f"table_{slot}"] = table
            bits = buffer.data.word_select(slot, INPUTS)
            high = Signal(name=f"high_{slot}")
            m.d.comb += table.address.eq(Cat(bits[: INPUTS - 1], row))
            m.d.sync += high.eq(bits[INPUTS - 1])
            votes.append(Mux(high, table.data[1], table.data[0]))
        vote, valid, last = Signal(self.slots.bit_length()), Signal(3), Signal(2)
        m.d.comb += vote.eq(counted(m, votes))
        m.d.sync += [valid.eq(Cat(buffer.full, valid)), last.eq(Cat(index.data[-1], last))]
        return vote, valid[2], last[1]

    def _winner(self, m: Module, vote: Signal, valid: Signal, last: Signal) -> None:
        """Sum up a class's votes, and keep the first of the best classes; the last class hands it over."""
        total, best = Signal(self.score_bits), Signal(self.score_bits)
        restart, ended, label = Signal(init=1), Signal(), Signal(range(self.op.classes))
        final = label == self.op.classes - 1
        with m.If(valid):
            m.d.sync += [total.eq(Mux(restart, vote, total + vote)), restart.eq(last)]
        m.d.sync += [ended.eq(valid & last), self.o.valid.eq(ended & final)]
        with m.If(ended):
            m.d.sync += label.eq(Mux(final, 0, label + 1))
            with m.If((total > best) | (label == 0)):
                m.d.sync += [best.eq(total), self.o.payload.eq(label)]


def slots(op: LutVote, beats: int) -> int:
    """Voters a step: as many as keep up with the beats of the input, and leave steps enough."""
    wanted = max(1, min(MAX_SLOTS, op.voters, op.classes * op.voters // beats))
    return next(count for count in range(wanted, 0, -1) if op.classes * -(-op.voters // count) >= FEWEST or count == 1)
