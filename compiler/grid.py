"""Grids: the real values behind integer codes, ``value = scale * code + offset`` in exact numbers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from itertools import pairwise
from math import gcd, lcm

import numpy as np

from icepop.compiler.errors import ModelError
from icepop.compiler.exact import Number
from icepop.compiler.types import BIPOLAR, Domain, IntArray

MAX_CODE = 1 << 16
"""Largest code that is chosen to do without an offset."""


@dataclass(frozen=True)
class Line:
    """``value = scale * code + offset``.

    Parameters
    ----------
    scale : Fraction
        Real value of one code; positive, or 0 for a constant.
    offset : Fraction
        Real value of code 0.
    """

    scale: Fraction
    offset: Fraction = Fraction(0)

    def value(self, code: int) -> Fraction:
        """Real value of a code."""
        return self.scale * code + self.offset


@dataclass(frozen=True, eq=False)
class Grid:
    """Codes of a tensor and what they mean.

    Parameters
    ----------
    domain : Domain
        The codes, of all elements.
    lines : tuple of Line
        The different meanings of codes; one where scale and offset are the same for all elements.
    which : int64 array (1, *shape)
        Number of each element's line.
    """

    domain: Domain
    lines: tuple[Line, ...]
    which: IntArray

    @property
    def scale(self) -> Fraction | None:
        """Real value of one code, if it is the same everywhere and code 0 is the number 0; else None."""
        return self.lines[0].scale if len(self.lines) == 1 and self.lines[0].offset == 0 else None

    @property
    def unit(self) -> Fraction:
        """Largest number of which every scale is a multiple; 1 if all are 0."""
        return common_divisor([line.scale for line in self.lines]) or Fraction(1)

    @property
    def multiples(self) -> tuple[int, ...]:
        """Each line's scale in units."""
        return tuple(int(line.scale / self.unit) for line in self.lines)


def common_divisor(numbers: Iterable[Fraction]) -> Fraction:
    """Largest number of which all are multiples; 0 if all are 0."""

    def both(a: Fraction, b: Fraction) -> Fraction:
        return Fraction(gcd(a.numerator * b.denominator, b.numerator * a.denominator), a.denominator * b.denominator)

    return reduce(both, numbers, Fraction(0))


def find_grid(sets: Sequence[set[Number]], which: IntArray, name: str) -> Grid:
    """Grid for elements whose values are known.

    One scale for all and no offset is preferred; otherwise each set has its own scale and offset, and code 0 lies near
    the number 0.

    Parameters
    ----------
    sets : sequence of set of Number
        Values that occur together.
    which : int64 array (1, *shape)
        Which of the sets holds each element's values.
    name : str
        For messages.

    Raises
    ------
    ModelError
        The values of a set are not evenly spaced.
    """
    rows = [sorted(value for value in values if isinstance(value, Fraction)) for values in sets]
    if any(len(row) < len(values) for row, values in zip(rows, sets, strict=True)):
        raise ModelError(f"'{name}': a batch normalization must not stand between a quantizer and the layer it feeds")
    together = multiples_of(sorted(set().union(*rows)))
    if together is not None:
        domain, scale = together
        return Grid(domain, (Line(scale),), np.zeros_like(which))
    own = [multiples_of(row) for row in rows]
    steps = {domain.step for each in own if each is not None for domain in each[:1]}
    if None not in own and len(steps) == 1:
        domains, scales = zip(*(each for each in own if each is not None), strict=True)
        # the domains of one step may lie on different points of it
        if len({domain.lo % domain.step for domain in domains}) == 1:
            return gathered(domains, [Line(scale) for scale in scales], which)
    lines = [line_through(row, name) for row in rows]
    ranges = [
        Domain(*(int((row[end] - line.offset) / line.scale) for end in (0, -1))) if line.scale else None
        for row, line in zip(rows, lines, strict=True)
    ]
    return gathered([each for each in ranges if each is not None] or [Domain(0, 0)], lines, which)


def gathered(domains: Sequence[Domain], lines: Sequence[Line], which: IntArray) -> Grid:
    """Grid over all domains; equal lines become one."""
    domain = Domain(min(each.lo for each in domains), max(each.hi for each in domains), domains[0].step)
    numbers = {line: number for number, line in enumerate(dict.fromkeys(lines))}
    return Grid(domain, tuple(numbers), np.array([numbers[line] for line in lines])[which])


def multiples_of(values: Sequence[Fraction]) -> tuple[Domain, Fraction] | None:
    """Codes of ascending values that are small multiples of one number, and this number; None if they are not.

    Two values -c and +c are bipolar; otherwise the scale is the greatest common divisor of all values.
    """
    denominator = lcm(*(value.denominator for value in values))
    numerators = [int(value * denominator) for value in values]
    divisor = gcd(*numerators) or 1
    codes = [numerator // divisor for numerator in numerators]
    steps = {b - a for a, b in pairwise(codes)} or {1}
    if len(steps) > 1 or max(map(abs, codes)) > MAX_CODE:
        return None
    scale = Fraction(divisor, denominator)
    return (BIPOLAR if codes == [-1, 1] else Domain(codes[0], codes[-1], steps.pop())), scale


def line_through(values: Sequence[Fraction], name: str) -> Line:
    """Line through ascending, evenly spaced values, whose code 0 lies near the number 0."""
    steps = {b - a for a, b in pairwise(values)} or {Fraction(0)}
    if len(steps) > 1:
        few = ", ".join(str(float(value)) for value in values[:8]) + (", …" if len(values) > 8 else "")
        raise ModelError(f"'{name}': quantized values must be evenly spaced, not {few}")
    scale = steps.pop()
    return Line(scale, values[0] - scale * round(values[0] / scale) if scale else values[0])
