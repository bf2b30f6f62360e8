"""`BitSum`: the sum of bits of different weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from amaranth import Cat, Const, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from icepop.compiler.plan import Resources

PITCH = 16
"""Bits summed between two registers; about 50 MHz on UP5K."""


@dataclass(frozen=True)
class Part:
    """A partial sum: a multiple of ``1 << shift``, at most ``largest << shift``."""

    shift: int
    largest: int

    @property
    def width(self) -> int:
        """Bits of the partial sum, those that are always 0 left out."""
        return self.largest.bit_length()


class BitSum(wiring.Component):
    """Registered sum of bits: ``o = sum of i[k] << shifts[k]``, `latency` cycles later.

    Parameters
    ----------
    shifts : sequence of int
        Exponent of each bit; all 0 for a population count.
    pitch : int
        Bits summed between two registers.

    Members
    -------
    i : In(len(shifts))
    o : Out(bits of the largest sum)
    """

    def __init__(self, shifts: Sequence[int], pitch: int = PITCH):
        self.shifts = tuple(shifts)
        self.pitch = pitch
        self.largest = sum(1 << shift for shift in self.shifts)
        super().__init__({"i": In(len(self.shifts)), "o": Out(range(self.largest + 1))})

    @cached_property
    def groups(self) -> list[list[int]]:
        """Which bits are summed first: neighbours in weight."""
        order = sorted(range(len(self.shifts)), key=self.shifts.__getitem__)
        return [order[start : start + self.pitch] for start in range(0, len(order), self.pitch)]

    @property
    def latency(self) -> int:
        """Cycles from input to output: one for the groups and one a level of the tree."""
        return 1 + (len(self.groups) - 1).bit_length()

    @cached_property
    def cost(self) -> Resources:
        """Cells of the groups and of the adders."""
        cells, level = 2 * len(self.shifts), len(self.groups)
        while level > 1:
            cells, level = cells + level * self.largest.bit_length() // 2, -(-level // 2)
        return Resources(lut4=cells, ff=cells // 2, carry=cells // 2, cells=cells)

    def elaborate(self, platform: object) -> Module:
        """Sum groups, then pairs, with a register after each sum."""
        m = Module()
        level: list[tuple[Part, Value]] = [
            registered(m, [(Part(self.shifts[k], 1), self.i[k]) for k in group]) for group in self.groups
        ]
        while len(level) > 1:
            level = [registered(m, level[k : k + 2]) for k in range(0, len(level), 2)]
        part, value = level[0]
        m.d.comb += self.o.eq(shifted(value, part.shift))
        return m


def registered(m: Module, parts: Sequence[tuple[Part, Value]]) -> tuple[Part, Value]:
    """Sum of some parts after a register."""
    base = min(part.shift for part, _ in parts)
    total = Part(base, sum(part.largest << part.shift - base for part, _ in parts))
    held = Signal(total.width, reset_less=True)
    m.d.sync += held.eq(sum(shifted(value, part.shift - base) for part, value in parts))
    return total, held


def shifted(value: Value, shift: int) -> Value:
    """The value times a power of two."""
    return Cat(Const(0, shift), value) if shift else value
