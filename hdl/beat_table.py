"""`BeatTable`: constants that depend on the beat."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from amaranth import Const, Value
from numpy.typing import NDArray

from icepop.hdl.memory import Rom


class BeatTable:
    """Numbers for every beat of a pixel: those that never change are wired, the others lie in a memory.

    Parameters
    ----------
    columns : sequence of (int64 array (beats,), int)
        Each number in every beat, from 0 on, and its bits.
    """

    def __init__(self, columns: Sequence[tuple[NDArray[np.int64], int]]):
        self.columns = list(columns)
        self.changing = [bool((values != values[0]).any()) for values, _ in self.columns]

    @cached_property
    def rom(self) -> Rom:
        """Memory of the numbers that change, by beat; only where there are some."""
        words = [0] * len(self.columns[0][0])
        position = 0
        for (values, bits), changing in zip(self.columns, self.changing, strict=True):
            if changing:
                words = [word | int(value) << position for word, value in zip(words, values, strict=True)]
                position += bits
        return Rom(position, words)

    @cached_property
    def values(self) -> list[Value]:
        """The numbers, of the beat that the memory was asked for the cycle before."""
        found: list[Value] = []
        position = 0
        for (numbers, bits), changing in zip(self.columns, self.changing, strict=True):
            if changing:
                found.append(self.rom.data[position : position + bits])
                position += bits
            else:
                found.append(Const(int(numbers[0]), bits))
        return found
