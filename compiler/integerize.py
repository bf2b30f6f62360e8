"""From real functions to integer thresholds, on exact arithmetic.

A symbol's steps make a monotone function of one integer (an accumulator) or one float32 (the model's input), and end in
a quantizer, so the function has few values. The smallest argument that reaches each value is found by bisection; what
lies below this file never sees a real number again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from icepop.compiler.errors import ModelError
from icepop.compiler.exact import Number
from icepop.compiler.graph import Graph
from icepop.compiler.grid import Grid, Line, find_grid
from icepop.compiler.ops.base import Op
from icepop.compiler.ops.encode import Encode
from icepop.compiler.ops.threshold import Threshold
from icepop.compiler.steps import Ends, Step
from icepop.compiler.symbols import Symbol, natural
from icepop.compiler.types import Domain, IntArray

MAX_CODES = 1 << 16
"""Most codes of which a function without a quantizer is tabulated."""
MAX_DECISIONS = 1 << 22
"""Most different thresholds that are searched for one op."""
MAX_THRESHOLDS = 1 << 26
"""Most thresholds of one op; beyond it a file is broken or hostile."""
FLOAT32_MAX = np.float32(np.finfo(np.float32).max)


@dataclass(frozen=True)
class ElementFunction:
    """The steps of one element, with its parameters.

    Parameters
    ----------
    steps : tuple of Step
        Functions applied in turn.
    parameters : tuple of tuple of Fraction
        Parameters of each.
    """

    steps: tuple[Step, ...]
    parameters: tuple[tuple[Fraction, ...], ...]

    def __call__(self, x: Fraction) -> Number:
        """Exact value."""
        value: Number = x
        for step, parameters in zip(self.steps, self.parameters, strict=True):
            value = step.apply(value, parameters)
        return value

    @property
    def gain(self) -> int:
        """+1 rising, -1 falling, 0 constant."""
        sign = 1
        for step, parameters in zip(self.steps, self.parameters, strict=True):
            sign *= step.gain(parameters)
        return sign

    @property
    def rises(self) -> bool:
        """Whether a larger argument always has a larger value."""
        return self.gain == 1 and all(step.injective for step in self.steps)

    def values(self, ends: Ends, arguments: Sequence[Number] = ()) -> set[Number]:
        """All values the function can have by its last quantizer; without one, those of the arguments.

        Parameters
        ----------
        ends : pair of Number or None
            Smallest and largest argument; None for a float.
        arguments : sequence of Number
            All arguments, where they are few.
        """
        values: list[Number] = list(arguments)
        for step, parameters in zip(self.steps, self.parameters, strict=True):
            levels = step.levels(parameters, ends)
            values = [*levels] if levels is not None else [step.apply(value, parameters) for value in values]
            if levels:
                ends = (min(levels), max(levels))
            elif ends is not None:
                first, last = (step.apply(end, parameters) for end in ends)
                ends = (first, last) if step.gain(parameters) >= 0 else (last, first)
        return set(values)


def distinct_functions(symbol: Symbol) -> tuple[list[ElementFunction], IntArray]:
    """Different functions of a symbol's elements, and which of them each element has (shape of the index).

    Axes along which no parameter differs are looked at once, so a large map costs no more than its channels.
    """
    shape = symbol.index.shape
    columns = [[np.broadcast_to(parameter, shape) for parameter in step.parameters] for step in symbol.steps]
    flat = [parameter for step in columns for parameter in step]
    varies = [any(parameter.strides[axis] for parameter in flat) for axis in range(len(shape))]
    small = tuple(size if varied else min(size, 1) for size, varied in zip(shape, varies, strict=True))
    part = tuple(slice(size) for size in small)
    table = np.array([parameter[part].reshape(-1) for parameter in flat], np.float64).reshape(len(flat), prod(small))
    known: dict[bytes, int] = {}
    which = [known.setdefault(row.tobytes(), len(known)) for row in np.ascontiguousarray(table.T)]
    functions = []
    for key in known:
        numbers = iter([Fraction(float(number)) for number in np.frombuffer(key, np.float64)])
        functions.append(ElementFunction(symbol.steps, tuple(tuple(next(numbers) for _ in step) for step in columns)))
    return functions, np.broadcast_to(np.array(which, np.int64).reshape(small), shape)


def element_functions(symbol: Symbol) -> list[ElementFunction]:
    """Function of each element of a symbol, in the order of its flattened index; equal ones are one object."""
    functions, which = distinct_functions(symbol)
    return [functions[number] for number in which.reshape(-1)]


def materialize(symbol: Symbol, graph: Graph, name: str) -> tuple[Op, Grid]:
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

    Returns
    -------
    tuple of Op and Grid
        `Encode` on a float source, `Threshold` on integers; and the real values of its codes.

    Raises
    ------
    ModelError
        The values of an element are not evenly spaced.
    """
    functions, which = distinct_functions(symbol)
    source = graph.types[symbol.source].domain
    grid = find_grid(possible_values(symbol, functions, source, name), which, name)
    rows, where = len(functions), which.reshape(-1)
    if source is not None:
        where = by_channel(symbol, which)
    if len(where) * (grid.domain.size - 1) > MAX_THRESHOLDS:
        raise ModelError(
            f"'{name}': {len(where)} elements of {grid.domain.size} levels have more than {MAX_THRESHOLDS} "
            "thresholds; use fewer bits"
        )
    meanings = np.zeros(rows, np.int64)
    meanings[which.reshape(-1)] = grid.which.reshape(-1)
    table = [
        thresholds(function, targets(grid, grid.lines[meaning]), source)
        for function, meaning in zip(functions, meanings, strict=True)
    ]
    if source is None:
        floats = np.array(table, np.float32).reshape(rows, -1)
        return encode(symbol, floats[where], functions, grid.domain, name), grid
    sign = np.array([-1 if function.gain < 0 else 1 for function in functions], np.int64)
    cuts = np.array(table, np.int64).reshape(rows, -1)
    return Threshold(name, (symbol.source,), cuts[where], sign[where], grid.domain), grid


