"""Exact real numbers for judging the compiler: rationals, and rationals plus square roots of rationals.

Written for the tests alone; nothing here is shared with the code it judges.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import count
from math import ceil, floor, isqrt
from typing import Union


@dataclass(frozen=True, eq=False)
class Surd:
    """The irrational number ``rational + sum(coefficient * sqrt(radicand))``.

    No coefficient is 0, no radicand is a square and no product of two is, so 1 and the roots are linearly independent
    over the rationals: the number is never rational, and refining an interval decides every comparison.
    """

    rational: Fraction
    roots: tuple[tuple[Fraction, Fraction], ...]

    def __add__(self, other: "Exact | int") -> "Exact":
        if isinstance(other, Surd):
            return total(self.rational + other.rational, [*self.roots, *other.roots])
        return Surd(self.rational + other, self.roots)

    __radd__ = __add__

    def __neg__(self) -> "Surd":
        return Surd(-self.rational, tuple((-q, v) for q, v in self.roots))

    def __sub__(self, other: "Exact | int") -> "Exact":
        return self + -other

    def __rsub__(self, other: "Fraction | int") -> "Exact":
        return -self + other

    def __mul__(self, other: "Exact | int") -> "Exact":
        if not isinstance(other, Surd):
            return Surd(self.rational * other, tuple((q * other, v) for q, v in self.roots)) if other else Fraction(0)
        mixed = [(q * p, v * w) for q, v in self.roots for p, w in other.roots]
        crossed = [(q * other.rational, v) for q, v in self.roots] + [(p * self.rational, w) for p, w in other.roots]
        return total(self.rational * other.rational, mixed + crossed)

    __rmul__ = __mul__

    def __truediv__(self, divisor: "Exact | int") -> "Exact":
        return self * (1 / divisor if isinstance(divisor, Surd) else 1 / Fraction(divisor))

    def __rtruediv__(self, dividend: "Fraction | int") -> "Exact":
        ((q, v),) = self.roots
        assert self.rational == 0, f"only a plain root divides, not {self}"
        return Surd(Fraction(0), ((1 / (q * v), v),)) * dividend

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Surd) and not isinstance(self - other, Surd) and self - other == 0

    def __lt__(self, other: "Exact | int") -> bool:
        return sign(self - other) < 0

    def __le__(self, other: "Exact | int") -> bool:
        return sign(self - other) <= 0

    def __gt__(self, other: "Exact | int") -> bool:
        return sign(self - other) > 0

    def __ge__(self, other: "Exact | int") -> bool:
        return sign(self - other) >= 0

    def __abs__(self) -> "Surd":
        return -self if self < 0 else self

    def __float__(self) -> float:
        return float(sum(self.bounds(128), Fraction(0)) / 2)

    def bounds(self, bits: int) -> tuple[Fraction, Fraction]:
        """Rationals below and above it; the more bits, the closer."""
        ends = [[q * end for end in root_bounds(v, bits)] for q, v in self.roots]
        return self.rational + sum(map(min, ends)), self.rational + sum(map(max, ends))

    def __floor__(self) -> int:
        return self.decided(floor)

    def __ceil__(self) -> int:
        return self.decided(ceil)

    def decided(self, function: Callable[[Fraction], int]) -> int:
        """Value of a step function that is constant around the number."""
        for doubling in count():
            low, high = (function(end) for end in self.bounds(64 << doubling))
            if low == high:
                return low
        raise AssertionError


Exact = Union[Fraction, Surd]  # noqa: UP007  a name for annotations that are strings


def total(rational: Fraction, roots: list[tuple[Fraction, Fraction]]) -> Exact:
    """Sum without roots of squares, in which roots of radicands that differ by a rational square have become one."""
    merged: dict[Fraction, Fraction] = {}
    for q, v in roots:
        if (whole := square_root(v)) is not None:
            rational += q * whole
            continue
        related = v if v in merged else next((w for w in merged if square_root(v * w) is not None), v)
        ratio = Fraction(1) if related == v else Fraction(square_root(v * related) or 0) / related
        merged[related] = merged.get(related, Fraction(0)) + q * ratio
    kept = tuple((q, v) for v, q in merged.items() if q)
    return Surd(rational, kept) if kept else rational


@lru_cache(None)
def square_root(v: Fraction) -> Fraction | None:
    """Root of a rational, if that is rational."""
    numerator, denominator = isqrt(v.numerator), isqrt(v.denominator)
    if numerator**2 == v.numerator and denominator**2 == v.denominator:
        return Fraction(numerator, denominator)
    return None


@lru_cache(None)
def root_bounds(v: Fraction, bits: int) -> tuple[Fraction, Fraction]:
    """Multiples of ``2**-bits`` on either side of ``sqrt(v)``."""
    low = isqrt((v.numerator << 2 * bits) // v.denominator)
    return Fraction(low, 1 << bits), Fraction(low + 1, 1 << bits)


def root(v: Fraction) -> Exact:
    """Square root of a rational that is at least 0."""
    rational = square_root(v)
    return Surd(Fraction(0), ((Fraction(1), v),)) if rational is None else rational


def sign(x: "Exact | int") -> int:
    """-1, 0 or +1."""
    if not isinstance(x, Surd):
        return (x > 0) - (x < 0)
    if len(x.roots) > 1:
        return x.decided(lambda end: (end > 0) - (end < 0))
    ((q, v),) = x.roots
    upwards = q > 0
    if (x.rational >= 0) == upwards:
        return 1 if upwards else -1
    return 1 if (q * q * v > x.rational * x.rational) == upwards else -1


HALF = Fraction(1, 2)


def half_even(x: Exact) -> int:
    """Nearest integer, the even one of two."""
    low = floor(x)
    if x - low == HALF:
        return low + low % 2
    return low + (x - low > HALF)


ROUNDINGS: dict[str, Callable[[Exact], int]] = {
    "ROUND": half_even,
    "HALF_EVEN": half_even,
    "FLOOR": floor,
    "CEIL": ceil,
    "ROUND_TO_ZERO": lambda x: ceil(x) if x < 0 else floor(x),
    "DOWN": lambda x: ceil(x) if x < 0 else floor(x),
    "UP": lambda x: floor(x) if x < 0 else ceil(x),
    "HALF_UP": lambda x: sign(x) * floor(abs(x) + HALF),
    "HALF_DOWN": lambda x: sign(x) * ceil(abs(x) - HALF),
}
"""QONNX's rounding modes; ROUND_TO_ZERO is Brevitas' name of DOWN."""
