"""`Tiling`: how a layer's matrix is cut into the words that its processing elements read, one a cycle."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from icepop.compiler.ops.conv import Conv
from icepop.compiler.ops.dense import Dense
from icepop.compiler.types import IntArray


@dataclass(frozen=True)
class Tiling:
    """Rows by ``pe``, columns by ``simd``; what does not divide is padded.

    Columns come in segments, each of which begins with a beat of its own: the pixels that a dense layer reads, or the
    taps of a convolution. With groups, each group of rows has columns of its own.

    Parameters
    ----------
    groups : int
        Groups of rows.
    rows : int
        Rows of a group.
    segments : int
        Segments of a row.
    channels : int
        Columns of a segment.
    pe, simd : int
        Rows and columns of a word.
    """

    groups: int
    rows: int
    segments: int
    channels: int
    pe: int
    simd: int

    @staticmethod
    def of(op: Dense | Conv, shape: tuple[int, ...], pe: int, simd: int) -> "Tiling":
        """Tiling of a layer that reads a tensor of this shape."""
        if isinstance(op, Dense):
            return Tiling(1, len(op.weights), prod(shape[1:]), shape[0], pe, simd)
        rows, channels, *kernel = op.weights.shape
        return Tiling(op.groups, rows // op.groups, prod(kernel), channels, pe, simd)

    @property
    def tiles(self) -> int:
        """Words in height, of a group of rows."""
        return -(-self.rows // self.pe)

    @property
    def depth(self) -> int:
        """Words in width: beats that a row takes."""
        return self.segments * -(-self.channels // self.simd)

    @property
    def words(self) -> int:
        """Words of the whole matrix."""
        return self.groups * self.tiles * self.depth

    def weights(self, op: Dense | Conv) -> IntArray:
        """Weights (groups * rows, segments, channels): the columns in stream order."""
        return op.weights.reshape(self.groups * self.rows, self.channels, self.segments).swapaxes(1, 2)

    def by_tile(self, rows: IntArray, filler: int) -> IntArray:
        """A number for each row (rows,) as (groups * tiles, pe), with ``filler`` for rows that pad a word."""
        padded = np.full((self.groups, self.tiles * self.pe), filler, np.int64)
        padded[:, : self.rows] = rows.reshape(self.groups, self.rows)
        return padded.reshape(-1, self.pe)

    def joined(self, words: list[list[int]], bits: int, lanes: Sequence[int]) -> list[int]:
        """Words of some of each ``pe`` rows, in the order in which they are read, from words of ``bits`` bits.

        What pads a group repeats its last row: a row of other weights could reach a sum that no row can.
        """
        return [
            sum(
                words[group * self.rows + min(first + lane, self.rows - 1)][beat] << bits * place
                for place, lane in enumerate(lanes)
            )
            for group in range(self.groups)
            for first in range(0, self.rows, self.pe)
            for beat in range(self.depth)
        ]
