"""Binary weights: one bit, 1 for +1."""

from collections.abc import Sequence
from dataclasses import dataclass

from icepop.compiler.encodings.base import OfDomain
from icepop.compiler.types import BIPOLAR, IntArray, pack_words, unpack_words


@dataclass(frozen=True)
class Binary(OfDomain):
    """Weights in {-1, +1}, one bit each."""

    DOMAIN = BIPOLAR

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
