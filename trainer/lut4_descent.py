r"""Exact discrete coordinate descent on voters of four inputs.

With :math:`v_c` votes for class c, the loss of a sample of label y and weight w is the cross-entropy

.. math:: \ell = w \Bigl(\log \sum_c e^{\alpha v_c} - \alpha v_y\Bigr).

For one voter of class c, with all others fixed at r votes for its class, a sample gains or loses

.. math:: d = \ell(v_c = r + 1) - \ell(v_c = r)

by the voter's bit. A voter that reads an address a outputs 1 where that lowers the loss, so the best table for given
inputs is :math:`t[a] = [\sum_{s: a_s = a} d_s < 0]` and its loss is :math:`\sum_a \min(0, \sum_{s: a_s = a} d_s)`. To
replace input j by *any* bit b of the samples, take the sums :math:`M_{ba} = \sum_{s: a_s = a} b_s d_s` (one matrix
product for all bits and addresses), add up the two addresses that differ in place j to :math:`A^1`, subtract from the
total to get :math:`A^0`, and the loss of every candidate is exactly

.. math:: \sum_g \min(0, A^1_{bg}) + \min(0, A^0_{bg}).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from icepop.compiler.ops.lut_vote import ENTRIES, INPUTS, addresses, votes

Floats = NDArray[np.float64]

HALVES = [
    tuple(np.array([a for a in range(ENTRIES) if a >> place & 1 == value]) for value in (0, 1))
    for place in range(INPUTS)
]
"""For each place of an address: those with a 0 there, and in the same order those with a 1."""


@dataclass(eq=False)
class Voters:
    """What the descent changes.

    Parameters
    ----------
    index : int64 array (C, V, 4)
        Bit that each voter's inputs read.
    tables : bool array (C, V, 16)
        Truth tables.
    """

    index: NDArray[np.int64]
    tables: NDArray[np.bool_]

    @staticmethod
    def random(classes: int, each: int, bits: int, rng: np.random.Generator) -> "Voters":
        """Voters that read four different bits, with random tables."""
        index = rng.random((classes, each, bits)).argpartition(INPUTS - 1, axis=-1)[..., :INPUTS]
        return Voters(index.astype(np.int64), rng.random((classes, each, ENTRIES)) < 0.5)


@dataclass(frozen=True, eq=False)
class Sample:
    """Bits to descend on.

    Parameters
    ----------
    bits : uint8 array (B, samples)
        Thermometer bits.
    y : int64 array (samples,)
        Labels.
    weights : float64 array (samples,)
        Weight of each sample; they sum to 1.
    """

    bits: NDArray[np.uint8]
    y: NDArray[np.int64]
    weights: Floats


class Descent:
    """Coordinate descent over the voters on one set of samples.

    Parameters
    ----------
    voters : Voters
        Changed in place.
    sample : Sample
        The data.
    alpha : float
        Scale from votes to logits.
    window : int
        Samples, in a row, that candidates are compared on; the table, and whether the best candidate is taken, are
        decided on all samples.
    """

    def __init__(self, voters: Voters, sample: Sample, alpha: float, window: int):
        self.voters, self.sample, self.alpha = voters, sample, alpha
        self.window = min(window, len(sample.y))
        self.floats = sample.bits.astype(np.float32)
        self.counts = votes(sample.bits, voters.index, voters.tables).T.copy()
        self.powers = np.exp(alpha * np.arange(voters.index.shape[1] + 1))
        self.total: Floats = self.powers[self.counts].sum(axis=0)
        self.positions = np.arange(len(sample.y))

    @property
    def loss(self) -> float:
        """Weighted mean cross-entropy in nats."""
        own = self.counts[self.sample.y, self.positions]
        return float((np.log(self.total) - self.alpha * own) @ self.sample.weights)

    def visit(self, label: int, number: int, start: int) -> None:
        """Give one voter the best replacement of one of its inputs, and the best table.

        Parameters
        ----------
        label, number : int
            Class, and which of its voters.
        start : int
            First sample that candidates are compared on.
        """
        index, table = self.voters.index[label, number], self.voters.tables[label, number]
        address = addresses(self.sample.bits, index)
        rest = self.counts[label] - table[address]
        others = self.total - self.powers[self.counts[label]]
        change = self._change(label, rest, others)
        sums = np.bincount(address, change, ENTRIES)
        place, bit = self._best_input(address, change, slice(start, start + self.window))
        if index[place] != bit:
            replaced = index.copy()
            replaced[place] = bit
            other_address = addresses(self.sample.bits, replaced)
            other_sums = np.bincount(other_address, change, ENTRIES)
            if np.minimum(other_sums, 0).sum() < np.minimum(sums, 0).sum():
                index[:], address, sums = replaced, other_address, other_sums
        table[:] = sums < 0
        self.counts[label] = rest + table[address]
        self.total = others + self.powers[self.counts[label]]

    def _change(self, label: int, rest: NDArray[np.int64], others: Floats) -> NDArray[np.float32]:
        """Loss with the voter's bit 1 less that with 0, for every sample."""
        ratio = (others + self.powers[rest + 1]) / (others + self.powers[rest])
        change = np.log(ratio) - self.alpha * (self.sample.y == label)
        return (self.sample.weights * change).astype(np.float32)

    def _best_input(self, address: NDArray[np.uint8], change: NDArray[np.float32], window: slice) -> tuple[int, int]:
        """Place and bit of the replacement that lowers the loss most; it may be the bit that is there."""
        spread = np.zeros((self.window, ENTRIES), np.float32)
        spread[self.positions[: self.window], address[window]] = change[window]
        ones = self.floats[:, window] @ spread
        total = spread.sum(axis=0)
        losses = []
        for low, high in HALVES:
            with_one = ones[:, low] + ones[:, high]
            with_zero = total[low] + total[high] - with_one
            losses.append(np.minimum(with_one, 0).sum(axis=1) + np.minimum(with_zero, 0).sum(axis=1))
        place, bit = divmod(int(np.argmin(losses)), len(ones))
        return place, bit

    def sweep(self, rng: np.random.Generator) -> None:
        """Visit every voter once, in random order; samples must be in random order too."""
        classes, each = self.voters.index.shape[:2]
        order = rng.permutation(classes * each)
        starts = rng.integers(0, len(self.sample.y) - self.window + 1, len(order))
        for position, start in zip(order.tolist(), starts.tolist(), strict=True):
            label, number = divmod(position, each)
            self.visit(label, number, start)
