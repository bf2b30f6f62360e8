"""`BitSum`: the sum of bits of different weights."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from amaranth import Cat, Const, Module, Signal, Value
from amaranth.lib.wiring import In, Out

from icepop.compiler.errors import PlanError
from icepop.compiler.planner.plan import Resources
from icepop.hdl.arithmetic.adder import added, adder_cells
from icepop.hdl.arithmetic.counter import count, counter_cost
from icepop.hdl.late import LateComponent

PITCH = 16
"""Bits counted between two registers: above 70 MHz on UP5K, and the smallest; 7 are above 100 MHz."""

MOST = 32
"""Largest pitch: some 50 MHz, and no smaller than 16."""


@dataclass(frozen=True)
class Part:
    """A partial sum ``value << shift`` with ``value <= largest``, and what it is the sum of.

    Parameters
    ----------
    shift, largest : int
        Of the sum.
    sources : tuple of int
        Bits of the input, or one or two partial sums of the level before.
    counted : bool
        Whether it is the number of ones among bits of the input.
    """

    shift: int
    largest: int
    sources: tuple[int, ...]
    counted: bool = False

    @property
    def width(self) -> int:
        """Bits of the value."""
        return self.largest.bit_length()


class BitSum(LateComponent):
    """Registered sum of bits: ``o = sum of i[k] << shifts[k]``, `latency` cycles later.

    Bits of one weight are counted, some at once; bits of neighbouring weights may be added as numbers instead, which
    takes the carry chain half the cells. A tree of adders follows, with a register after each.

    Parameters
    ----------
    shifts : sequence of int
        Exponent of each bit; all 0 for a population count.
    pitch : int
        Most bits counted between two registers.

    Members
    -------
    i : In(len(shifts))
    o : Out(bits of the largest sum)
    """

    def __init__(self, shifts: Sequence[int], pitch: int = PITCH):
        self.shifts = tuple(shifts)
        self.pitch = pitch
        self.largest = sum(1 << shift for shift in self.shifts)
        super().__init__(lambda: {"i": In(len(self.shifts)), "o": Out(range(self.largest + 1))})
        self.numbers, self.levels = arranged(self.shifts, pitch)

    @property
    def latency(self) -> int:
        """Cycles from input to output; none if there is nothing to add."""
        return len(self.levels)

    @property
    def cost(self) -> Resources:
        """Counters, adders, and the registers of numbers that wait for another."""
        return cost_of(self.numbers, self.levels)

    def cost_without(self, dead: Iterable[int]) -> Resources:
        """Cost where synthesis knows some inputs to be 0."""
        return cost_of(self.numbers, self.levels, frozenset(dead))

    def elaborate(self, platform: object) -> Module:
        """Count and add, with a register after each sum."""
        m = Module()
        parts = self.numbers
        values: list[Value] = [Cat(self.i[k] for k in part.sources) for part in parts]
        for level in self.levels:
            results: list[Value] = []
            for part in level:
                held = Signal(part.width, reset_less=True)
                if part.counted:
                    m.d.sync += held.eq(count(m, [self.i[k] for k in part.sources]))
                else:
                    m.d.sync += held.eq(total(part, [(parts[k], values[k]) for k in part.sources]))
                results.append(held)
            parts, values = level, results
        m.d.comb += self.o.eq(values[0] << parts[0].shift)
        return m


@cache
def arranged(shifts: tuple[int, ...], pitch: int) -> tuple[Sequence[Part], list[list[Part]]]:
    """Numbers at the input, and partial sums after each register, in as few cells as a few ways to cut give."""
    if not 1 <= pitch <= MOST:
        raise PlanError(f"pitch must be from 1 to {MOST} bits, not {pitch}")
    found = []
    for numbers, columns in dict.fromkeys(cut(shifts, run) for run in (2, 3, max(shifts) + 2)):
        ways = dict.fromkeys(
            tuple(-(-len(bits) // group) for _, bits in columns) for group in range(pitch, pitch // 2, -1)
        )
        for way in ways:
            counts = [
                part for (shift, bits), number in zip(columns, way, strict=True) for part in groups(shift, bits, number)
            ]
            levels = [] if len(numbers) == 1 and not counts else [sums(numbers) + counts]
            while levels and len(levels[-1]) > 1:
                levels.append(sums(levels[-1]))
            found.append((numbers, levels))
    return min(found, key=lambda way: (cost_of(*way).cells, len(way[1])))


def cost_of(numbers: Sequence[Part], levels: Sequence[Sequence[Part]], dead: frozenset[int] = frozenset()) -> Resources:
    """Cost of sums arranged like this, of which some inputs are 0: a part is left out where all of it is."""
    costs, before = [], numbers
    live = [not dead.issuperset(part.sources) for part in numbers]
    for level in levels:
        inputs = [[k for k in part.sources if (k not in dead if part.counted else live[k])] for part in level]
        for part, sources in zip(level, inputs, strict=True):
            if sources:
                counted = part.counted
                costs.append(counter_cost(len(sources)) if counted else addition_cost([before[k] for k in sources]))
        live, before = [bool(sources) for sources in inputs], level
    return Resources.total(costs)


def cut(shifts: Sequence[int], shortest: int) -> tuple[tuple[Part, ...], tuple[tuple[int, tuple[int, ...]], ...]]:
    """Inputs as numbers of neighbouring weights, and what is in shorter runs, to be counted: by weight."""
    columns: dict[int, list[int]] = {}
    for index, shift in enumerate(shifts):
        columns.setdefault(shift, []).append(index)
    numbers: list[Part] = []
    counted: list[tuple[int, tuple[int, ...]]] = []
    while columns:
        first = min(columns)
        run = [columns[first]]
        while first + len(run) in columns:
            run.append(columns[first + len(run)])
        if len(run) >= shortest or max(map(len, run)) == 1:
            numbers.append(Part(first, (1 << len(run)) - 1, tuple(bits.pop() for bits in run)))
        else:
            counted.append((first, tuple(columns.pop(first))))
        columns = {shift: bits for shift, bits in columns.items() if bits}
    return tuple(numbers), tuple(counted)


def groups(shift: int, bits: Sequence[int], number: int) -> list[Part]:
    """Bits of one weight in so many groups of nearly equal size."""
    edges = [len(bits) * k // number for k in range(number + 1)]
    return [Part(shift, end - start, tuple(bits[start:end]), counted=True) for start, end in pairwise(edges)]


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


def total(part: Part, terms: Sequence[tuple[Part, Value]]) -> Value:
    """Sum of one or two partial sums, which ``part`` describes."""
    if len(terms) == 1:
        return terms[0][1]
    (low, a), (high, b) = terms
    gap = high.shift - low.shift
    if low.width <= gap:
        return Cat(a, Const(0, gap - low.width), b)
    return Cat(a[:gap], added(a[gap:], b, part.largest >> gap))
