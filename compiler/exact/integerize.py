"""From real functions to integer thresholds, on exact arithmetic.

A symbol's steps make a monotone function of one integer (an accumulator) or one float32 (the model's input), and end in
a quantizer, so the function has few values. The smallest argument that reaches each value is found by bisection; what
lies below this file never sees a real number again.
"""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from icepop.compiler.errors import ModelError
from icepop.compiler.exact.budget import EXACT, Budget, grown
from icepop.compiler.exact.crossings import Float32s, Integers, crossings
from icepop.compiler.exact.functions import ElementFunction, distinct_functions
from icepop.compiler.exact.grid import Grid, Line, find_grid
from icepop.compiler.exact.progression import Progression, Values
from icepop.compiler.exact.symbols import Symbol, natural
from icepop.compiler.graph import Graph
from icepop.compiler.ops.base import Op
from icepop.compiler.ops.encode import Encode
from icepop.compiler.ops.threshold import Threshold
from icepop.compiler.types import Domain, IntArray

MAX_CODES = 1 << 16
"""Most codes of which a function without a quantizer is tabulated."""
MAX_DECISIONS = 1 << 22
"""Most different thresholds that are searched for one op."""


def materialize(symbol: Symbol, graph: Graph, name: str, budget: Budget) -> tuple[Op, Grid]:
    """Turn a quantized symbol into an op that computes its codes.

    Parameters
    ----------
    symbol : Symbol
        Steps with a quantizer among them, or on codes. On integers: the elements of the source in order, with one
        function a channel.
    graph : Graph
        Graph so far; holds the symbol's source.
    name : str
        Name of the new op.
    budget : Budget
        What the work is taken off.

    Returns
    -------
    tuple of Op and Grid
        `Encode` on a float source, `Threshold` on integers; and the real values of its codes.

    Raises
    ------
    ModelError
        The values of an element are not evenly spaced.
    """
    functions, which = distinct_functions(symbol, budget)
    source = graph.types[symbol.source].domain
    grid = find_grid(possible_values(symbol, functions, source, name, budget), which, name)
    rows, where = len(functions), which.reshape(-1)
    if source is not None:
        where = by_channel(symbol, which)
    budget.room(name, len(where) * (grid.domain.size - 1))
    meanings = np.zeros(rows, np.int64)
    meanings[which.reshape(-1)] = grid.which.reshape(-1)
    lines = [grid.lines[meaning] for meaning in meanings]
    if source is None:
        floats = float_thresholds(functions, lines, grid.domain, name, budget)
        return Encode(
            name, (symbol.source,), symbol.index.reshape(-1), floats[where], grid.domain, symbol.index.shape[1:]
        ), grid
    cuts, sign = integer_thresholds(functions, lines, grid.domain, source, budget)
    return Threshold(name, (symbol.source,), cuts[where], sign[where], grid.domain), grid


def possible_values(
    symbol: Symbol, functions: Sequence[ElementFunction], source: Domain | None, name: str, budget: Budget
) -> list[Values]:
    """Values of every function: those of its last quantizer or, on codes without one, of all codes."""
    codes: Values = ()
    ends = None if source is None else (Fraction(source.lo), Fraction(source.hi))
    if source is not None and symbol.coded and not any(step.quantizes for step in symbol.steps):
        if source.size > MAX_CODES:
            raise ModelError(f"'{name}': {source.size} values are too many for a table; put a Quant before it")
        codes = Progression.between(Fraction(source.lo), Fraction(source.hi), source.size)
    count = len(symbol.steps)
    budget.spend(len(functions) * (64 + len(codes) * (EXACT * count // 2 + grown(count))))
    levels = len(functions[0].values(ends, codes)) if functions else 0
    if levels * len(functions) > MAX_DECISIONS:
        raise ModelError(
            f"'{name}': {len(functions)} different functions of {levels} levels have more than {MAX_DECISIONS} "
            "thresholds to find; use fewer bits, or parameters per channel"
        )
    return [function.values(ends, codes) for function in functions]


def by_channel(symbol: Symbol, which: IntArray) -> IntArray:
    """Function of each channel (axis 1), where its elements share one and are those of the source in order."""
    channels = which.reshape(which.shape[1], -1)
    if not natural(symbol.index) or not (channels == channels[:, :1]).all():
        raise ValueError("thresholds take the elements of their source in order, one function a channel")
    return channels[:, 0]


def float_thresholds(
    functions: Sequence[ElementFunction], lines: Sequence[Line], domain: Domain, name: str, budget: Budget
) -> NDArray[np.float32]:
    """Smallest float32 that reaches each code but the lowest (F, levels - 1); +inf where none does."""
    if any(function.gain < 0 for function in functions):
        raise ModelError(f"'{name}': the input must not be multiplied by a negative number before it is quantized")
    floats = Float32s()
    positions = crossings(functions, lines, domain, floats, budget)
    values = floats.at(np.minimum(positions, floats.count - 1))[0]
    return np.where(positions < floats.count, values, np.inf).astype(np.float32)


def integer_thresholds(
    functions: Sequence[ElementFunction], lines: Sequence[Line], domain: Domain, source: Domain, budget: Budget
) -> tuple[IntArray, IntArray]:
    """Smallest signed integer that reaches each code but the lowest (F, levels - 1), and the signs (F,).

    One step beyond the reach where none does.
    """
    sign = np.array([-1 if function.gain < 0 else 1 for function in functions], np.int64)
    cuts = np.zeros((len(functions), domain.size - 1), np.int64)
    for direction, first in ((1, source.lo), (-1, source.hi)):
        chosen = np.flatnonzero(sign == direction).tolist()
        arguments = Integers(first, direction * source.step, source.size)
        positions = crossings([functions[k] for k in chosen], [lines[k] for k in chosen], domain, arguments, budget)
        cuts[chosen] = direction * first + source.step * positions
    return cuts, sign
