"""Ternary weights: two bits each, in two's complement."""

from collections.abc import Sequence
from dataclasses import dataclass

from icepop.compiler.encodings.base import OfDomain
from icepop.compiler.types import Domain, IntArray, pack_words, unpack_words

TERNARY = Domain(-1, 1)


@dataclass(frozen=True)
class Ternary(OfDomain):
    """Weights in {-1, 0, +1}: bit 1 tells that it is negative, bit 0 that it is not 0."""

    DOMAIN = TERNARY

    def bits(self, lanes: int) -> int:
        """Two a weight."""
        return 2 * lanes

    def pack(self, weights: IntArray) -> list[int]:
        """Words of weights (words, lanes)."""
        return pack_words(TERNARY.encode(weights), 2)

    def unpack(self, words: Sequence[int], lanes: int) -> IntArray:
        """Weights (words, lanes) of packed words."""
        return TERNARY.decode(unpack_words(words, lanes, 2))
