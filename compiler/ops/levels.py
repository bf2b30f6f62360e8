"""Counting the thresholds that values reach, which gives codes."""

import numpy as np

from icepop.compiler.ops.base import Array
from icepop.compiler.types import Domain, IntArray

FEW = 8
"""Thresholds that are compared one by one; more are searched."""
CHUNK = 1 << 17
"""Elements that are compared at a time: they stay in the cache."""


def codes(x: Array, thresholds: Array, domain: Domain) -> IntArray:
    """Values of a domain for the levels that numbers reach: ``lo + step * count`` (samples, M)."""
    return (domain.lo + domain.step * np.arange(domain.size))[reached(x, thresholds)]


def reached(x: Array, thresholds: Array) -> Array:
    """Number of thresholds that each value reaches, (samples, M).

    Parameters
    ----------
    x : array (samples, M)
        Values.
    thresholds : array (M, L)
        Ascending in each row.
    """
    count = thresholds.shape[1]
    if count > FEW:
        return searched(x, thresholds)
    result = np.zeros(x.shape, np.uint8)
    rows = max(1, CHUNK // max(1, x.shape[1]))
    for start in range(0, len(x), rows):
        part = x[start : start + rows]
        for column in thresholds.T:
            result[start : start + rows] += part >= column
    return result


def searched(x: Array, thresholds: Array) -> Array:
    """The same by binary search; rows that are all the same are searched at once."""
    if (thresholds == thresholds[:1]).all():
        return np.searchsorted(thresholds[0], x, side="right")
    columns = [np.searchsorted(row, column, side="right") for row, column in zip(thresholds, x.T, strict=True)]
    return np.stack(columns, axis=1)
