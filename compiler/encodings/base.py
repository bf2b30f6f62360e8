"""What a weight encoding provides: which weights it can hold, and their bits."""

from collections.abc import Sequence
from typing import Protocol, Self

from icepop.compiler.types import IntArray


class Encoding(Protocol):
    """How weights are stored, with what has to be known of them to read them back.

    ``pack`` and ``unpack`` are inverse; row r of the weights becomes one word, element 0 least significant.
    """

    @staticmethod
    def matches(weights: IntArray) -> bool:
        """Whether these weight codes can be stored."""

    @classmethod
    def of(cls, weights: IntArray) -> Self:
        """The encoding with the fewest bits that stores these weights, which match."""

    @property
    def once(self) -> int:
        """Bits that are stored once for all words."""

    def bits(self, lanes: int) -> int:
        """Bits of a word of so many weights."""

    def pack(self, weights: IntArray) -> list[int]:
        """Words of weights (words, lanes)."""

    def unpack(self, words: Sequence[int], lanes: int) -> IntArray:
        """Weights (words, lanes) of packed words."""
