"""Elementwise functions between an accumulator and the next quantizer, on exact numbers.

Every step is monotone, so a chain of them is. Parameters are float arrays that broadcast to the tensor's shape; one
element's parameters are exact numbers.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from fractions import Fraction
from math import floor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from icepop.compiler.exact import ROUNDINGS, Number, Root, over_root

Params = NDArray[np.floating[Any]] | np.floating[Any]
Ends = tuple[Number, Number] | None
MAX_LEVELS = 1 << 17
"""Most values of one quantizer."""


@dataclass(frozen=True, eq=False)
class Step(ABC):
    """One elementwise function; each field is an array of parameters."""

    @abstractmethod
    def gain(self, p: tuple[Fraction, ...]) -> int:
        """+1 for a rising, -1 for a falling, 0 for a constant function."""

    @abstractmethod
    def apply(self, x: Number, p: tuple[Fraction, ...]) -> Number:
        """Value at x with one element's parameters, in the order of the fields."""

    def levels(self, p: tuple[Fraction, ...], ends: Ends) -> list[Fraction] | None:
        """All values, where they are few; None for a continuous function.

        ``ends`` are the smallest and the largest argument, if the argument comes from integers.
        """
        return None

    @property
    def quantizes(self) -> bool:
        """Whether the function has few values."""
        return type(self).levels is not Step.levels

    @property
    def injective(self) -> bool:
        """Whether different arguments have different values, where the gain is not 0."""
        return not self.quantizes

    @property
    def parameters(self) -> tuple[NDArray[np.float64], ...]:
        """The arrays, in the order of the fields; float64 holds every float32 and its product with small integers."""
        return tuple(np.asarray(getattr(self, name), np.float64) for name in self.parameter_names)

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Fields that hold parameters."""
        return tuple(field.name for field in fields(self) if field.metadata.get("parameter", True))

    def reshaped(self, change: Any) -> "Step":
        """Step whose parameter arrays are changed along with the tensor's layout."""
        return replace(self, **dict(zip(self.parameter_names, map(change, self.parameters), strict=True)))


@dataclass(frozen=True, eq=False)
class Scale(Step):
    """``x * factor``."""

    factor: Params

    def gain(self, p: tuple[Fraction, ...]) -> int:
        """Sign of the factor."""
        return (p[0] > 0) - (p[0] < 0)

    def apply(self, x: Number, p: tuple[Fraction, ...]) -> Number:
        """Multiply."""
        return x * p[0]


@dataclass(frozen=True, eq=False)
class FromCode(Step):
    """``x * scale + offset``: the real value of an accumulator of codes; neither number need be a float32.

    Parameters
    ----------
    scale : Fraction
        Real value of one code times one weight code; positive, and the same for all elements.
    offsets : tuple of Fraction
        Constant terms that occur: what is added where all codes are 0.
    which : array
        Number of each element's constant term.
    """

    scale: Fraction = field(metadata={"parameter": False})
    offsets: tuple[Fraction, ...] = field(default=(Fraction(0),), metadata={"parameter": False})
    which: Params = field(default_factory=lambda: np.float64(0))

    @staticmethod
    def of(scale: Fraction, terms: Sequence[Fraction], shape: tuple[int, ...]) -> "FromCode":
        """Step with a constant term for each element of a shape, in its flattened order."""
        numbers = {term: number for number, term in enumerate(dict.fromkeys(terms))}
        which = np.array([numbers[term] for term in terms], np.float64).reshape(shape)
        return FromCode(scale, tuple(numbers), which)

    def gain(self, p: tuple[Fraction, ...]) -> int:
        """Rising: scales are positive."""
        return 1

    def apply(self, x: Number, p: tuple[Fraction, ...]) -> Number:
        """Multiply and add."""
        return x * self.scale + self.offsets[int(p[0])]


