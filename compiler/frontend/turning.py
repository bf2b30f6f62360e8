"""Quantized functions that turn: each is a sum of codes of two functions that do not.

With ``p = max(x, 0)`` and ``n = min(x, 0)``, one of which is 0, every g gives
``g(x**k) = g(p**k) + g(n**k) - g(0)``. For an even k both terms are monotone in x.
"""

from dataclasses import replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from icepop.compiler.errors import ModelError
from icepop.compiler.exact.budget import Budget
from icepop.compiler.exact.functions import distinct_functions
from icepop.compiler.exact.grid import Grid
from icepop.compiler.exact.steps.affine import Shift
from icepop.compiler.exact.steps.limits import AtLeast, AtMost
from icepop.compiler.exact.steps.turning import EvenPower
from icepop.compiler.exact.symbols import Symbol
from icepop.compiler.frontend.arrange import affine, compact
from icepop.compiler.frontend.handlers.base import OpBuilder
from icepop.compiler.ops.add import Add

MAX_TURNS = 3
"""Most even powers in one function: each doubles its pieces."""


def turns(symbol: Symbol) -> bool:
    """Whether a symbol's function falls and rises."""
    return any(isinstance(step, EvenPower) for step in symbol.steps)


def joined_halves(symbol: Symbol, name: str, builder: OpBuilder) -> Symbol:
    """The same values as a function of a sum of codes, which the builder adds.

    Parameters
    ----------
    symbol : Symbol
        Quantized, with at least one `EvenPower` among its steps.
    name : str
        For the new ops and for messages.

    Raises
    ------
    ModelError
        There are too many turns, or the halves have codes of different meanings.
    """
    places = [place for place, step in enumerate(symbol.steps) if isinstance(step, EvenPower)]
    if len(places) > MAX_TURNS:
        raise ModelError(
            f"'{name}': at most {MAX_TURNS} even powers may stand between quantizers, not {len(places)}; "
            "put a Quant between them"
        )
    before, after = symbol.steps[: places[0]], symbol.steps[places[0] + 1 :]
    turn = symbol.steps[places[0]]
    halves = turn.halves() if isinstance(turn, EvenPower) else ()
    parts = [
        builder.coded(replace(symbol, steps=(*before, *half, *after), label=f"{name}_{side}"))
        for half, side in zip(halves, ("rising", "falling"), strict=True)
    ]
    (a, grid), (b, other) = parts
    if grid.lines != other.lines or not np.array_equal(grid.which, other.which):
        raise ModelError(f"'{name}': the two sides of an even power have different scales; put a Quant behind it")
    if not np.array_equal(a.index, b.index):
        a, b = builder.tensor(a), builder.tensor(b)
    channels = builder.graph.types[a.source].shape[0]
    op = Add(builder.free_name(f"{name}_sum"), (a.source, b.source), np.ones((2, channels), np.int64))
    domains = grid.domain, other.domain
    zero = codes_at_zero(replace(symbol, steps=after), grid, builder.budget)
    total = replace(a, source=builder.add(op).source, coded=True, label=name).then(Shift(-zero))
    lowest, highest = min(domain.lo for domain in domains), max(domain.hi for domain in domains)
    limited = total.then(AtLeast(np.float64(lowest))).then(AtMost(np.float64(highest)))
    return limited.then(affine(grid.lines, compact(grid.which)))


def codes_at_zero(after: Symbol, grid: Grid, budget: Budget) -> NDArray[np.float64]:
    """Code of what the steps behind a turn make of 0, for each element."""
    functions, which = distinct_functions(after, budget)
    values = [function(Fraction(0)) for function in functions]
    pairs, places = np.unique(which.astype(np.int64) * len(grid.lines) + grid.which, return_inverse=True)
    codes = []
    for pair in pairs.tolist():
        value, line = values[pair // len(grid.lines)], grid.lines[pair % len(grid.lines)]
        codes.append(int((value - line.offset) / line.scale) if isinstance(value, Fraction) and line.scale else 0)
    return compact(np.array(codes, np.float64)[places.reshape(which.shape)])
