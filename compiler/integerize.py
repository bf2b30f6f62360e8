"""From real functions to integer thresholds, on exact arithmetic.

A symbol's steps make a monotone function of one integer (an accumulator) or one float32 (the model's input), and end in
a quantizer, so the function has few values. The smallest argument that reaches each value is found by bisection; what
lies below this file never sees a real number again.
"""

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import gcd, lcm

import numpy as np

from icepop.compiler.errors import ModelError
from icepop.compiler.exact import Number
from icepop.compiler.graph import Graph
from icepop.compiler.ops.base import Op
from icepop.compiler.ops.encode import Encode
from icepop.compiler.ops.threshold import Threshold
from icepop.compiler.steps import Step
from icepop.compiler.symbols import Symbol
from icepop.compiler.types import BIPOLAR, Domain

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

    def values(self) -> set[Number]:
        """All values the function can have by its last quantizer; none if there is no quantizer."""
        values: list[Number] = []
        for step, parameters in zip(self.steps, self.parameters, strict=True):
            levels = step.levels(parameters)
            values = [*levels] if levels is not None else [step.apply(value, parameters) for value in values]
        return set(values)


def element_functions(symbol: Symbol) -> list[ElementFunction]:
    """Function of each element of a symbol, in the order of its flattened index; equal ones are one object."""
    shape = symbol.index.shape
    columns = [
        [np.broadcast_to(parameter, shape).reshape(-1) for parameter in step.parameters] for step in symbol.steps
    ]
    known: dict[bytes, ElementFunction] = {}
    flat = [parameter for step in columns for parameter in step]
    table = np.stack(flat, axis=1) if flat else np.zeros((symbol.index.size, 0), np.float32)
    result = []
    for row in np.ascontiguousarray(table):
        key = row.tobytes()
        if key not in known:
            numbers = iter([Fraction(float(number)) for number in row])
            known[key] = ElementFunction(symbol.steps, tuple(tuple(next(numbers) for _ in step) for step in columns))
        result.append(known[key])
    return result


def materialize(symbol: Symbol, graph: Graph, name: str) -> tuple[Op, Fraction]:
    """Turn a quantized symbol into an op that computes its codes.

    Parameters
    ----------
    symbol : Symbol
        Steps with a quantizer among them.
    graph : Graph
        Graph so far; holds the symbol's source.
    name : str
        Name of the new op.

    Returns
    -------
    tuple of Op and Fraction
        `Encode` on a float source, `Threshold` on integers; and the real value of one code.

    Raises
    ------
    ModelError
        The values do not lie on one uniform grid.
    """
    functions = element_functions(symbol)
    distinct = set(functions)
    domain, scale = common_grid(set().union(*(function.values() for function in distinct)), name)
    source_type = graph.types[symbol.source]
    levels = [domain.lo + domain.step * (k + 1) for k in range(domain.size - 1)]
    targets = [level * scale for level in levels]
    if source_type.domain is None:
        if any(function.gain < 0 for function in distinct):
            raise ModelError(f"'{name}': the input must not be multiplied by a negative number before it is quantized")
        cuts = {function: float_thresholds(function, targets) for function in distinct}
        table = np.array([cuts[function] for function in functions], np.float32).reshape(len(functions), -1)
        return Encode(name, (symbol.source,), symbol.index.reshape(-1), table, domain, symbol.index.shape[1:]), scale
    return channel_thresholds(symbol, functions, targets, source_type.domain, domain, name), scale


def channel_thresholds(
    symbol: Symbol,
    functions: Sequence[ElementFunction],
    targets: Sequence[Fraction],
    source: Domain,
    domain: Domain,
    name: str,
) -> Threshold:
    """`Threshold` whose rows are found for each different function once."""
    if not (symbol.index.reshape(-1) == np.arange(symbol.index.size)).all():
        raise ModelError(f"'{name}': the accumulators must not be rearranged before they are quantized")
    cuts = {function: integer_thresholds(function, targets, source) for function in set(functions)}
    table = np.array([cuts[function] for function in functions], np.int64).reshape(len(functions), -1)
    sign = np.array([-1 if function.gain < 0 else 1 for function in functions], np.int64)
    return Threshold(name, (symbol.source,), table, sign, domain)


def common_grid(values: Set[Number], name: str) -> tuple[Domain, Fraction]:
    """Smallest uniform grid that holds all values: integer codes and the real value of one code.

    Two values -c and +c are bipolar; otherwise the scale is the greatest common divisor of all values.
    """
    distinct = sorted(value for value in values if isinstance(value, Fraction))
    if len(distinct) < len(values):
        raise ModelError(f"'{name}': a batch normalization must not stand between a quantizer and the layer it feeds")
    denominator = lcm(*(value.denominator for value in distinct))
    numerators = [int(value * denominator) for value in distinct]
    divisor = gcd(*numerators) or 1
    codes = [numerator // divisor for numerator in numerators]
    scale = Fraction(divisor, denominator)
    steps = {b - a for a, b in pairwise(codes)} or {1}
    if len(steps) > 1:
        few = ", ".join(str(float(value)) for value in distinct[:8]) + (", …" if len(distinct) > 8 else "")
        raise ModelError(f"'{name}': quantized values must be evenly spaced over all channels, not {few}")
    if codes == [-1, 1]:
        return BIPOLAR, scale
    return Domain(codes[0], codes[-1], steps.pop()), scale


def integer_thresholds(function: ElementFunction, targets: Sequence[Fraction], source: Domain) -> list[int]:
    """For each target, the smallest signed argument whose value reaches it; one beyond the domain if none does."""
    sign = -1 if function.gain < 0 else 1
    arguments = range(source.lo, source.hi + 1, source.step)
    if sign < 0:
        arguments = range(-source.hi, -source.lo + 1, source.step)

    def smallest(target: Fraction) -> int:
        position = first(len(arguments), lambda k: function(Fraction(sign * arguments[k])) >= target)
        return arguments.start + source.step * position

    return [smallest(target) for target in targets]


def float_thresholds(function: ElementFunction, targets: Sequence[Fraction]) -> list[float]:
    """For each target, the smallest finite float32 whose value reaches it; +inf if none does."""
    lowest, count = ordinal(-FLOAT32_MAX), 2 * ordinal(FLOAT32_MAX) + 1

    def smallest(target: Fraction) -> float:
        position = first(count, lambda k: function(Fraction(from_ordinal(lowest + k))) >= target)
        return from_ordinal(lowest + position) if position < count else float("inf")

    return [smallest(target) for target in targets]


def first(count: int, holds: Callable[[int], bool]) -> int:
    """Smallest k in [0, count) for which a monotone predicate holds; count if it never does."""
    low, high = 0, count
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
