"""`Loops`: nested loops in hardware, and registers that follow them by adding constants."""

from collections.abc import Sequence
from itertools import accumulate

from amaranth import Cat, Const, Module, Mux, Signal, Value


class Loops:
    """Nested loops, inner to outer, that take a turn of the innermost with each ``step``.

    Parameters
    ----------
    m : Module
        Where the logic goes.
    counts : sequence of int
        Turns of each loop.
    step : Value
        Take a turn.
    begun : bool
        Whether they begin a turn further.
    foreseen : int
        The loop whose turn a register tells of ahead, as what hangs on it is slow; those inside are counted. 0 is none.

    Attributes
    ----------
    lasts : list of Value
        Whether each loop is in its last turn; to be driven by `count` or by the caller, unless it has only one.
    turns : list of Value
        Number of each loop's turn where `count` counts it.
    ends : list of Value
        Whether ``step`` ends the last turn of all loops before each, so that it turns; one more for all of them.
    """

    def __init__(self, m: Module, counts: Sequence[int], step: Value, begun: bool = False, foreseen: int = 0):
        self.m, self.counts = m, counts
        self.turns: list[Value] = [Const(0)] * len(counts)
        inner = next((level for level, count in enumerate(counts) if count > 1), len(counts))
        self.begun = inner if begun else len(counts)
        self.nearly = Signal()
        self.before = inner if inner < foreseen else len(counts)
        self.lasts: list[Value] = [
            Signal(name=f"last_{level}") if count > 1 else Const(1) for level, count in enumerate(counts)
        ]
        self.ends: list[Value] = [step]
        for level, count in enumerate(counts):
            end = self.ends[-1]
            if count > 1:
                end = Signal(name=f"end_{level}")
                m.d.comb += end.eq(self.ends[-1] & self.lasts[level])
            if level + 1 == foreseen and inner < foreseen:
                last = Signal()
                with m.If(step):
                    m.d.sync += last.eq(Cat(self.nearly, *self.lasts[inner + 1 : foreseen]).all())
                end = step & last
            self.ends.append(end)

    def count(self, level: int, final: int = 0) -> Value:
        """Drive a loop's last turn by a counter, which is returned too.

        Parameters
        ----------
        level : int
            The loop.
        final : int
            Turns it takes while the loop around it is in its last turn; 0 if no less than else.
        """
        count = self.counts[level]
        if count == 1:
            return Const(0)
        turn = Signal(range(count), name=f"turn_{level}", init=level == self.begun)
        self.turns[level] = turn
        last = at_end(turn, count - 1)
        if 0 < final < count:
            last |= self.lasts[level + 1] & at_end(turn, final - 1)
        self.m.d.comb += self.lasts[level].eq(last)
        if level == self.before:
            self.m.d.comb += self.nearly.eq(turn == count - 2)
        with self.m.If(self.ends[level]):
            self.m.d.sync += turn.eq(Mux(self.lasts[level], 0, turn + 1))
        return turn

    def follow(self, strides: Sequence[int], bits: int, start: int = 0) -> Signal:
        """Register that counts the turns, modulo ``2**bits``.

        Parameters
        ----------
        strides : sequence of int
            How much more it is when each loop is a turn further and all inside it are at their start; the last one is
            for a turn of all loops.
        bits : int
            Width.
        start : int
            What it is at first.
        """
        spent = accumulate(((count - 1) * s for count, s in zip(self.counts, strides, strict=False)), initial=0)
        jumps = [stride - inner for stride, inner in zip(strides, spent, strict=True)]
        first = next(level for level, jump in enumerate(jumps) if jump)
        if self.begun < len(self.counts):
            start += jumps[self.begun]
        value = Signal(bits, init=start % (1 << bits))
        with self.m.If(self.ends[first]):
            self.m.d.sync += value.eq(value + self.choose(first, [Const(jump % (1 << bits), bits) for jump in jumps]))
        return value

    def choose(self, first: int, values: Sequence[Value]) -> Value:
        """That of ``values`` which belongs to the loop that turns, if one from ``first`` on does."""
        choice = values[-1]
        for level in range(len(self.counts) - 1, first - 1, -1):
            if self.counts[level] > 1:
                choice = Mux(self.lasts[level], choice, values[level])
        return choice


def at_end(value: Value, end: int) -> Value:
    """Whether a value that is never more than ``end`` is equal to it: all ones of ``end`` are set."""
    return Cat(value[k] for k in range(end.bit_length()) if end >> k & 1).all()


def at_least(value: Value, bound: int) -> Value:
    """Whether an unsigned value reaches a constant from 0 on, as a chain of gates that needs no carry cells."""
    if bound >> len(value):
        return Const(0)
    result: Value = Const(1)
    for k in range(len(value)):
        result = value[k] & result if bound >> k & 1 else value[k] | result
    return result if bound else Const(1)
