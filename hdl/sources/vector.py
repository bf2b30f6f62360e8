"""What the sources of whole vectors have in common: a vector is a run of beats, read several times in a row."""

from abc import abstractmethod

import numpy as np
from amaranth.lib.wiring import In
from amaranth.utils import ceil_log2

from icepop.compiler.planner.timing import Counts
from icepop.compiler.types import Beats
from icepop.hdl.sources.base import Source


class VectorSource(Source):
    """Hands out vectors of consecutive beats, each several times in a row; the reader keeps count.

    A sample is one vector, or one for each pixel, or one for each group of channels of each pixel.

    Parameters
    ----------
    beats : Beats
        Layout of the stream.
    depth : int
        Beats of a vector; divides those of a sample.
    repeats : int
        How often a vector is read.

    Members
    -------
    beat : In(range(depth))
        Position in the vector of the beat that is taken now.
    last : In(1)
        That beat is the vector's last, for the last time.
    """

    def __init__(self, beats: Beats, depth: int, repeats: int):
        self.depth, self.repeats = depth, repeats
        self.vectors = beats.count // depth
        super().__init__(beats, {"beat": In(ceil_log2(depth)), "last": In(1)})

    @property
    @abstractmethod
    def cycles(self) -> Counts:
        """Beats that are taken in each of the steps that the inlet tells of."""

    @property
    def whole(self) -> Counts:
        """Beats of the sample up to the end of the vector, for each reading of each vector."""
        return np.repeat(np.arange(1, self.vectors + 1) * self.depth, self.repeats)
