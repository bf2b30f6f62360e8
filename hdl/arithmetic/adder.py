"""Adders of unsigned numbers, in as few logic cells as an iCE40 allows."""

from amaranth import Cat, Const, Value

LUT_INPUTS = 4


def adder_cells(a: int, b: int, carry: bool = False) -> int:
    """Logic cells of `added` for numbers up to ``a`` and ``b``: one a bit, and one to start the chain with a carry."""
    small = a.bit_length() + b.bit_length() + carry <= LUT_INPUTS
    return (a + b + carry).bit_length() + (carry and not small)


def added(a: Value, b: Value, largest: int, carry: Value | None = None) -> Value:
    """Sum of two numbers and perhaps a carry, of as many bits as ``largest`` has.

    A result bit that is nothing but the carry of those below would take two cells: the chain ends in a LUT of its own,
    apart from the register behind. So the bit ``x`` comes in twice at the top, ``x ^ x ^ carry``, and overflows.
    Sums of so few bits that each of theirs is one LUT4 are not put on the chain.
    """
    width = largest.bit_length()
    if len(a) + len(b) + (carry is not None) <= LUT_INPUTS:
        return rippled(a, b, Const(0, 1) if carry is None else carry)[:width]
    if len(a) < len(b):
        a, b = b, a
    if len(a) < width:
        top = a[-1]
        a, b = Cat(a, top), Cat(b, Const(0, len(a) - len(b)), top)
    if carry is None:
        return (a + b)[:width]
    return (Cat(Const(1, 1), a) + Cat(carry, b))[1 : width + 1]


def rippled(a: Value, b: Value, carry: Value) -> Value:
    """Sum as gates, which synthesis merges into LUTs, unlike an adder on the carry chain."""
    result = []
    for k in range(max(len(a), len(b))):
        x, y = (value[k] if k < len(value) else Const(0, 1) for value in (a, b))
        result.append(x ^ y ^ carry)
        carry = (x & y) | (carry & (x | y))
    return Cat(result, carry)
