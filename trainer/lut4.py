"""A network of look-up tables: thermometer bits, voters of four inputs, and a count of votes a class."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from icepop.compiler.ops.lut_vote import Voters
from icepop.trainer.data import Part


@dataclass(frozen=True, eq=False)
class Thermometer:
    """Bits ``x[pixel] >= threshold``.

    Parameters
    ----------
    pixels : int64 array (B,)
        Input that each bit reads.
    thresholds : float32 array (B,)
        What it is compared with.
    """

    pixels: NDArray[np.int64]
    thresholds: NDArray[np.float32]

    @staticmethod
    def of(x: NDArray[np.float32], levels: NDArray[np.float32], rarest: float) -> "Thermometer":
        """Every input with every level, but for bits that are nearly constant on the samples.

        Parameters
        ----------
        x : float32 array (samples, features)
            Samples to judge by.
        levels : float32 array (T,)
            Thresholds.
        rarest : float
            Smallest share of samples, from 0 to 0.5, that the rarer value of a bit must have.
        """
        pixels = np.repeat(np.arange(x.shape[1]), len(levels))
        every = Thermometer(pixels, np.tile(levels.astype(np.float32), x.shape[1]))
        share = every.bits(x).mean(axis=1)
        kept = (share > rarest) & (share < 1 - rarest)
        return Thermometer(every.pixels[kept], every.thresholds[kept])

    def __len__(self) -> int:
        return len(self.pixels)

    def bits(self, x: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Bits (B, samples) of samples (samples, features); a bit's values lie side by side."""
        columns = np.ascontiguousarray(x.T)
        bits = np.empty((len(self), len(x)), np.bool_)
        for row, pixel, threshold in zip(bits, self.pixels, self.thresholds, strict=True):
            np.greater_equal(columns[pixel], threshold, out=row)
        return bits.view(np.uint8)


@dataclass(frozen=True, eq=False)
class LutNet:
    """Voters over thermometer bits; the class with the most votes wins, the lowest where several have them.

    Parameters
    ----------
    features : int
        Values of one sample.
    encoder : Thermometer
        B bits.
    voters : Voters
        Which bits they read, and their tables.
    """

    features: int
    encoder: Thermometer
    voters: Voters

    def scores(self, x: NDArray[np.float32]) -> NDArray[np.int64]:
        """Votes (samples, C) for samples (samples, features)."""
        return self.voters.votes(self.encoder.bits(x))

    def accuracy(self, part: Part) -> float:
        """Share of samples whose winner is their label, 0 to 1."""
        return float((self.scores(part.x).argmax(axis=1) == part.y).mean())

    def pruned(self) -> "LutNet":
        """The same function, without bits that no voter reads; a voter reads what its table depends on."""
        index, tables = self.voters.index.copy(), self.voters.tables
        for place in range(index.shape[-1]):
            low = np.array([a for a in range(16) if not a >> place & 1])
            idle = (tables[..., low] == tables[..., low | 1 << place]).all(axis=-1)
            index[idle, place] = -1
        used = np.unique(index[index >= 0])
        # an input that does not matter reads what another one of the voter does
        spare = np.where((index >= 0).any(axis=-1), index.max(axis=-1), used[0] if len(used) else 0)
        index = np.where(index < 0, spare[..., None], index)
        used = np.unique(index)
        encoder = Thermometer(self.encoder.pixels[used], self.encoder.thresholds[used])
        return LutNet(self.features, encoder, Voters(np.searchsorted(used, index), tables))
