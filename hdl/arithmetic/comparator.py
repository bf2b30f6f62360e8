"""Comparison of wide numbers in short carry chains, and the unsigned order in which codes are compared."""

import numpy as np
from amaranth import Cat, Const, Module, Signal, Value

from icepop.compiler.planner.plan import Resources
from icepop.compiler.types import Domain, IntArray
from icepop.hdl.units.base import registered_cells

SEGMENT = 16
"""Bits that one carry chain compares: at least 48 MHz on UP5K, from a memory's output on."""

BEYOND = 1 << 62
"""A threshold that no number reaches, whatever its sign."""


def origin(domain: Domain) -> int:
    """Value whose `ordinal` is 0: the smallest that the domain's bits can carry."""
    if domain.step > 1:
        return domain.lo
    return -(1 << (domain.bits - 1)) if domain.signed else 0


def ordinal(x: Value, domain: Domain) -> Value:
    """Code of a value as an unsigned number with the order of the values: ``(value - origin) / step``."""
    return Cat(x[:-1], ~x[-1]) if domain.signed else x


def cuts(thresholds: IntArray, sign: IntArray, domain: Domain) -> IntArray:
    """Ordinals that decide comparisons: ``sign * x >= threshold`` is ``ordinal >= cut``, or not, where sign is -1.

    A cut lies in ``[0, reach]``, where ``reach`` is one more than the largest ordinal of the domain.

    Parameters
    ----------
    thresholds : int64 array (C, L)
        Integers of any size.
    sign : int64 array (C,)
        +1 or -1.
    domain : Domain
        Values of x.
    """
    near = np.clip(thresholds, *sorted_ends(domain)) * sign[:, None]
    rising = -((origin(domain) - near) // domain.step)
    falling = (near - origin(domain)) // domain.step + 1
    return np.where(sign[:, None] > 0, rising, falling).clip(0, reach(domain))


def sorted_ends(domain: Domain) -> tuple[int, int]:
    """Thresholds beyond which nothing changes, for either sign."""
    largest = max(abs(domain.lo), abs(domain.hi)) + 2 * domain.step
    return -largest, largest


def reach(domain: Domain) -> int:
    """One more than the largest ordinal."""
    return (domain.hi - origin(domain)) // domain.step + 1


def ordinal_bits(domain: Domain) -> int:
    """Bits of an ordinal and of every cut."""
    return max(domain.bits, reach(domain).bit_length())


def delay(bits: int) -> int:
    """Cycles from the operands of `reaches` to its result."""
    return int(bits > SEGMENT)


def segments(bits: int) -> list[int]:
    """Lengths of the carry chains, lowest bits first, as equal as can be."""
    count = -(-bits // SEGMENT)
    return [bits * (k + 1) // count - bits * k // count for k in range(count)]


def reaches(m: Module, x: Value, shortfall: Value, bits: int) -> Value:
    """Whether x is at least a cut, both unsigned, ``delay(bits)`` cycles later.

    ``x >= cut`` is the carry of ``x + ~cut + 1``. Carry chains take their operands as they are, so constants are kept
    as their complement, ``shortfall = ~cut``: inverters would cost a cell a bit.

    Of more than `SEGMENT` bits each segment tells whether it is larger and whether it is at least as large, in chains
    of their own (carry select); a register behind these, and the lower segments decide between the two.
    """
    result: Value = Const(1, 1)
    start = 0
    for position, size in enumerate(segments(bits)):
        here, there = x[start : start + size], shortfall[start : start + size]
        start += size
        reached = carry(here, there, 1)
        if not delay(bits):
            return reached
        # registers hold the opposite: a chain then ends in a look-up table, which shares its register's cell
        smaller, most = Signal(), Signal()
        m.d.sync += smaller.eq(~reached)
        if position:
            m.d.sync += most.eq(~carry(here, there, 0))
            result = ~most | (~smaller & result)
        else:
            result = ~smaller
    return result


def carry(a: Value, b: Value, first: int) -> Value:
    """Carry of ``a + b + first``; written so that synthesis takes one chain."""
    one = Const(first, 1)
    return (Cat(one, a) + Cat(one, b))[max(len(a), len(b)) + 1]


def compare_cost(bits: int) -> Resources:
    """Cells of `reaches` without the register or look-up table that takes its result."""
    chains = segments(bits)
    carry = sum(chains) + sum(chains[1:])
    chain = Resources(carry=carry, cells=carry)
    return chain + registered_cells(2 * len(chains) - 1) if delay(bits) else chain


def idle_bits(cut: int, bits: int) -> int:
    """Low bits of a number that do not matter to whether it is reached."""
    return (cut & -cut).bit_length() - 1 if cut else bits
