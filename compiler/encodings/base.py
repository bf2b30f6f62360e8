"""What a weight encoding provides: which weights it can hold, and their bits."""

from collections.abc import Sequence
from typing import Protocol

from icepop.compiler.types import IntArray


class Encoding(Protocol):
    """How weights are stored.

    ``pack`` and ``unpack`` are inverse; row r of the weights becomes one word, element 0 least significant.
    """

    bits: int

    @staticmethod
    def matches(weights: IntArray) -> bool:
        """Whether these weight codes can be stored."""

    @staticmethod
    def pack(weights: IntArray) -> list[int]:
        """Words of weights (words, lanes)."""

    @staticmethod
    def unpack(words: Sequence[int], lanes: int) -> IntArray:
        """Weights (words, lanes) of packed words."""
