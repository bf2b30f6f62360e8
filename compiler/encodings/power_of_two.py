"""Signed powers of two: a sign and an exponent, so a product is a shift."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from icepop.compiler.types import IntArray, pack_words, unpack_words


@dataclass(frozen=True)
class PowerOfTwo:
    """Weights in {-2**e, 2**e} for some neighbouring exponents e, and 0 if it occurs.

    The high bit of a weight is its sign. What is below counts the magnitudes from the smallest one on; 0 comes first.

    Parameters
    ----------
    lowest, highest : int
        Exponents.
    zero : bool
        Whether 0 is among the weights.
    """

    lowest: int
    highest: int
    zero: bool

    @staticmethod
    def matches(weights: IntArray) -> bool:
        """Whether every weight is 0 or plus or minus a power of two."""
        magnitude = np.abs(weights)
        return bool((magnitude & (magnitude - 1) == 0).all())

    @classmethod
    def of(cls, weights: IntArray) -> Self:
        """The exponents that occur, and whether there is a 0."""
        magnitudes = [int(magnitude) for magnitude in np.unique(np.abs(weights)) if magnitude] or [1]
        return cls(magnitudes[0].bit_length() - 1, magnitudes[-1].bit_length() - 1, bool((weights == 0).any()))

    @property
    def magnitudes(self) -> IntArray:
        """All of them, ascending."""
        powers = [1 << exponent for exponent in range(self.lowest, self.highest + 1)]
        return np.array([0, *powers] if self.zero else powers, np.int64)

    @property
    def width(self) -> int:
        """Bits of a weight."""
        return 1 + (len(self.magnitudes) - 1).bit_length()

    @property
    def once(self) -> int:
        """Nothing."""
        return 0

    def bits(self, lanes: int) -> int:
        """A sign and a number for each weight."""
        return self.width * lanes

    def pack(self, weights: IntArray) -> list[int]:
        """Words of weights (words, lanes)."""
        number = np.searchsorted(self.magnitudes, np.abs(weights))
        return pack_words(number + ((weights < 0).astype(np.int64) << self.width - 1), self.width)

    def unpack(self, words: Sequence[int], lanes: int) -> IntArray:
        """Weights (words, lanes) of packed words."""
        codes = unpack_words(words, lanes, self.width)
        sign = 1 - 2 * (codes >> self.width - 1)
        return sign * self.magnitudes[codes & ((1 << self.width - 1) - 1)]
