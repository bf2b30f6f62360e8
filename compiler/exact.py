"""Exact real numbers: rationals, and rationals with one square root, as batch normalization makes them."""

from dataclasses import dataclass
from fractions import Fraction
from math import floor, isqrt


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
