"""Steps that have few values."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor

import numpy as np

from icepop.compiler.exact.enclosure import Floats, Interval, over, plus, point, times
from icepop.compiler.exact.numbers import ROUNDINGS, Number
from icepop.compiler.exact.progression import Progression
from icepop.compiler.exact.steps.base import Ends, Params, Step
from icepop.compiler.exact.steps.limits import Rising

MAX_LEVELS = 1 << 17
"""Most values of one quantizer."""
NUMPY: dict[str, Callable[[Floats], Floats]] = {
    "ROUND": np.rint,
    "HALF_EVEN": np.rint,
    "FLOOR": np.floor,
    "CEIL": np.ceil,
    "ROUND_TO_ZERO": np.trunc,
    "DOWN": np.trunc,
}
"""Roundings that numpy has, by the names that QONNX and Brevitas give them."""


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

    def enclose(self, x: Interval, p: Sequence[Floats]) -> Interval:
        """Compare both bounds."""
        ends = [np.where(bound >= p[0], p[2], p[1]) for bound in x]
        return np.minimum(*ends), np.maximum(*ends)

    def levels(self, p: tuple[Fraction, ...], ends: Ends) -> Progression:
        """Both choices."""
        return Progression.between(p[1], p[2], 2)


@dataclass(frozen=True, eq=False)
class Signum(Rising):
    """``scale if x >= 0 else -scale``: BipolarQuant of QONNX."""

    scale: Params

    def apply(self, x: Number, p: tuple[Fraction, ...]) -> Number:
        """Compare with 0."""
        return p[0] if x >= Fraction(0) else -p[0]

    def enclose(self, x: Interval, p: Sequence[Floats]) -> Interval:
        """Compare both bounds."""
        return np.where(x[0] >= 0, p[0], -p[0]), np.where(x[1] >= 0, p[0], -p[0])

    def levels(self, p: tuple[Fraction, ...], ends: Ends) -> Progression:
        """Minus and plus the scale."""
        return Progression.between(-p[0], p[0], 2)


@dataclass(frozen=True, eq=False)
class Sign(Rising):
    """``-1, 0 or 1``: Sign of ONNX."""

    def apply(self, x: Number, p: tuple[Fraction, ...]) -> Number:
        """Compare with 0."""
        zero = Fraction(0)
        return Fraction((x >= zero) - (x * Fraction(-1) >= zero))

    def enclose(self, x: Interval, p: Sequence[Floats]) -> Interval:
        """Signs of both bounds."""
        return np.sign(x[0]), np.sign(x[1])

    def levels(self, p: tuple[Fraction, ...], ends: Ends) -> Progression:
        """All three."""
        return Progression(Fraction(-1), Fraction(1), 3)


@dataclass(frozen=True, eq=False)
class Round(Rising):
    """``(clip(round(x / scale + zero), low, high) - zero) * scale``: Quant of QONNX.

    QONNX clips before it rounds; as the limits are integers, that is the same.
    """

    scale: Params
    zero: Params
    low: Params
    high: Params
    mode: str = field(default="ROUND", metadata={"parameter": False})

    def apply(self, x: Number, p: tuple[Fraction, ...]) -> Number:
        """Quantize."""
        scale, zero, low, high = p
        code = ROUNDINGS[self.mode](x * (1 / scale) + zero)
        return (min(max(Fraction(code), low), high) - zero) * scale

    def enclose(self, x: Interval, p: Sequence[Floats]) -> Interval:
        """Quantize both bounds."""
        scale, zero, low, high = p
        codes = rounded(plus(over(x, point(scale)), point(zero)), self.mode)
        limited = np.clip(codes[0], low, high), np.clip(codes[1], low, high)
        return times(plus(limited, point(-zero)), point(scale))

    def levels(self, p: tuple[Fraction, ...], ends: Ends) -> Progression:
        """Every code's value."""
        scale, zero, low, high = p
        first, last = floor(low), floor(high)
        return Progression.between((first - zero) * scale, (last - zero) * scale, last - first + 1)


@dataclass(frozen=True, eq=False)
class Whole(Rising):
    """``round(x)``, without limits: what Trunc of QONNX is made of."""

    mode: str = field(default="ROUND", metadata={"parameter": False})

    def apply(self, x: Number, p: tuple[Fraction, ...]) -> Number:
        """Round."""
        return Fraction(ROUNDINGS[self.mode](x))

    def enclose(self, x: Interval, p: Sequence[Floats]) -> Interval:
        """Round both bounds."""
        return rounded(x, self.mode)

    def levels(self, p: tuple[Fraction, ...], ends: Ends) -> Progression:
        """Every integer between the rounded ends."""
        if ends is None:
            raise ArithmeticError("a rounding without limits needs integers before it; put a Quant before it")
        first, last = (ROUNDINGS[self.mode](end) for end in ends)
        if last - first >= MAX_LEVELS:
            raise ArithmeticError(f"a rounding must have at most {MAX_LEVELS} results, not {last - first + 1}")
        return Progression.between(Fraction(first), Fraction(last), last - first + 1)


def rounded(x: Interval, mode: str) -> Interval:
    """Interval around all rounded numbers of an interval; of a rare rounding, around those of any."""
    if mode in NUMPY:
        return NUMPY[mode](x[0]), NUMPY[mode](x[1])
    return np.floor(x[0]), np.ceil(x[1])
