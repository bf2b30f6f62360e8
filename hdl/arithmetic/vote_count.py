"""Unregistered population count in the fewest look-up tables: a tree of adders whose carry inputs count too."""

from collections.abc import Sequence
from functools import cache

from amaranth import Cat, Const, Module, Signal, Value

from icepop.compiler.planner.plan import Resources

LEAF = 3
"""Bits that look-up tables count directly: a sum and a carry, a LUT4 each."""


@cache
def halves(count: int) -> tuple[int, int]:
    """Numbers of bits that the two operands of the last adder count; its carry input is one more."""
    options = [(first, count - 1 - first) for first in range((count - 1) // 2, count)]
    return min(options, key=lambda option: (_tree(*option).lut4, _tree(*option).cells))


@cache
def count_cost(count: int) -> Resources:
    """Cost of `counted` for so many bits.

    yosys drops the look-up tables that only pass a carry on; nextpnr needs a cell to lead a carry into a chain and one
    to lead it out.
    """
    if count < 2:
        return Resources()
    if count <= LEAF:
        return Resources(lut4=2, cells=2)
    return _tree(*halves(count))


def _tree(first: int, second: int) -> Resources:
    """Cost of an adder and what its operands count."""
    width = max(first, second).bit_length()
    out = int((first + second + 1).bit_length() > width)
    adder = Resources(lut4=width, carry=width, cells=width + 1 + out)
    return adder + count_cost(first) + count_cost(second)


def counted(m: Module, bits: Sequence[Value], inverted: bool = False) -> Value:
    """Number of ones among the bits, or its bits inverted, as wide as the number of bits needs.

    Two numbers and a carry in make an n-bit adder count ``2**(n + 1) - 1`` bits from twice ``2**n - 1`` and one. The
    complement costs nothing, since ``~(a + b + c) = ~a + ~b + ~c`` modulo any power of two: the bits are inverted
    instead, and operands filled up with ones.

    Parameters
    ----------
    m : Module
        Gets the logic.
    bits : sequence of Value
        One bit each; already inverted, where the result has to be.
    inverted : bool
        Whether to give ``2**width - 1 - count`` of the bits that were inverted.
    """
    width = len(bits).bit_length()
    if len(bits) <= LEAF:
        return _leaf(bits, inverted)
    first, second = halves(len(bits))
    operands = [counted(m, part, inverted) for part in (bits[:first], bits[first : first + second])]
    filled = [_filled(operand, width, inverted) for operand in operands]
    total = Signal(width + 1)
    # a 1 in front of one operand and the bit in front of the other make the adder carry the bit in
    m.d.comb += total.eq(Cat(Const(1, 1), filled[0]) + Cat(bits[-1], filled[1]))
    return total[1:]


def _filled(value: Value, width: int, inverted: bool) -> Value:
    """Value with leading zeros, or ones."""
    missing = width - len(value)
    return Cat(value, Const(-1 if inverted else 0, missing)) if missing else value


def _leaf(bits: Sequence[Value], inverted: bool) -> Value:
    """Count of up to three bits; of one or three, inverting the bits inverts the count."""
    if len(bits) == 3:
        a, b, c = bits
        return Cat(a ^ b ^ c, (a & b) | (a & c) | (b & c))
    if len(bits) == 2:
        a, b = bits
        return Cat(~(a ^ b), a | b) if inverted else Cat(a ^ b, a & b)
    return Cat(bits)
