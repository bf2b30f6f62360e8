"""Dense ternary weights: five in a byte, as 3**5 = 243 fits in 256."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from icepop.compiler.encodings.base import OfDomain
from icepop.compiler.encodings.ternary import TERNARY
from icepop.compiler.types import IntArray, pack_words, unpack_words

POWERS = 3 ** np.arange(5, dtype=np.int64)


@dataclass(frozen=True)
class Trits(OfDomain):
    """Weights in {-1, 0, +1}: byte ``sum_k (w[k] + 1) * 3**k`` of five, 1.6 bits a weight.

    The last byte of a word is filled up with zero digits.
    """

    DOMAIN = TERNARY

    def bits(self, lanes: int) -> int:
        """A byte for five weights."""
        return 8 * -(-lanes // 5)

    def pack(self, weights: IntArray) -> list[int]:
        """Words of weights (words, lanes)."""
        words, lanes = weights.shape
        digits = np.zeros((words, self.bits(lanes) // 8 * 5), np.int64)
        digits[:, :lanes] = weights + 1
        return pack_words(digits.reshape(words, -1, 5) @ POWERS, 8)

    def unpack(self, words: Sequence[int], lanes: int) -> IntArray:
        """Weights (words, lanes) of packed words."""
        values = unpack_words(words, self.bits(lanes) // 8, 8)
        digits = values[:, :, None] // POWERS % 3
        return digits.reshape(len(words), -1)[:, :lanes] - 1
