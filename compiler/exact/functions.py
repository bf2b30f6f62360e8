"""The functions that a symbol's steps are, element by element."""

from dataclasses import dataclass
from fractions import Fraction
from math import prod

import numpy as np

from icepop.compiler.errors import ModelError
from icepop.compiler.exact.budget import Budget, grown
from icepop.compiler.exact.numbers import Number
from icepop.compiler.exact.progression import Progression, Values, gathered
from icepop.compiler.exact.steps.affine import AFFINE
from icepop.compiler.exact.steps.base import Ends, Step
from icepop.compiler.exact.symbols import Symbol
from icepop.compiler.types import IntArray

MAX_ROWS, MAX_FUNCTIONS = 1 << 20, 1 << 14
"""Most elements with parameters of their own that are looked at, and most different functions among them."""


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

    def values(self, ends: Ends, arguments: Values = ()) -> Values:
        """All values the function can have by its last quantizer; without one, those of the arguments.

        Parameters
        ----------
        ends : pair of Number or None
            Smallest and largest argument; None for a float.
        arguments : Values
            All arguments, where they are few.
        """
        values = arguments
        for step, parameters in zip(self.steps, self.parameters, strict=True):
            levels = step.levels(parameters, ends)
            if levels is not None:
                values, ends = levels, (levels.first, levels.last)
                continue
            values = mapped(step, parameters, values)
            if ends is not None:
                first, last = (step.apply(end, parameters) for end in ends)
                ends = (first, last) if step.gain(parameters) >= 0 else (last, first)
        return values


def mapped(step: Step, parameters: tuple[Fraction, ...], values: Values) -> Values:
    """A step's value of each of some numbers; affine steps keep the spacing even."""
    if not len(values):
        return values
    if isinstance(values, Progression) and isinstance(step, AFFINE):
        first, last = step.apply(values.first, parameters), step.apply(values.last, parameters)
        if isinstance(first, Fraction) and isinstance(last, Fraction):
            return Progression.between(first, last, len(values))
    return gathered(step.apply(value, parameters) for value in values)


def distinct_functions(symbol: Symbol, budget: Budget) -> tuple[list[ElementFunction], IntArray]:
    """Different functions of a symbol's elements, and which of them each element has (shape of the index).

    Axes along which no parameter differs are looked at once, so a large map costs no more than its channels.

    Raises
    ------
    ModelError
        There are very many, or the budget is spent.
    """
    shape = symbol.index.shape
    columns = [[np.broadcast_to(parameter, shape) for parameter in step.parameters] for step in symbol.steps]
    flat = [parameter for step in columns for parameter in step]
    varies = [any(parameter.strides[axis] for parameter in flat) for axis in range(len(shape))]
    small = tuple(size if varied else min(size, 1) for size, varied in zip(shape, varies, strict=True))
    if prod(small) > MAX_ROWS:
        raise too_many(symbol)
    budget.spend(prod(small) * (1 + len(flat) // 4))
    part = tuple(slice(size) for size in small)
    table = np.array([parameter[part].reshape(-1) for parameter in flat], np.float64).reshape(len(flat), prod(small))
    known: dict[bytes, int] = {}
    which = [known.setdefault(row.tobytes(), len(known)) for row in np.ascontiguousarray(table.T)]
    if len(known) > MAX_FUNCTIONS:
        raise too_many(symbol)
    # whoever asks evaluates each at two places at least
    budget.spend(len(known) * (len(flat) * 4 + 2 * grown(len(symbol.steps))))
    functions = []
    for key in known:
        numbers = iter([Fraction(float(number)) for number in np.frombuffer(key, np.float64)])
        functions.append(ElementFunction(symbol.steps, tuple(tuple(next(numbers) for _ in step) for step in columns)))
    return functions, np.broadcast_to(np.array(which, np.int64).reshape(small), shape)


def too_many(symbol: Symbol) -> ModelError:
    """Error where elements have too many functions of their own."""
    return ModelError(
        f"'{symbol.label or symbol.source}' has more than {MAX_FUNCTIONS} elements with parameters of their own; "
        "use parameters per channel"
    )
