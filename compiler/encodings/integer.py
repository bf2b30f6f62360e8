"""Integer weights of k bits: two's complement, or unsigned where none is negative."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from icepop.compiler.types import Domain, IntArray, pack_words, unpack_words


@dataclass(frozen=True)
class Integer:
    """Weights as plain numbers of as many bits as the largest needs.

    Parameters
    ----------
    domain : Domain
        From the smallest to the largest weight.
    """

    domain: Domain

    @staticmethod
    def matches(weights: IntArray) -> bool:
        """Always."""
        return True

    @classmethod
    def of(cls, weights: IntArray) -> Self:
        """The range of the weights."""
        return cls(Domain(int(weights.min()), int(weights.max())))

    @property
    def once(self) -> int:
        """Nothing."""
        return 0

    def bits(self, lanes: int) -> int:
        """Those of the range for each weight."""
        return self.domain.bits * lanes

    def pack(self, weights: IntArray) -> list[int]:
        """Words of weights (words, lanes)."""
        return pack_words(self.domain.encode(weights), self.domain.bits)

    def unpack(self, words: Sequence[int], lanes: int) -> IntArray:
        """Weights (words, lanes) of packed words."""
        return self.domain.decode(unpack_words(words, lanes, self.domain.bits))
