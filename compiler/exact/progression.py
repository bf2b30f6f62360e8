"""Evenly spaced rationals, which the values of a quantizer are."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from icepop.compiler.exact.numbers import Number


@dataclass(frozen=True)
class Progression:
    """``first, first + step, …``, ascending.

    Parameters
    ----------
    first : Fraction
        Smallest number.
    step : Fraction
        Distance between neighbours, positive; 0 for a single number.
    count : int
        Numbers, at least 1.
    """

    first: Fraction
    step: Fraction
    count: int

    @property
    def last(self) -> Fraction:
        """Largest number."""
        return self.first + self.step * (self.count - 1)

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Fraction]:
        return (self.first + self.step * k for k in range(self.count))

    @staticmethod
    def between(a: Fraction, b: Fraction, count: int) -> "Progression":
        """So many numbers from a to b, or from b to a; one if they are equal."""
        if a == b or count == 1:
            return Progression(a, Fraction(0), 1)
        return Progression(min(a, b), abs(b - a) / (count - 1), count)


Values = Progression | Sequence[Number]
"""Different numbers: evenly spaced ones, or others."""


def gathered(numbers: Iterable[Number]) -> Values:
    """The different numbers among some: a progression where they are evenly spaced; else ascending, if rational."""
    different = list(set(numbers))
    rationals = sorted(number for number in different if isinstance(number, Fraction))
    if len(rationals) < len(different) or not rationals:
        return different
    if len({b - a for a, b in pairwise(rationals)}) > 1:
        return rationals
    return Progression.between(rationals[0], rationals[-1], len(rationals))
