"""Samples drawn by how much they matter, to compare candidates on."""

import numpy as np
from numpy.typing import NDArray

from icepop.compiler.ops.lut_vote import ENTRIES

Floats = NDArray[np.float32]

ROUNDS = 4
"""Rounds that spread what goes beyond a chance of 1; what is left then only makes the draw a little smaller."""


class Focus:
    """Some samples, drawn more often where they matter more, and counted the less for it.

    A sum over all samples is estimated without bias by that over the drawn ones, each divided by its chance (Horvitz,
    Thompson 1952). Late in training most samples are right by far and hardly change any loss; the draw leaves them out.

    Parameters
    ----------
    bits : uint8 array (B, samples)
        Bits of all samples.
    importance : float array (samples,)
        What chances are proportional to; 0 or more.
    count : int
        Samples to draw, at most; all of them if there are no more.
    rng : numpy.random.Generator
        Where the draw starts.
    """

    def __init__(self, bits: NDArray[np.uint8], importance: Floats, count: int, rng: np.random.Generator):
        chance = chances(importance, count)
        # systematic: one sample in each stretch of total chance 1
        steps = np.floor(np.cumsum(chance) + rng.random())
        self.chosen = np.flatnonzero(np.diff(steps, prepend=0) > 0)
        self.factors = (1 / chance[self.chosen]).astype(np.float32)
        self.bits = bits[:, self.chosen].astype(np.float32)
        self.spread = np.zeros((len(self.chosen), ENTRIES), np.float32)
        self.rows = np.arange(len(self.chosen))

    def sums(self, address: NDArray[np.uint8], change: Floats) -> tuple[Floats, Floats]:
        """Estimated sums over all samples by address (16,), and of those where a bit is 1, by bit and address (B, 16).

        Parameters
        ----------
        address : uint8 array (samples,)
            Address of every sample.
        change : float32 array (samples,)
            What is summed up.
        """
        self.spread[:] = 0
        self.spread[self.rows, address[self.chosen]] = change[self.chosen] * self.factors
        return self.spread.sum(axis=0), self.bits @ self.spread


def chances(importance: Floats, count: int) -> NDArray[np.float64]:
    """Chance of each sample to be drawn, at most 1, proportional to its importance; their sum is at most ``count``."""
    if count >= len(importance):
        return np.ones(len(importance))
    # a small even part keeps every chance above 0
    chance = importance.astype(np.float64) + 1e-3 * importance.mean() + 1e-30
    chance *= count / chance.sum()
    for _ in range(ROUNDS):
        free = chance < 1
        chance[~free] = 1
        chance[free] *= (count - np.count_nonzero(~free)) / chance[free].sum()
    return np.minimum(chance, 1)
