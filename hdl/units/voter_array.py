# amaranth: UnusedElaboratable=no
"""`VoterArray`: every voter of a network of look-up tables at once, and the class with the most votes."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np
from amaranth import Cat, Const, EnableInserter, Module, Signal, Value
from amaranth.utils import ceil_log2

from icepop.compiler.ops.lut_vote import LutVote
from icepop.compiler.planner.plan import Folding, Resources, Span
from icepop.compiler.planner.timing import Timing, streaming
from icepop.compiler.types import Beats
from icepop.hdl.arithmetic.vote_count import count_cost, counted
from icepop.hdl.arithmetic.winner import Contestant, played, second, tournament_cost
from icepop.hdl.bit_source import BitSource
from icepop.hdl.units.base import LayerUnit, lone_registers

ROUNDS = 2
"""Rounds of the tournament between two registers."""


class VoterArray(LayerUnit):
    """A look-up table for each voter, a population count for each class, and a tournament.

    One sample a cycle; registers behind the voters, the counts and every two rounds of the tournament, which are the
    flip-flops of the look-up tables' own cells. Voters of classes that enter the tournament inverted are counted so.

    Parameters
    ----------
    span : Span
        A `LutVote` and the `ArgMax` behind it, and the `Encode` of integers before it if there is one; its comparisons
        then stand in front of the voters.
    folding : Folding
        1xK: a whole vector of K elements a beat.
    """

    def __init__(self, span: Span, folding: Folding):
        op = span.ops[-2]
        if not isinstance(op, LutVote):
            raise TypeError(f"VoterArray takes a LutVote and an ArgMax, not {[type(op).__name__ for op in span.ops]}")
        self.op, self.folding = op, folding
        self.source = BitSource(span)
        super().__init__([self.source.beats(self.source.length)], Beats.of(span.result, 1))

    @staticmethod
    def matches(span: Span) -> int:
        """LutVote and ArgMax, and an Encode of integers before them."""
        return BitSource.matches(span)

    @staticmethod
    def foldings(span: Span) -> Iterator[Folding]:
        """All at once."""
        yield Folding(1, span.input.length)

    @property
    def rounds(self) -> int:
        """Rounds of the tournament."""
        return ceil_log2(self.op.classes)

    @property
    def latency(self) -> int:
        """Cycles from the vector to the class: voters, counts, and two rounds each."""
        return 2 + max(1, -(-self.rounds // ROUNDS))

    @property
    def timing(self) -> Timing:
        """A vector a cycle; its class leaves `latency` cycles later."""
        return streaming(1, latency=self.latency)

    @cached_property
    def cost(self) -> Resources:
        """Comparisons, different voters, counts, the tournament, and the flags of valid results."""
        classes, each = self.op.classes, self.op.voters
        parts = [count_cost(each) * classes, tournament_cost(classes, each.bit_length())]
        parts.append(Resources(lut4=1, cells=1))
        parts.append(lone_registers(self.latency))
        inverted = np.array([second(label, classes) for label in range(classes)])
        voters = different(self.op, inverted)
        return Resources.total([*parts, Resources(lut4=voters, ff=voters, cells=voters), self.encoder_cost])

    @property
    def encoder_cost(self) -> Resources:
        """Comparisons of the input's integers alone; equal ones of several bits are one."""
        used = np.unique(self.op.index)
        pairs = {(self.source.element[bit], self.source.level[bit]) for bit in used.tolist()}
        return Resources.total([self.source.cost(level) for _, level in pairs])

    def elaborate(self, platform: object) -> Module:
        """The pipeline, which stands still while a result waits to be taken."""
        m = Module()
        advance = Signal()
        m.d.comb += [advance.eq(~self.o.valid | self.o.ready), self.i.ready.eq(advance)]
        core = Module()
        valid: Value = self.i.valid
        for stage in range(self.latency):
            following = self.o.valid if stage == self.latency - 1 else Signal(name=f"valid_{stage}")
            core.d.sync += following.eq(valid)
            valid = following
        bits = self._bits(m)
        contestants = [self._class(core, label, bits) for label in range(self.op.classes)]
        for number in range(1, self.rounds + 1):
            contestants = played(core, contestants)
            if number % ROUNDS == 0 and number < self.rounds:
                contestants = [Contestant(later(core, c.score), later(core, c.label)) for c in contestants]
        core.d.sync += self.o.payload.eq(contestants[0].label)
        m.submodules.core = EnableInserter(advance)(core)
        return m

    def _bits(self, m: Module) -> dict[int, Value]:
        """Bits that voters read, by their numbers."""
        known: dict[tuple[int, int], Value] = {}
        bits = {}
        for number in np.unique(self.op.index).tolist():
            element, level = int(self.source.element[number]), int(self.source.level[number])
            if (element, level) not in known:
                value = self.i.payload.word_select(element, self.source.domain.bits)
                known[element, level] = self.source.reached(m, value, level)
            bits[number] = known[element, level]
        return bits

    def _class(self, m: Module, label: int, bits: Mapping[int, Value]) -> Contestant:
        """Votes for one class, inverted where it is the second of its first pair."""
        inverted = second(label, self.op.classes)
        voters = [
            later(m, looked_up(table ^ inverted, [bits[number] for number in chosen.tolist()]))
            for chosen, table in zip(self.op.index[label], self.op.tables[label], strict=True)
        ]
        score = counted(m, voters, inverted)
        return Contestant(later(m, score), Const(label, self.output.width))


def looked_up(table: np.ndarray, inputs: Sequence[Value]) -> Value:
    """Entry of a truth table, the first input the least significant address bit."""
    packed = sum(1 << address for address, one in enumerate(table) if one)
    return Const(packed, len(table)).bit_select(Cat(*inputs), 1)


def later(m: Module, value: Value) -> Signal:
    """A value a cycle later."""
    register = Signal(len(value))
    m.d.sync += register.eq(value)
    return register


def different(op: LutVote, inverted: np.ndarray) -> int:
    """Voters that differ, in what they compute, from each other and from constants."""
    ordered = np.argsort(op.index, axis=-1, kind="stable")
    address = np.arange(op.tables.shape[-1])
    bits = (address[:, None] >> np.arange(op.index.shape[-1])) & 1
    keys = set()
    for label in range(op.classes):
        for voter in range(op.voters):
            order = ordered[label, voter]
            # entry of the sorted inputs' address: place k of it goes to input order[k]
            moved = (bits << order).sum(axis=1)
            table = op.tables[label, voter][moved] ^ inverted[label]
            if table.any() and not table.all():
                keys.add((op.index[label, voter][order].tobytes(), table.tobytes()))
    return len(keys)
