"""Quantizers of one accumulator whose levels follow from another's read its codes instead.

``shared(relu(x))`` of a residual network arrives as two quantizers of the same sums. Codes have a few bits where sums
have many, so what waits for the other branch and what compares gets smaller.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from icepop.compiler.graph import Graph
from icepop.compiler.ops.base import Op
from icepop.compiler.ops.threshold import Threshold
from icepop.compiler.types import Domain, IntArray


def share_levels(graph: Graph) -> Graph:
    """Graph in which a `Threshold` reads the codes of one before it on the same input, where they tell enough."""
    ops: list[Op] = []
    for op in graph.ops:
        if isinstance(op, Threshold):
            source = graph.types[op.inputs[0]].integers
            others = [each for each in ops if isinstance(each, Threshold) and each.inputs == op.inputs]
            op = next(filter(None, (on_codes(op, other, source) for other in others)), op)
        ops.append(op)
    return Graph(tuple(ops))


def on_codes(op: Threshold, other: Threshold, source: Domain) -> Threshold | None:
    """What gives an op's result from another's codes; None if it does not follow from them.

    Parameters
    ----------
    op, other : Threshold
        Both read values of ``source``.
    source : Domain
        The values.
    """
    if not np.array_equal(op.sign, other.sign) or other.domain.size >= source.size:
        return None
    firsts = [first_arguments(each, source) for each in (op, other)]
    rows = [levels(mine, theirs, source) for mine, theirs in zip(*firsts, strict=True)]
    if any(row is None for row in rows):
        return None
    reached = np.array(rows, np.int64)
    thresholds = other.domain.lo + other.domain.step * reached
    return replace(op, inputs=(other.name,), thresholds=thresholds, sign=np.ones_like(op.sign))


def first_arguments(op: Threshold, source: Domain) -> IntArray:
    """Step, from 0 to the domain's size, of the first argument that reaches each threshold (C, levels - 1)."""
    lowest = np.where(op.sign > 0, source.lo, -source.hi)[:, None]
    return np.clip(-((lowest - op.thresholds) // source.step), 0, source.size)


def levels(mine: IntArray, theirs: IntArray, source: Domain) -> Sequence[int] | None:
    """For each threshold how many of the others are reached exactly where it is; None if there is no such number.

    What is always reached needs none of them, and what never is more than there are.
    """
    places = np.searchsorted(theirs, mine) + 1
    always, never = mine == 0, mine == source.size
    found = theirs[np.minimum(places, len(theirs)) - 1] == mine
    if not (found | always | never).all():
        return None
    row: list[int] = np.where(always, 0, np.where(never, len(theirs) + 1, places)).tolist()
    return row
