"""Exact real numbers: rationals, and rationals with one square root, as batch normalization makes them."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import floor, isqrt

MAX_BITS = 1 << 14
"""Most bits of a power."""


@dataclass(frozen=True)
class Root:
    """The irrational number ``a + b * sqrt(v)`` with rational a, b != 0 and a positive v that is no square."""

    a: Fraction
    b: Fraction
    v: Fraction

    def __add__(self, other: Fraction) -> "Root":
        return Root(self.a + other, self.b, self.v)

    def __mul__(self, other: Fraction) -> "Number":
        return Root(self.a * other, self.b * other, self.v) if other else Fraction(0)

    def __ge__(self, other: Fraction) -> bool:
        """Compare by squaring: ``b sqrt(v) >= c`` with ``c = other - a``. Never equal, as the root is irrational."""
        c = other - self.a
        if (self.b > 0) != (c > 0):
            return self.b > 0
        return (self.b * self.b * self.v > c * c) == (self.b > 0)

    def __floor__(self) -> int:
        """Refine an interval around the root until both ends have the same floor."""
        bits = 32
        while True:
            scaled = (self.v.numerator << 2 * bits) // self.v.denominator
            low = Fraction(isqrt(scaled), 1 << bits)
            ends = sorted(floor(self.a + self.b * root) for root in (low, low + Fraction(1, 1 << bits)))
            if ends[0] == ends[1]:
                return ends[0]
            bits *= 2


Number = Fraction | Root


def parts(x: Number) -> tuple[Fraction, Fraction, Fraction]:
    """The a, b and v of ``a + b * sqrt(v)``; b is 0 for a rational."""
    return (x.a, x.b, x.v) if isinstance(x, Root) else (x, Fraction(0), Fraction(1))


def difference(x: Number, y: Number) -> Number:
    """``x - y`` of two numbers that hold the same root, if they hold one."""
    (a, b, v), (c, d, w) = parts(x), parts(y)
    return Root(a - c, b - d, v if b else w) if b != d else a - c


def power(x: Number, exponent: int) -> Number:
    """``x ** exponent`` for an exponent of at least 0; what holds a root stays in its field.

    Raises
    ------
    ArithmeticError
        The result would be a very long number, as of powers of powers.
    """
    if exponent * max(part.numerator.bit_length() + part.denominator.bit_length() for part in parts(x)) > MAX_BITS:
        raise ArithmeticError(f"a power must have at most {MAX_BITS} bits; put a Quant before it")
    if isinstance(x, Fraction):
        return Fraction(x**exponent)
    a, b = Fraction(1), Fraction(0)
    for _ in range(exponent):
        a, b = a * x.a + b * x.b * x.v, a * x.b + b * x.a
    return Root(a, b, x.v) if b else a


def over_root(k: Fraction, v: Fraction) -> Number:
    """``k / sqrt(v)`` for positive v: a rational where v is a square, else a `Root`."""
    numerator, denominator = isqrt(v.numerator), isqrt(v.denominator)
    if numerator**2 == v.numerator and denominator**2 == v.denominator:
        return k * denominator / numerator
    return Root(Fraction(0), k / v, v) if k else Fraction(0)


def round_half_even(x: Number) -> int:
    """Nearest integer; a tie goes to the even one."""
    below = floor(x)
    half = below + Fraction(1, 2)
    if isinstance(x, Fraction) and x == half:
        return below + below % 2
    return below + (x >= half)


def ceiling(x: Number) -> int:
    """Smallest integer that is at least x."""
    return -floor(x * Fraction(-1))


def to_zero(x: Number) -> int:
    """Drop what is behind the point."""
    return floor(x) if x >= Fraction(0) else ceiling(x)


def from_zero(x: Number) -> int:
    """Next integer away from 0."""
    return ceiling(x) if x >= Fraction(0) else floor(x)


def half_from_zero(x: Number) -> int:
    """Nearest integer; a tie goes away from 0."""
    return to_zero(x + Fraction(1, 2)) if x >= Fraction(0) else to_zero(x + Fraction(-1, 2))


def half_to_zero(x: Number) -> int:
    """Nearest integer; a tie goes towards 0."""
    if x >= Fraction(0):
        return ceiling(x + Fraction(-1, 2))
    return floor(x + Fraction(1, 2))


ROUNDINGS: dict[str, Callable[[Number], int]] = {
    "ROUND": round_half_even,
    "HALF_EVEN": round_half_even,
    "FLOOR": floor,
    "CEIL": ceiling,
    "ROUND_TO_ZERO": to_zero,
    "DOWN": to_zero,
    "UP": from_zero,
    "HALF_UP": half_from_zero,
    "HALF_DOWN": half_to_zero,
}
"""Rounding modes by the names that QONNX and Brevitas give them."""
