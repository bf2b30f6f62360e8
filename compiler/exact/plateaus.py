"""Scores that rectifiers and limits make equal: what a `Clip` of integer scores has to keep apart.

Where all classes end in one rising function of their real scores, such as a Relu, the classes that it makes equal are
the lowest or the highest of an order that integers keep. Limiting those integers makes the same classes equal.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from icepop.compiler.exact.functions import ElementFunction
from icepop.compiler.exact.numbers import Number
from icepop.compiler.exact.steps.limits import AtLeast, AtMost
from icepop.compiler.types import Domain


@dataclass(frozen=True)
class RankedClass:
    """One class: its real score and the integer that stands for it, functions of one integer x.

    Parameters
    ----------
    real : ElementFunction
        Exact real score before the plateaus.
    rising : bool
        Whether it does not fall with x.
    multiplier, offset : int
        Of the integer.
    """

    real: ElementFunction
    rising: bool
    multiplier: int
    offset: int

    def first(self, domain: Domain, holds: Callable[[Number], bool]) -> int | None:
        """Smallest integer score of which something holds that holds of all larger ones; None if of none."""
        order = range(domain.lo, domain.hi + 1, domain.step)
        arguments = order if self.rising else order[::-1]
        low, high = 0, len(arguments)
        while low < high:
            middle = (low + high) // 2
            if holds(self.real(Fraction(arguments[middle]))):
                high = middle
            else:
                low = middle + 1
        return None if low == len(arguments) else self.multiplier * arguments[low] + self.offset


def limits(classes: Sequence[RankedClass], domain: Domain, last: ElementFunction, scores: Domain) -> tuple[int, int]:
    """Range to which integer scores are clipped, so that those are equal that the last function makes equal.

    Parameters
    ----------
    classes : sequence of Ranked
        All classes; their integers have the order of their real scores.
    domain : Domain
        The integers x.
    last : ElementFunction
        Rises, and is the same for all classes.
    scores : Domain
        The integer scores.
    """
    free = [first for each in classes if (first := each.first(domain, lambda v: not plateau(last, v)[0])) is not None]
    upper = [first for each in classes if (first := each.first(domain, lambda v: plateau(last, v)[1])) is not None]
    high = min(upper, default=scores.hi)
    low = max(min(free) - scores.step, scores.lo) if free else scores.hi
    return min(low, high), high


def plateau(function: ElementFunction, value: Number) -> tuple[bool, bool]:
    """Whether a rising function is constant from a number down, and from it up."""
    ends, sign = [False, False], 1
    limited = [place for place, step in enumerate(function.steps) if isinstance(step, (AtLeast, AtMost))]
    count = max(limited, default=-1) + 1
    for step, parameters in zip(function.steps[:count], function.parameters[:count], strict=True):
        if isinstance(step, AtLeast):
            ends[sign < 0] |= value * Fraction(-1) >= -parameters[0]
        elif isinstance(step, AtMost):
            ends[sign > 0] |= value >= parameters[0]
        sign *= step.gain(parameters)
        value = step.apply(value, parameters)
    return ends[0], ends[1]