@dataclass(frozen=True, eq=False)
class Affine(Step):
    """``x * scale + offset`` with rational numbers that need be no floats.

    Parameters
    ----------
    table : tuple of (scale, offset)
        The different functions.
    which : array
        Number of each element's function.
    """

    table: tuple[tuple[Fraction, Fraction], ...] = field(metadata={"parameter": False})
    which: Params

    def gain(self, p: tuple[Fraction, ...]) -> int:
        """Sign of the scale."""
        scale, _ = self.table[int(p[0])]
        return (scale > 0) - (scale < 0)

    def apply(self, x: Number, p: tuple[Fraction, ...]) -> Number:
        """Multiply and add."""
        scale, offset = self.table[int(p[0])]
        return x * scale + offset


@dataclass(frozen=True, eq=False)
class Divide(Step):
    """``x / divisor``."""

    divisor: Params

    def gain(self, p: tuple[Fraction, ...]) -> int:
        """Sign of the divisor."""
        return 1 if p[0] > 0 else -1

    def apply(self, x: Number, p: tuple[Fraction, ...]) -> Number:
        """Divide."""
        return x * (1 / p[0])


@dataclass(frozen=True, eq=False)
class Shift(Step):
    """``x + offset``."""

    offset: Params

    def gain(self, p: tuple[Fraction, ...]) -> int:
        """Rising."""
        return 1

    def apply(self, x: Number, p: tuple[Fraction, ...]) -> Number:
        """Add."""
        return x + p[0]


@dataclass(frozen=True, eq=False)
class Normalize(Step):
    """Batch normalization, ``gamma * (x - mean) / sqrt(variance + epsilon) + beta`` (Ioffe and Szegedy 2015)."""

    gamma: Params
    beta: Params
    mean: Params
    variance: Params
    epsilon: Params

    def gain(self, p: tuple[Fraction, ...]) -> int:
        """Sign of gamma."""
        return (p[0] > 0) - (p[0] < 0)

    def apply(self, x: Number, p: tuple[Fraction, ...]) -> Number:
        """Rational times an inverse root."""
        gamma, beta, mean, variance, epsilon = p
        if isinstance(x, Root):
            raise ArithmeticError("a second batch normalization follows without a quantizer between")
        return over_root(gamma * (x - mean), variance + epsilon) + beta


@dataclass(frozen=True, eq=False)
class Ranked(Step):
    """A rising function of which only that is known: what a Softmax leaves of scores."""

    def gain(self, p: tuple[Fraction, ...]) -> int:
        """Rising."""
        return 1

    def apply(self, x: Number, p: tuple[Fraction, ...]) -> Number:
        """Refuse: the value depends on the other elements."""
        raise ArithmeticError("nothing but ArgMax may follow a Softmax")


@dataclass(frozen=True, eq=False)
class AtLeast(Step):
    """``max(x, low)``; with 0 a rectifier."""

    low: Params

    @property
    def injective(self) -> bool:
        """All values below the limit become one."""
        return False

    def gain(self, p: tuple[Fraction, ...]) -> int:
        """Rising."""
        return 1

    def apply(self, x: Number, p: tuple[Fraction, ...]) -> Number:
        """Limit from below."""
        return x if x >= p[0] else p[0]


@dataclass(frozen=True, eq=False)
class AtMost(Step):
    """``min(x, high)``."""

    high: Params

    @property
    def injective(self) -> bool:
        """All values above the limit become one."""
        return False

    def gain(self, p: tuple[Fraction, ...]) -> int:
        """Rising."""
        return 1

    def apply(self, x: Number, p: tuple[Fraction, ...]) -> Number:
        """Limit from above."""
        return p[0] if x >= p[0] else x


@dataclass(frozen=True, eq=False)
class Reaches(Step):
    """``high if x >= threshold else low``."""

    threshold: Params
    low: Params
    high: Params

    def gain(self, p: tuple[Fraction, ...]) -> int:
        """Sign of the difference."""
        return (p[2] > p[1]) - (p[2] < p[1])

    def apply(self, x: Number, p: tuple[Fraction, ...]) -> Number:
        """Compare."""
        return p[2] if x >= p[0] else p[1]

    def levels(self, p: tuple[Fraction, ...], ends: Ends) -> list[Fraction]:
        """Both choices."""
        return [p[1], p[2]]


