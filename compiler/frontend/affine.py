"""Products with codes whose real value is ``scale * code + offset``: what the scales and offsets become.

``sum_k w[n, k] * (scale[k] * code[k] + offset[k])`` is ``unit * sum_k W[n, k] * code[k] + term[n]`` with the integers
``W[n, k] = w[n, k] * scale[k] / unit`` and the constant ``term[n] = sum_k w[n, k] * offset[k]``, both exact.
"""

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from icepop.compiler.errors import ModelError
from icepop.compiler.exact.grid import Grid
from icepop.compiler.frontend.handlers.base import Node

MAX_SUM = 1 << 53
"""Accumulators stay below it: float64 products are exact there."""


def folded_scales(node: Node, grid: Grid, weights: NDArray[np.int64]) -> NDArray[np.int64]:
    """Weight codes (N, K) times the scale of the activation that each reads, in units of the grid.

    Raises
    ------
    ModelError
        The scales are in no ratio of small integers.
    """
    largest = max(map(abs, (grid.domain.lo, grid.domain.hi, 1)))
    worst = int(np.abs(weights).sum(axis=1).max(initial=0)) * max(grid.multiples) * largest
    if worst >= MAX_SUM:
        scales = ", ".join(f"{float(line.scale):g}" for line in grid.lines[:4]) + (", …" if len(grid.lines) > 4 else "")
        raise ModelError(
            f"node '{node.name}' ({node.op_type}) would need accumulators up to {worst}, but they must stay below "
            f"2**53; quantize its inputs with fewer bits, or with scales in a ratio of small integers, not {scales}"
        )
    multiples = np.array(grid.multiples, np.int64)[grid.which.reshape(-1)]
    return np.ascontiguousarray(weights * multiples)


def constant_terms(grid: Grid, weights: NDArray[np.int64]) -> list[Fraction]:
    """Constant term of each of N rows, from weight codes (N, K)."""
    terms = [Fraction(0)] * len(weights)
    for number, line in enumerate(grid.lines):
        if line.offset:
            sums = weights[:, grid.which.reshape(-1) == number].sum(axis=1)
            terms = [term + int(total) * line.offset for term, total in zip(terms, sums, strict=True)]
    return terms
