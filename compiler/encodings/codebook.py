"""Shared weights: a small table of values, and an index for each weight (Han, Mao and Dally 2016)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from icepop.compiler.types import Domain, IntArray, pack_words, unpack_words

LARGEST = 256
"""Most values of a table."""


@dataclass(frozen=True)
class Codebook:
    """Weights that are few different values: each is the number of its value in the table.

    Parameters
    ----------
    values : tuple of int
        The table, ascending.
    """

    values: tuple[int, ...]

    @staticmethod
    def matches(weights: IntArray) -> bool:
        """Whether there are at most 256 different weights."""
        return len(np.unique(weights)) <= LARGEST

    @classmethod
    def of(cls, weights: IntArray) -> Self:
        """The values that occur."""
        return cls(tuple(np.unique(weights).tolist()))

    @property
    def width(self) -> int:
        """Bits of an index."""
        return max(1, (len(self.values) - 1).bit_length())

    @property
    def once(self) -> int:
        """The table."""
        return len(self.values) * Domain(self.values[0], self.values[-1]).bits

    def bits(self, lanes: int) -> int:
        """An index for each weight."""
        return self.width * lanes

    def pack(self, weights: IntArray) -> list[int]:
        """Words of weights (words, lanes)."""
        return pack_words(np.searchsorted(self.values, weights), self.width)

    def unpack(self, words: Sequence[int], lanes: int) -> IntArray:
        """Weights (words, lanes) of packed words."""
        return np.array(self.values, np.int64)[unpack_words(words, lanes, self.width)]