@dataclass(frozen=True, eq=False)
class Signum(Step):
    """``scale if x >= 0 else -scale``: BipolarQuant of QONNX."""

    scale: Params

    def gain(self, p: tuple[Fraction, ...]) -> int:
        """Rising: scales are positive."""
        return 1

    def apply(self, x: Number, p: tuple[Fraction, ...]) -> Number:
        """Compare with 0."""
        return p[0] if x >= Fraction(0) else -p[0]

    def levels(self, p: tuple[Fraction, ...], ends: Ends) -> list[Fraction]:
        """Minus and plus the scale."""
        return [-p[0], p[0]]


@dataclass(frozen=True, eq=False)
class Sign(Step):
    """``-1, 0 or 1``: Sign of ONNX."""

    def gain(self, p: tuple[Fraction, ...]) -> int:
        """Rising."""
        return 1

    def apply(self, x: Number, p: tuple[Fraction, ...]) -> Number:
        """Compare with 0."""
        zero = Fraction(0)
        return Fraction((x >= zero) - (x * Fraction(-1) >= zero))

    def levels(self, p: tuple[Fraction, ...], ends: Ends) -> list[Fraction]:
        """All three."""
        return [Fraction(-1), Fraction(0), Fraction(1)]


@dataclass(frozen=True, eq=False)
class Power(Step):
    """``x ** exponent`` for an odd exponent, which rises everywhere."""

    exponent: Params

    def gain(self, p: tuple[Fraction, ...]) -> int:
        """Rising."""
        return 1

    def apply(self, x: Number, p: tuple[Fraction, ...]) -> Number:
        """Multiply with itself."""
        if isinstance(x, Root):
            raise ArithmeticError("a power of a batch normalization is not supported")
        return Fraction(x ** int(p[0]))


@dataclass(frozen=True, eq=False)
class Round(Step):
    """``(clip(round(x / scale + zero), low, high) - zero) * scale``: Quant of QONNX.

    QONNX clips before it rounds; as the limits are integers, that is the same.
    """

    scale: Params
    zero: Params
    low: Params
    high: Params
    mode: str = field(default="ROUND", metadata={"parameter": False})

    @property
    def rounding(self) -> Callable[[Number], int]:
        """Function of its name."""
        return ROUNDINGS[self.mode]

    def gain(self, p: tuple[Fraction, ...]) -> int:
        """Rising: scales are positive."""
        return 1

    def apply(self, x: Number, p: tuple[Fraction, ...]) -> Number:
        """Quantize."""
        scale, zero, low, high = p
        code = self.rounding(x * (1 / scale) + zero)
        return (min(max(Fraction(code), low), high) - zero) * scale

    def levels(self, p: tuple[Fraction, ...], ends: Ends) -> list[Fraction]:
        """Every code's value."""
        scale, zero, low, high = p
        return [(code - zero) * scale for code in range(floor(low), floor(high) + 1)]


@dataclass(frozen=True, eq=False)
class Whole(Step):
    """``round(x)``, without limits: what Trunc of QONNX is made of."""

    mode: str = field(default="ROUND", metadata={"parameter": False})

    def gain(self, p: tuple[Fraction, ...]) -> int:
        """Rising."""
        return 1

    def apply(self, x: Number, p: tuple[Fraction, ...]) -> Number:
        """Round."""
        return Fraction(ROUNDINGS[self.mode](x))

    def levels(self, p: tuple[Fraction, ...], ends: Ends) -> list[Fraction]:
        """Every integer between the rounded ends."""
        if ends is None:
            raise ArithmeticError("a rounding without limits needs integers before it; put a Quant before it")
        first, last = (ROUNDINGS[self.mode](end) for end in ends)
        if last - first >= MAX_LEVELS:
            raise ArithmeticError(f"a rounding must have at most {MAX_LEVELS} results, not {last - first + 1}")
        return [Fraction(code) for code in range(first, last + 1)]


AFFINE = (Scale, FromCode, Affine, Divide, Shift, Normalize)
"""Steps of the form ``x * k + c`` with real numbers k and c."""
