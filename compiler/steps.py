"""Elementwise functions between an accumulator and the next quantizer, on exact numbers.

Every step is monotone, so a chain of them is. Parameters are float32 arrays that broadcast to the tensor's shape; `at`
picks one element's step, which is applied to exact numbers.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from fractions import Fraction
from math import floor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from icepop.compiler.exact import Number, Root, over_root, round_half_even

Params = NDArray[np.float32] | np.float32


@dataclass(frozen=True, eq=False)
class Step(ABC):
    """One elementwise function; each field is an array of parameters."""

    @abstractmethod
    def gain(self, p: tuple[Fraction, ...]) -> int:
        """+1 for a rising, -1 for a falling, 0 for a constant function."""

    @abstractmethod
    def apply(self, x: Number, p: tuple[Fraction, ...]) -> Number:
        """Value at x with one element's parameters, in the order of the fields."""

    def levels(self, p: tuple[Fraction, ...]) -> list[Fraction] | None:
        """All values, where they are few; None for a continuous function."""
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
    def parameters(self) -> tuple[NDArray[np.float32], ...]:
        """The arrays, in the order of the fields."""
        return tuple(np.asarray(getattr(self, field.name), np.float32) for field in fields(self))

    def reshaped(self, change: Any) -> "Step":
        """Step whose parameter arrays are changed along with the tensor's layout."""
        return type(self)(*(change(parameter) for parameter in self.parameters))


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
    """``x * scale`` with the real value of one code, which is the same for all elements and need be no float32."""

    scale: Fraction

    @property
    def parameters(self) -> tuple[NDArray[np.float32], ...]:
        """None that differs between elements."""
        return ()

    def reshaped(self, change: Any) -> "FromCode":
        """Itself."""
        return self

    def gain(self, p: tuple[Fraction, ...]) -> int:
        """Rising: scales are positive."""
        return 1

    def apply(self, x: Number, p: tuple[Fraction, ...]) -> Number:
        """Multiply."""
        return x * self.scale


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

    def levels(self, p: tuple[Fraction, ...]) -> list[Fraction]:
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

    def levels(self, p: tuple[Fraction, ...]) -> list[Fraction]:
        """Minus and plus the scale."""
        return [-p[0], p[0]]


@dataclass(frozen=True, eq=False)
class Round(Step):
    """``(clip(round_half_even(x / scale + zero), low, high) - zero) * scale``: Quant of QONNX."""

    scale: Params
    zero: Params
    low: Params
    high: Params

    def gain(self, p: tuple[Fraction, ...]) -> int:
        """Rising: scales are positive."""
        return 1

    def apply(self, x: Number, p: tuple[Fraction, ...]) -> Number:
        """Quantize."""
        scale, zero, low, high = p
        code = round_half_even(x * (1 / scale) + zero)
        return (min(max(Fraction(code), low), high) - zero) * scale

    def levels(self, p: tuple[Fraction, ...]) -> list[Fraction]:
        """Every code's value."""
        scale, zero, low, high = p
        return [(code - zero) * scale for code in range(floor(low), floor(high) + 1)]
