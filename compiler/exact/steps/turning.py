"""Steps that fall up to 0 and rise from there."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from icepop.compiler.exact.numbers import Number, power
from icepop.compiler.exact.steps.affine import Scale
from icepop.compiler.exact.steps.base import Params, Step
from icepop.compiler.exact.steps.limits import AtLeast, Power


@dataclass(frozen=True, eq=False)
class EvenPower(Step):
    """``x ** exponent``, where some exponents are even."""

    exponent: Params

    def gain(self, p: tuple[Fraction, ...]) -> int:
        """Refuse: there is no one direction."""
        raise ArithmeticError("an even power neither rises nor falls; put a Quant behind it")

    def apply(self, x: Number, p: tuple[Fraction, ...]) -> Number:
        """Multiply with itself."""
        return power(x, int(p[0]))

    def halves(self) -> tuple[Sequence[Step], Sequence[Step]]:
        """Steps of two monotone functions: the same power from 0 on, and up to 0; each is 0 on the other side."""
        zero = AtLeast(np.float32(0))
        sign = np.where(np.asarray(self.exponent) % 2 == 1, -1.0, 1.0)
        upper = zero, Power(self.exponent)
        return upper, (Scale(np.float64(-1)), *upper, Scale(sign))
