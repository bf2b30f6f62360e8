"""What a weight encoding provides: which weights it can hold, and their bits."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, Self

from icepop.compiler.types import Domain, IntArray


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


@dataclass(frozen=True)
class OfDomain:
    """What encodings share that hold all weights of one domain: nothing has to be known of the weights."""

    DOMAIN: ClassVar[Domain]

    @classmethod
    def matches(cls, weights: IntArray) -> bool:
        """Whether every weight lies in the domain."""
        return cls.DOMAIN.contains(weights)

    @classmethod
    def of(cls, weights: IntArray) -> Self:
        """The encoding of any of them."""
        return cls()

    @property
    def once(self) -> int:
        """Nothing."""
        return 0