def possible_values(
    symbol: Symbol, functions: Sequence[ElementFunction], source: Domain | None, name: str
) -> list[set[Number]]:
    """Values of every function: those of its last quantizer or, on codes without one, of all codes."""
    codes: list[Number] = []
    ends = None if source is None else (Fraction(source.lo), Fraction(source.hi))
    if source is not None and symbol.coded and not any(step.quantizes for step in symbol.steps):
        if source.size > MAX_CODES:
            raise ModelError(f"'{name}': {source.size} values are too many for a table; put a Quant before it")
        codes = [Fraction(x) for x in range(source.lo, source.hi + 1, source.step)]
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


def encode(
    symbol: Symbol, table: NDArray[np.float32], functions: Sequence[ElementFunction], domain: Domain, name: str
) -> Encode:
    """`Encode` with a row of thresholds for each element."""
    if any(function.gain < 0 for function in functions):
        raise ModelError(f"'{name}': the input must not be multiplied by a negative number before it is quantized")
    return Encode(name, (symbol.source,), symbol.index.reshape(-1), table, domain, symbol.index.shape[1:])


def targets(grid: Grid, line: Line) -> list[Fraction]:
    """Real value of every code but the lowest."""
    return [line.value(grid.domain.lo + grid.domain.step * (k + 1)) for k in range(grid.domain.size - 1)]


def thresholds(function: ElementFunction, targets: Sequence[Fraction], source: Domain | None) -> list[Any]:
    """Smallest argument that reaches each target: integers, or floats where the source holds floats."""
    return float_thresholds(function, targets) if source is None else integer_thresholds(function, targets, source)


def integer_thresholds(function: ElementFunction, targets: Sequence[Fraction], source: Domain) -> list[int]:
    """For each target, the smallest signed argument whose value reaches it; one beyond the domain if none does."""
    sign = -1 if function.gain < 0 else 1
    arguments = range(source.lo, source.hi + 1, source.step)
    if sign < 0:
        arguments = range(-source.hi, -source.lo + 1, source.step)
    positions = ascending(len(arguments), function, lambda k: Fraction(sign * arguments[k]), targets)
    return [arguments.start + source.step * position for position in positions]


def float_thresholds(function: ElementFunction, targets: Sequence[Fraction]) -> list[float]:
    """For each target, the smallest finite float32 whose value reaches it; +inf if none does."""
    lowest, count = ordinal(-FLOAT32_MAX), 2 * ordinal(FLOAT32_MAX) + 1
    positions = ascending(count, function, lambda k: Fraction(from_ordinal(lowest + k)), targets)
    return [from_ordinal(lowest + position) if position < count else float("inf") for position in positions]


def ascending(
    count: int, function: ElementFunction, argument: Callable[[int], Fraction], targets: Sequence[Fraction]
) -> list[int]:
    """For each of ascending targets the smallest k in [0, count) where the function reaches it; count if none does.

    The distance between the last two is the guess for the next: quantizers mostly follow affine functions.
    """
    positions: list[int] = []
    for target in targets:

        def reached(k: int, target: Fraction = target) -> bool:
            return function(argument(k)) >= target

        low = positions[-1] if positions else 0
        guess = 2 * low - positions[-2] if len(positions) > 1 else None
        positions.append(first(low, count, reached, guess))
    return positions


def first(low: int, high: int, holds: Callable[[int], bool], guess: int | None = None) -> int:
    """Smallest k in [low, high) for which a monotone predicate holds; high if it never does.

    The search goes from the guess in growing strides, then halves what is left.
    """
    stride = 1
    while guess is not None and stride < high - low:
        middle = min(max(guess, low), high - 1)
        if holds(middle):
            high, guess = middle, middle - stride
        else:
            low, guess = middle + 1, middle + stride
        stride *= 4
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low


def ordinal(x: np.float32) -> int:
    """Position of a float32 among all float32, 0 at zero: neighbours differ by one."""
    bits = int(np.abs(x).view(np.uint32))
    return -bits if x < 0 else bits


def from_ordinal(position: int) -> float:
    """Float32 at a position; inverse of `ordinal`."""
    magnitude = float(np.uint32(abs(position)).view(np.float32))
    return -magnitude if position < 0 else magnitude
