"""Intervals of float64 that hold exact numbers: where they decide a comparison, exact arithmetic need not.

Every bound is rounded outward after each operation, so the filter never errs, it only leaves cases open (Brönnimann,
Burnikel and Pion 1998). Whatever is no number becomes infinite, which decides nothing. Overflow and the like are
expected: call under ``np.errstate(all="ignore")``.
"""

from fractions import Fraction
from functools import reduce
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Interval = tuple[Floats, Floats]
"""Lower and upper bounds, arrays of one shape."""
EPSILON, SMALLEST = np.finfo(np.float64).eps, np.finfo(np.float64).tiny
"""Largest relative distance of neighbours, and the smallest number that has no fewer digits than others."""


def outward(low: Any, high: Any) -> Interval:
    """Interval around bounds that were each rounded to nearest."""
    return np.fmax(low - beyond(low), -np.inf), np.fmin(high + beyond(high), np.inf)


def beyond(bound: Any) -> Any:
    """At least the distance to the next float64, at most twice; sooner computed than found by ``nextafter``."""
    return np.abs(bound) * EPSILON + SMALLEST


def around(numbers: list[Fraction]) -> Interval:
    """Interval around each rational."""
    nearest = np.array([nearest_float(number) for number in numbers], np.float64)
    with np.errstate(invalid="ignore"):  # infinity less infinity, which decides nothing
        return outward(nearest, nearest)


def nearest_float(number: Fraction) -> float:
    """Nearest float64; infinite beyond the largest."""
    try:
        return float(number)
    except OverflowError:
        return inf if number > 0 else -inf


def plus(x: Interval, y: Interval) -> Interval:
    """Sum."""
    return outward(x[0] + y[0], x[1] + y[1])


def times(x: Interval, y: Interval) -> Interval:
    """Product."""
    if y[0] is y[1]:
        return span(x[0] * y[0], x[1] * y[0])
    return span(x[0] * y[0], x[0] * y[1], x[1] * y[0], x[1] * y[1])


def over(x: Interval, y: Interval) -> Interval:
    """Quotient; y must not hold 0 inside."""
    if y[0] is y[1]:
        return span(x[0] / y[0], x[1] / y[0])
    return span(x[0] / y[0], x[0] / y[1], x[1] / y[0], x[1] / y[1])


def span(*ends: Floats) -> Interval:
    """Interval around all of some numbers that were rounded to nearest."""
    return outward(reduce(np.minimum, ends), reduce(np.maximum, ends))


def root(x: Interval) -> Interval:
    """Square root of what is at least 0."""
    low, high = outward(np.sqrt(np.maximum(x[0], 0)), np.sqrt(x[1]))
    return np.maximum(low, 0), high


def point(x: Any) -> Interval:
    """Interval of floats that are exact."""
    return x, x
