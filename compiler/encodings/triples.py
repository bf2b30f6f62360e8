"""Ternary weights by threes: 3**3 = 27 values in five bits, which seven LUT4 decode."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from icepop.compiler.encodings.base import OfDomain
from icepop.compiler.encodings.ternary import TERNARY
from icepop.compiler.types import IntArray, pack_words, unpack_words

PAIRS = np.array([(b, c) for b in (-1, 0, 1) for c in (-1, 0, 1) if (b, c) != (0, 0)], np.int64)
"""The eight pairs that are not zero."""

ESCAPE = 0b10
"""The pair of bits that is no ternary code."""


def table() -> IntArray:
    """Weights (32, 3) of every code; codes that are not used read as some weights."""
    rows = []
    for code in range(32):
        low, high = code & 7, code >> 3
        a, (b, c) = (high, PAIRS[low]) if high != ESCAPE else (low >> 1, (0, 0))
        rows.append((int(TERNARY.decode(np.array(a))), b, c))
    return np.array(rows, np.int64)


TABLE = table()


@dataclass(frozen=True)
class Triples(OfDomain):
    """Weights in {-1, 0, +1}, three in five bits: 1.67 bits a weight.

    The high two bits are the first weight's ternary code, the low three the number of a pair that is not zero. Where
    the high bits are no such code, both others are 0 and the first weight's code follows. The last three of a word are
    filled up with zeros.
    """

    DOMAIN = TERNARY

    def bits(self, lanes: int) -> int:
        """Five for three weights."""
        return 5 * -(-lanes // 3)

    def pack(self, weights: IntArray) -> list[int]:
        """Words of weights (words, lanes)."""
        words, lanes = weights.shape
        filled = np.zeros((words, self.bits(lanes) // 5 * 3), np.int64)
        filled[:, :lanes] = weights
        first, second, third = np.moveaxis(filled.reshape(words, -1, 3), 2, 0)
        pair = 3 * (second + 1) + third + 1
        code = TERNARY.encode(first)
        codes = np.where(pair == 4, (ESCAPE << 3) + (code << 1), (code << 3) + pair - (pair > 4))
        return pack_words(codes, 5)

    def unpack(self, words: Sequence[int], lanes: int) -> IntArray:
        """Weights (words, lanes) of packed words."""
        codes = unpack_words(words, self.bits(lanes) // 5, 5)
        return TABLE[codes].reshape(len(words), -1)[:, :lanes]
