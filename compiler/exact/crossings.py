"""Where monotone functions reach their values: many thresholds at once, each proven by exact arithmetic.

All thresholds are bisected together. A comparison is decided in float64 where the interval around a function's value
lies on one side of the middle between two codes, else by the function itself on exact numbers: of thousands of
comparisons only those next to ties are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from icepop.compiler.exact.budget import EXACT, Budget, grown
from icepop.compiler.exact.enclosure import Floats, Interval, around, outward, plus, times
from icepop.compiler.exact.functions import ElementFunction
from icepop.compiler.exact.grid import Line
from icepop.compiler.types import Domain, IntArray

LANES = 1 << 15
"""Thresholds that are searched together: some arrays of them fit in the cache."""
APART = 64
"""Codes between two that are searched in the whole domain; those between start from a guess."""


class Arguments(Protocol):
    """What a source holds, in the order in which a function of it rises."""

    @property
    def count(self) -> int:
        """How many arguments there are."""

    def at(self, position: IntArray) -> Interval:
        """Arguments at positions."""

    def exact(self, position: int) -> Fraction:
        """Argument at a position."""

    def near(self, value: Floats) -> IntArray:
        """Positions of arguments near some numbers; a first guess, which may be anywhere."""


@dataclass(frozen=True)
class Integers:
    """Accumulators or codes, from the first on in steps that are negative where a function falls."""

    first: int
    step: int
    count: int

    def at(self, position: IntArray) -> Interval:
        """Exact, unless they are larger than float64 holds."""
        number = self.first + self.step * position
        value = number.astype(np.float64)
        return (value, value) if (value.astype(np.int64) == number).all() else outward(value, value)

    def exact(self, position: int) -> Fraction:
        """Argument at a position."""
        return Fraction(self.first + self.step * position)

    def near(self, value: Floats) -> IntArray:
        """Nearest ones."""
        place = np.clip((value - self.first) / self.step, 0, self.count - 1)
        return np.rint(place).astype(np.int64)


@dataclass(frozen=True)
class Float32s:
    """All finite float32, ascending; neighbours differ by one position."""

    @property
    def count(self) -> int:
        """Both signs, and 0 once."""
        return 2 * LARGEST + 1

    def at(self, position: IntArray) -> Interval:
        """Exact."""
        magnitude = np.abs(position - LARGEST).astype(np.uint32).view(np.float32).astype(np.float64)
        value = np.where(position < LARGEST, -magnitude, magnitude)
        return value, value

    def exact(self, position: int) -> Fraction:
        """Argument at a position."""
        return Fraction(float(self.at(np.array(position))[0]))

    def near(self, value: Floats) -> IntArray:
        """Nearest ones."""
        limited = np.clip(value, -FLOAT32_MAX, FLOAT32_MAX).astype(np.float32)
        magnitude = np.abs(limited).view(np.uint32).astype(np.int64)
        return LARGEST + np.where(limited < 0, -magnitude, magnitude)


FLOAT32_MAX = float(np.finfo(np.float32).max)
LARGEST = int(np.float32(FLOAT32_MAX).view(np.uint32))
"""Position of the largest float32, counted from 0."""


def crossings(
    functions: Sequence[ElementFunction], lines: Sequence[Line], domain: Domain, arguments: Arguments, budget: Budget
) -> IntArray:
    """Smallest position whose argument reaches each code.

    Parameters
    ----------
    functions : sequence of ElementFunction
        F functions of the same steps, which rise along the arguments.
    lines : sequence of Line
        Real values of each function's codes.
    domain : Domain
        The codes.
    arguments : Arguments
        What the functions are of.
    budget : Budget
        What the work is taken off.

    Returns
    -------
    int64 array (F, levels - 1)
        For every code but the lowest; the count of arguments where none reaches it.
    """
    levels = domain.size - 1
    size = max(1, LANES // max(levels, 1))
    parts = [slice(start, start + size) for start in range(0, len(functions), size)]
    found = [Search(functions[part], lines[part], domain, arguments, budget).all() for part in parts]
    return np.concatenate(found) if found else np.zeros((0, levels), np.int64)


class Search:
    """All thresholds of some functions; a lane is one function and one code.

    Parameters
    ----------
    functions, lines, domain, arguments, budget
        As of `crossings`.
    """

    def __init__(
        self,
        functions: Sequence[ElementFunction],
        lines: Sequence[Line],
        domain: Domain,
        arguments: Arguments,
        budget: Budget,
    ):
        self.functions, self.lines, self.domain, self.arguments = functions, lines, domain, arguments
        self.budget = budget
        self.codes = domain.lo + domain.step * np.arange(1, domain.size)
        values = [[float(number) for step in each.parameters for number in step] for each in functions]
        self.table = np.array(values, np.float64).T.reshape(-1, len(functions))
        # all values are those of codes: what exceeds the middle between two is at least the upper one
        below = [line.offset - (line.scale * domain.step / 2 or 1) for line in lines]
        scales = tuple(bound[:, None] for bound in around([line.scale for line in lines]))
        offsets = tuple(bound[:, None] for bound in around(below))
        codes = self.codes.astype(np.float64)
        with np.errstate(all="ignore"):
            low, high = plus(times((scales[0], scales[1]), (codes, codes)), (offsets[0], offsets[1]))
        self.middles = low.reshape(-1), high.reshape(-1)

    def all(self) -> IntArray:
        """Positions (F, levels - 1)."""
        levels, count = len(self.codes), self.arguments.count
        lanes = np.arange(len(self.functions) * levels).reshape(len(self.functions), levels)
        result = np.zeros_like(lanes)
        coarse = np.unique([*range(0, levels, APART), levels - 1]) if levels else np.zeros(0, np.int64)
        ends = np.zeros_like(lanes[:, coarse])
        result[:, coarse] = self.solved(lanes[:, coarse], ends, ends + count, [])
        fine = np.delete(np.arange(levels), coarse)
        place = np.searchsorted(coarse, fine)
        left, right = coarse[place - 1], coarse[place]
        low, high = result[:, left], result[:, right]
        below, above = (self.arguments.at(np.minimum(end, count - 1))[0] for end in (low, high))
        guess = self.arguments.near(below + (above - below) * ((fine - left) / (right - left)))
        result[:, fine] = self.solved(lanes[:, fine], low, high, [guess, guess - 1, guess - 2])
        return result

    def solved(self, lanes: IntArray, low: IntArray, high: IntArray, guesses: Sequence[IntArray]) -> IntArray:
        """Smallest position from low to below high that reaches each lane's code; high if none does."""
        lane, start, end = lanes.reshape(-1), low.reshape(-1).copy(), high.reshape(-1).copy()
        tries = [guess.reshape(-1) for guess in guesses]
        active = np.flatnonzero(start < end)
        while active.size:
            position = (start[active] + end[active]) // 2
            if tries:
                position = np.clip(tries.pop(0)[active], start[active], end[active] - 1)
            reached = self.reaches(lane[active], position)
            end[active[reached]] = position[reached]
            start[active[~reached]] = position[~reached] + 1
            active = active[start[active] < end[active]]
        return start.reshape(lanes.shape)

    def reaches(self, lane: IntArray, position: IntArray) -> NDArray[np.bool_]:
        """Whether each lane's function reaches its code at a position."""
        function, length = lane // len(self.codes), len(self.functions[0].steps)
        self.budget.spend(len(lane) * (length + 1) // 18)
        with np.errstate(all="ignore"):
            value, row = self.arguments.at(position), 0
            for step in self.functions[0].steps:
                names = step.parameter_names
                value = step.enclose(value, [self.table[row + k][function] for k in range(len(names))])
                row += len(names)
        result = value[0] > self.middles[1][lane]
        for k in np.flatnonzero(~result & ~(value[1] < self.middles[0][lane])):
            code = int(self.codes[lane[k] % len(self.codes)])
            self.budget.spend(EXACT * length + grown(length))
            exact = self.functions[function[k]](self.arguments.exact(int(position[k])))
            result[k] = exact >= self.lines[function[k]].value(code)
        return result
