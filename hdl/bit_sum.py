"""`BitSum`: the sum of bits of different weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from amaranth import Cat, Const, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from icepop.compiler.plan import Resources
from icepop.hdl.adder import added, adder_cells
from icepop.hdl.counter import count, counter_cost

PITCH = 16
"""Bits counted between two registers; about 50 MHz on UP5K."""

RUN = 3
"""Neighbouring weights from which on bits are added as numbers rather than counted."""


@dataclass(frozen=True)
class Part:
    """A partial sum ``value << shift`` with ``value <= largest``, and what it is the sum of.

    Parameters
    ----------
    shift, largest : int
        Of the sum.
    sources : tuple of int
        Bits of the input, or one or two partial sums of the level before.
    """

    shift: int
    largest: int
    sources: tuple[int, ...]

    @property
    def width(self) -> int:
        """Bits of the value."""
        return self.largest.bit_length()


class BitSum(wiring.Component):
    """Registered sum of bits: ``o = sum of i[k] << shifts[k]``, `latency` cycles later.

    Bits of one weight are counted, some at once; bits of at least three neighbouring weights are added as numbers,
    which takes the carry chain half the cells. A tree of adders follows, with a register after each.

    Parameters
    ----------
    shifts : sequence of int
        Exponent of each bit; all 0 for a population count.
    pitch : int
        Bits counted between two registers.

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
        self.numbers, self.counts = cut(self.shifts, pitch)

    @cached_property
    def levels(self) -> list[list[Part]]:
        """Partial sums after each register, the counts last in the first level."""
        if len(self.numbers) == 1 and not self.counts:
            return []
        levels = [sums(self.numbers) + self.counts]
        while len(levels[-1]) > 1:
            levels.append(sums(levels[-1]))
        return levels

    @property
    def latency(self) -> int:
        """Cycles from input to output; none if there is nothing to add."""
        return len(self.levels)

    @cached_property
    def cost(self) -> Resources:
        """Counters, adders, and the registers of numbers that wait for another."""
        counters = Resources.total([counter_cost(len(part.sources)) for part in self.counts])
        before, parts = self.numbers, []
        for level in self.levels:
            parts += [addition_cost([before[k] for k in part.sources]) for part in level if part not in self.counts]
            before = level
        return counters + Resources.total(parts)

    def elaborate(self, platform: object) -> Module:
        """Count and add, with a register after each sum."""
        m = Module()
        parts = self.numbers
        values: list[Value] = [Cat(self.i[k] for k in part.sources) for part in parts]
        for level in self.levels:
            added = level if parts is not self.numbers else level[: len(level) - len(self.counts)]
            results = [total([parts[k] for k in part.sources], [values[k] for k in part.sources], part.largest) for part in added]
            results += [count([self.i[k] for k in part.sources]) for part in level[len(added) :]]
            parts, values = level, [registered(m, part, result) for part, result in zip(level, results, strict=True)]
        m.d.comb += self.o.eq(values[0] << parts[0].shift)
        return m


def cut(shifts: Sequence[int], pitch: int) -> tuple[list[Part], list[Part]]:
    """Inputs as numbers of neighbouring weights, and what is left as groups to count."""
    columns: dict[int, list[int]] = {}
    for index, shift in enumerate(shifts):
        columns.setdefault(shift, []).append(index)
    numbers, counts = [], []
    while columns:
        first = min(columns)
        run = 1
        while first + run in columns:
            run += 1
        if run >= RUN:
            sources = tuple(columns[first + k].pop() for k in range(run))
            numbers.append(Part(first, (1 << run) - 1, sources))
        else:
            counts += groups(first, columns[first], pitch)
            columns[first] = []
        columns = {shift: bits for shift, bits in columns.items() if bits}
    return numbers, counts


def groups(shift: int, bits: Sequence[int], pitch: int) -> list[Part]:
    """Bits of one weight in the fewest groups, of nearly equal size."""
    number = -(-len(bits) // pitch)
    edges = [len(bits) * k // number for k in range(number + 1)]
    return [Part(shift, end - start, tuple(bits[start:end])) for start, end in zip(edges, edges[1:], strict=False)]


def sums(parts: Sequence[Part]) -> list[Part]:
    """Neighbours in weight added in pairs; of an odd number the narrowest waits."""
    order = sorted(range(len(parts)), key=lambda k: (parts[k].shift, parts[k].width))
    results = []
    if len(order) % 2:
        alone = min(order, key=lambda k: parts[k].width)
        order.remove(alone)
        results.append(Part(parts[alone].shift, parts[alone].largest, (alone,)))
    for low, high in zip(order[::2], order[1::2], strict=True):
        a, b = parts[low], parts[high]
        results.append(Part(a.shift, a.largest + (b.largest << b.shift - a.shift), (low, high)))
    return results


def addition_cost(parts: Sequence[Part]) -> Resources:
    """Cells of a registered sum of one or two partial sums."""
    low, width = parts[0], parts[0].width
    if len(parts) == 1:
        return Resources(ff=width, cells=width)
    gap = min(parts[1].shift - low.shift, width)
    cells = adder_cells(low.largest >> gap, parts[1].largest) if gap < width else parts[1].width
    return Resources(lut4=cells, ff=gap + cells, carry=cells, cells=gap + cells)


def total(parts: Sequence[Part], values: Sequence[Value], largest: int) -> Value:
    """Sum of one or two partial sums, relative to the first one's weight."""
    if len(parts) == 1:
        return values[0]
    low, high = values
    gap = parts[1].shift - parts[0].shift
    if len(low) <= gap:
        return Cat(low, Const(0, gap - len(low)), high)
    return Cat(low[:gap], added(low[gap:], high, largest >> gap))


def registered(m: Module, part: Part, value: Value) -> Signal:
    """The value after a register."""
    held = Signal(part.width, reset_less=True)
    m.d.sync += held.eq(value)
    return held
