"""Counters: how many of a few bits are 1, without a register between."""

from collections.abc import Sequence
from functools import cache

from amaranth import Module, Signal, Value

from icepop.compiler.planner.plan import Resources
from icepop.hdl.arithmetic.adder import LUT_INPUTS, added, adder_cells


@cache
def split(size: int) -> tuple[int, int, int, bool]:
    """Cells of a counter of so many bits, and how it is made: sizes of two counters, and whether a bit is a carry.

    Up to four bits a LUT4 gives each bit of the result. More are added on the carry chain, whose carry input takes one
    more bit.
    """
    if size <= LUT_INPUTS:
        return size.bit_length() if size > 1 else 0, size - 1, 1, False
    options = []
    for carry in (False, True):
        for small in range(1, (size - carry) // 2 + 1):
            large = size - carry - small
            cells = split(large)[0] + split(small)[0] + adder_cells(large, small, carry)
            options.append((cells, large, small, carry))
    return min(options)


def count(m: Module, bits: Sequence[Value]) -> Value:
    """Number of ones, of as many bits as it needs.

    Every partial count has a signal of its own: an adder reads some of its bits twice, and an expression that is not
    named is repeated wherever it is read, which simulators would translate again each time.
    """
    if len(bits) == 1:
        return bits[0]
    _, large, small, carry = split(len(bits))
    a, b = count(m, bits[:large]), count(m, bits[large : large + small])
    result = Signal(range(len(bits) + 1))
    m.d.comb += result.eq(added(a, b, len(bits), bits[-1] if carry else None))
    return result


def counter_cost(size: int) -> Resources:
    """Cells of a registered count."""
    cells = max(1, split(size)[0])
    return Resources(lut4=cells, ff=size.bit_length(), carry=cells // 3, cells=cells)
