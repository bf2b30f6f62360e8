"""Binary weights: one bit, 1 for +1."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from icepop.compiler.types import BIPOLAR, IntArray, pack_words, unpack_words


@dataclass(frozen=True)
class Binary:
    """Weights in {-1, +1}, one bit each."""

    @staticmethod
    def matches(weights: IntArray) -> bool:
        """Whether every weight is -1 or +1."""
        return BIPOLAR.contains(weights)

    @classmethod
    def of(cls, weights: IntArray) -> Self:
        """Nothing has to be known of the weights."""
        return cls()

    @property
    def once(self) -> int:
        """Nothing."""
        return 0

    def bits(self, lanes: int) -> int:
        """One a weight."""
        return lanes

    @staticmethod
    def pack(weights: IntArray) -> list[int]:
        """Words of weights (words, lanes)."""
        return pack_words(BIPOLAR.encode(weights), 1)

    @staticmethod
    def unpack(words: Sequence[int], lanes: int) -> IntArray:
        """Weights (words, lanes) of packed words."""
        return BIPOLAR.decode(unpack_words(words, lanes, 1))
