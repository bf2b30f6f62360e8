"""Integer scores whose order is exactly that of real ones: what an `ArgMax` compares.

A class's real score is ``slope * x + bias`` of its integer x, where slope and bias are rational, or hold the square
root of a batch normalization. Three ways lead to integers ``multiplier * x + offset``, the smallest numbers first:

1. One positive slope s for all: ``x + bias / s`` has the order of ``x + floor(bias / s)``, then of what is left over.
2. Few possible scores: rounded ones, of the fewest bits with which the order of all of them is proven to stay.
3. Otherwise, for rationals, a common denominator, as long as all scores stay below 2**62.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import floor, isqrt

import numpy as np

from icepop.compiler.exact.grid import common_divisor
from icepop.compiler.exact.numbers import Number, parts
from icepop.compiler.types import Domain, IntArray

MAX_SCORE = 1 << 62
MAX_CASES = 1 << 18
"""Most pairs of class and integer whose order is proven by sorting."""
PRECISION = 256
"""Bits behind the point to which square roots are computed for sorting."""


@dataclass(frozen=True)
class Score:
    """``slope * x + bias``; both may hold the same square root.

    Parameters
    ----------
    slope, bias : Number
        Exact numbers.
    """

    slope: Number
    bias: Number

    def key(self, x: int) -> tuple[Fraction, Fraction]:
        """Rational part of the value at x, and the signed square of the rest: equal for equal values only."""
        (a, b, v), (c, d, w) = parts(self.slope), parts(self.bias)
        root = b * x + d
        square = root * root * (v if b else w)
        return a * x + c, square if root >= 0 else -square


def integer_scores(classes: Sequence[Score], domain: Domain) -> tuple[IntArray, IntArray] | None:
    """Multipliers and offsets of every class, or None if no integers below 2**62 have the order.

    Parameters
    ----------
    classes : sequence of Affine
        Real scores.
    domain : Domain
        Values of the integers they are functions of.
    """
    slopes = [each.slope for each in classes if isinstance(each.slope, Fraction)]
    biases = [each.bias for each in classes if isinstance(each.bias, Fraction)]
    rational = len(slopes) == len(biases) == len(classes)
    if rational and len(set(slopes)) == 1 and slopes[0]:
        return shared_slope(slopes[0], biases, domain)
    found = proven(classes, domain) if len(classes) * domain.size <= MAX_CASES else None
    return common_denominator(slopes, biases, domain) if found is None and rational else found


def shared_slope(slope: Fraction, biases: Sequence[Fraction], domain: Domain) -> tuple[IntArray, IntArray]:
    """``x + bias / slope``: whole parts compare first, then the rank of what is left over.

    Classes further apart than any two x are moved together until they just never meet.
    """
    shifts = [bias / abs(slope) for bias in biases]
    rests = sorted({shift - floor(shift) for shift in shifts})
    ranks = {rest: rank for rank, rest in enumerate(rests)}
    offsets = [floor(shift) * len(rests) + ranks[shift - floor(shift)] for shift in shifts]
    apart = (domain.hi - domain.lo) * len(rests) + 1
    ascending = sorted(set(offsets))
    near = {ascending[0]: 0}
    for before, offset in pairwise(ascending):
        near[offset] = near[before] + min(offset - before, apart)
    multiplier = len(rests) if slope > 0 else -len(rests)
    return np.full(len(biases), multiplier), np.array([near[offset] for offset in offsets], np.int64)


def common_denominator(
    slopes: Sequence[Fraction], biases: Sequence[Fraction], domain: Domain
) -> tuple[IntArray, IntArray] | None:
    """Exact scores in the largest unit that divides them all; None beyond 2**62."""
    least = min(biases)  # taken off all of them, it changes nothing
    unit = common_divisor([*slopes, *(bias - least for bias in biases)]) or Fraction(1)
    multipliers = [int(slope / unit) for slope in slopes]
    offsets = [int((bias - least) / unit) for bias in biases]
    reach = max(abs(domain.lo), abs(domain.hi))
    if max(abs(m) * reach + offset for m, offset in zip(multipliers, offsets, strict=True)) >= MAX_SCORE:
        return None
    return np.array(multipliers, np.int64), np.array(offsets, np.int64)


def proven(classes: Sequence[Score], domain: Domain) -> tuple[IntArray, IntArray] | None:
    """Rounded scores of the fewest bits that keep the order of all possible scores, equal ones by lowest index."""
    reach = max(abs(domain.lo), abs(domain.hi), 1)
    slopes = [fixed_point(each.slope) for each in classes]
    biases = [fixed_point(each.bias) for each in classes]
    cases = sorted(
        (slope * x + bias, number, x)
        for number, (slope, bias) in enumerate(zip(slopes, biases, strict=True))
        for x in range(domain.lo, domain.hi + 1, domain.step)
    )
    order = exact_order(classes, cases, reach)
    if order is None:
        return None
    number, x = order
    largest = max(abs(value) for value, _, _ in cases).bit_length()
    tie = 2 * reach + 3  # two rounded scores of equal real ones differ by less
    for kept in range(1, 62):
        dropped = max(0, largest - kept)
        multiplier = [round_shift(slope, dropped) for slope in slopes]
        offset = [round_shift(bias, dropped) + tie * (len(classes) - 1 - k) for k, bias in enumerate(biases)]
        if max(map(abs, (*multiplier, *offset))) * (reach + 1) >= MAX_SCORE:
            return None
        m, b = np.array(multiplier, np.int64), np.array(offset, np.int64)
        difference = np.diff(m[number] * x + b[number])
        if ((difference > 0) | ((difference == 0) & (np.diff(number) == 0))).all():
            return m, b
    return None


def fixed_point(number: Number) -> int:
    """Number with `PRECISION` bits behind the point, off by less than two units."""
    a, b, v = parts(number)
    square = b * b * v * (1 << 2 * PRECISION)
    root = isqrt(square.numerator // square.denominator)
    return (a.numerator << PRECISION) // a.denominator + (root if b > 0 else -root)


def round_shift(number: int, bits: int) -> int:
    """Number without its low bits, rounded."""
    return (number + ((1 << bits) >> 1)) >> bits


def exact_order(
    classes: Sequence[Score], cases: Sequence[tuple[int, int, int]], reach: int
) -> tuple[IntArray, IntArray] | None:
    """Class and integer of every case from the worst to the best; None if the precision cannot tell two apart.

    Of equal scores the lowest class is the best.
    """
    margin = 4 * (reach + 1)
    rank, ranked = 0, []
    for position, (value, number, x) in enumerate(cases):
        if position:
            before, other, y = cases[position - 1]
            if value - before > margin:
                rank += 1
            elif classes[number].key(x) != classes[other].key(y):
                return None
        ranked.append((rank, -number, x))
    ranked.sort()
    columns = np.array(ranked, np.int64).T
    return -columns[1], columns[2]
