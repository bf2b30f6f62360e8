"""Grids: the real values behind integer codes, ``value = scale * code + offset`` in exact numbers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from math import gcd

import numpy as np

from icepop.compiler.errors import ModelError
from icepop.compiler.exact.progression import Progression, Values
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
        unit = self.unit
        return tuple(int(line.scale / unit) for line in self.lines)


def common_divisor(numbers: Iterable[Fraction]) -> Fraction:
    """Largest number of which all are multiples; 0 if all are 0."""

    def both(a: Fraction, b: Fraction) -> Fraction:
        return Fraction(gcd(a.numerator * b.denominator, b.numerator * a.denominator), a.denominator * b.denominator)

    return reduce(both, numbers, Fraction(0))


def find_grid(rows: Sequence[Values], which: IntArray, name: str) -> Grid:
    """Grid for elements whose values are known.

    One scale for all and no offset is preferred; otherwise each row has its own scale and offset, and code 0 lies near
    the number 0. What has but one value is an offset, so that its value bears on no other's scale.

    Parameters
    ----------
    rows : sequence of Values
        Values that occur together.
    which : int64 array (1, *shape)
        Which of the rows holds each element's values.
    name : str
        For messages.

    Raises
    ------
    ModelError
        The values of a row are not evenly spaced.
    """
    if any(not isinstance(row, Progression) and not all(isinstance(value, Fraction) for value in row) for row in rows):
        raise ModelError(f"'{name}': a batch normalization must not stand between a quantizer and the layer it feeds")
    pieces = [piece for row in rows for piece in progressions(row)]
    union = joined(pieces)
    if union is not None and (together := multiples_of(union)) is not None:
        domain, scale = together
        return Grid(domain, (Line(scale),), np.zeros_like(which))
    even = [evenly_spaced(row, name) for row in rows]
    constants = [Line(Fraction(0), row.first) if row.count == 1 else None for row in even]
    own = [multiples_of(row) for row in even if row.count > 1]
    domains = [each[0] for each in own if each is not None]
    # the domains of one step may lie on different points of it
    if len(domains) == len(own) and len({(domain.step, domain.lo % domain.step) for domain in domains}) == 1:
        scales = iter([Line(each[1]) for each in own if each is not None])
        return spread(domains, [line or next(scales) for line in constants], which)
    lines = [line or line_through(row) for line, row in zip(constants, even, strict=True)]
    ranges = [
        Domain(*(int((end - line.offset) / line.scale) for end in (row.first, row.last)))
        for row, line in zip(even, lines, strict=True)
        if line.scale
    ]
    return spread(ranges or [Domain(0, 0)], lines, which)


def spread(domains: Sequence[Domain], lines: Sequence[Line], which: IntArray) -> Grid:
    """Grid over all domains; equal lines become one."""
    domain = Domain(min(each.lo for each in domains), max(each.hi for each in domains), domains[0].step)
    numbers = {line: number for number, line in enumerate(dict.fromkeys(lines))}
    return Grid(domain, tuple(numbers), np.array([numbers[line] for line in lines])[which])


def progressions(row: Values) -> list[Progression]:
    """A row as evenly spaced pieces."""
    if isinstance(row, Progression):
        return [row]
    return [Progression(value, Fraction(0), 1) for value in row if isinstance(value, Fraction)]


def joined(rows: Sequence[Progression]) -> Progression | None:
    """The numbers of all rows, if they are evenly spaced and few."""
    rows = list(dict.fromkeys(rows))
    first, last = min(row.first for row in rows), max(row.last for row in rows)
    step = common_divisor([*(row.step for row in rows), *(row.first - first for row in rows)])
    if len(rows) == 1 or step == 0:
        return rows[0]
    count = (last - first) / step + 1
    if count > 2 * MAX_CODE + 1:
        return None
    there = np.zeros(int(count), bool)
    for row in rows:
        start, stride = int((row.first - first) / step), int(row.step / step) or 1
        there[start : start + stride * (row.count - 1) + 1 : stride] = True
    return Progression(first, step, int(count)) if there.all() else None


def multiples_of(values: Progression) -> tuple[Domain, Fraction] | None:
    """Codes of values that are small multiples of one number, and this number; None if they are not.

    Two values -c and +c are bipolar; otherwise the scale is the greatest common divisor of all values.
    """
    scale = common_divisor([values.first, values.step]) or Fraction(1)
    lo, hi = int(values.first / scale), int(values.last / scale)
    if max(-lo, hi) > MAX_CODE:
        return None
    return (BIPOLAR if (lo, hi, values.count) == (-1, 1, 2) else Domain(lo, hi, int(values.step / scale) or 1)), scale


def evenly_spaced(row: Values, name: str) -> Progression:
    """The row, which must be evenly spaced."""
    if isinstance(row, Progression):
        return row
    few = ", ".join([*(str(float(piece.first)) for piece in progressions(row[:8])), *["…"] * (len(row) > 8)])
    raise ModelError(f"'{name}': quantized values must be evenly spaced, not {few}")


def line_through(values: Progression) -> Line:
    """Line through numbers, whose code 0 lies near the number 0."""
    return Line(values.step, values.first - values.step * round(values.first / values.step))
