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

from icepop.compiler.ops.lut_vote import ENTRIES, INPUTS, Voters, addresses
from icepop.trainer.lut4_focus import Floats, Focus

STALE = 32
"""Visits after which the samples that candidates are compared on are drawn anew."""

HALVES = [
    tuple(np.array([a for a in range(ENTRIES) if a >> place & 1 == value]) for value in (0, 1))
    for place in range(INPUTS)
]
"""For each place of an address: those with a 0 there, and in the same order those with a 1."""


def random_voters(classes: int, each: int, bits: int, rng: np.random.Generator) -> Voters:
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
    weights: NDArray[np.float64]


class Descent:
    """Coordinate descent over the voters on one set of samples.

    Parameters
    ----------
    voters : Voters
        Their arrays are changed in place.
    sample : Sample
        The data.
    alpha : float
        Scale from votes to logits.
    window : int
        Samples that candidates are compared on, drawn by how far they are from their label; the table, and whether the
        best candidate is taken, are decided on all samples.
    rng : numpy.random.Generator
        Order of visits, and draws.
    """

    def __init__(self, voters: Voters, sample: Sample, alpha: float, window: int, rng: np.random.Generator):
        self.voters, self.sample, self.alpha = voters, sample, alpha
        self.window, self.rng = window, rng
        counts, each = voters.votes(sample.bits).T, voters.voters
        # e^(alpha v) for each class and sample, with votes counted from the middle to stay within float32
        self.powers = np.exp(alpha * (np.arange(each + 1) - each / 2)).astype(np.float32)[counts]
        self.step = np.float32(np.exp(alpha))
        self.weights = sample.weights.astype(np.float32)
        self.own = [alpha * (sample.y == label).astype(np.float32) for label in range(voters.classes)]
        self.refocus()

    @property
    def loss(self) -> float:
        """Weighted mean cross-entropy in nats."""
        return float(-np.log(self.probabilities().astype(np.float64)) @ self.sample.weights)

    def probabilities(self) -> Floats:
        """Probability (samples,) that each sample's label is given."""
        return self.powers[self.sample.y, np.arange(len(self.sample.y))] / self.powers.sum(axis=0)

    def refocus(self) -> None:
        """Draw samples to compare candidates on anew."""
        self.total = self.powers.sum(axis=0)
        self.focus = Focus(self.sample.bits, self.weights * (1 - self.probabilities()), self.window, self.rng)

    def visit(self, label: int, number: int) -> None:
        """Give one voter the best replacement of one of its inputs, and the best table.

        Parameters
        ----------
        label, number : int
            Class, and which of its voters.
        """
        index, table = self.voters.index[label, number], self.voters.tables[label, number]
        address = addresses(self.sample.bits, index)
        others = self.total - self.powers[label]
        without = np.where(table[address], self.powers[label] / self.step, self.powers[label])
        change = self.weights * (np.log((others + without * self.step) / (others + without)) - self.own[label])
        sums = np.bincount(address, change, ENTRIES)
        place, bit = best_input(*self.focus.sums(address, change))
        if index[place] != bit:
            replaced = index.copy()
            replaced[place] = bit
            other_address = addresses(self.sample.bits, replaced)
            other_sums = np.bincount(other_address, change, ENTRIES)
            if np.minimum(other_sums, 0).sum() < np.minimum(sums, 0).sum():
                index[:], address, sums = replaced, other_address, other_sums
        table[:] = sums < 0
        self.powers[label] = np.where(table[address], without * self.step, without)
        self.total = others + self.powers[label]

    def sweep(self) -> None:
        """Visit every voter once, in random order."""
        each = self.voters.voters
        for done, position in enumerate(self.rng.permutation(self.voters.classes * each).tolist()):
            if done and done % STALE == 0:
                self.refocus()
            self.visit(*divmod(position, each))


def best_input(total: Floats, ones: Floats) -> tuple[int, int]:
    """Place and bit of the replacement that lowers the loss most; it may be the bit that is there.

    Parameters
    ----------
    total : float32 array (16,)
        Sums of the change of loss by address.
    ones : float32 array (B, 16)
        The same of the samples where each bit is 1.
    """
    losses = []
    for low, high in HALVES:
        with_one = ones[:, low] + ones[:, high]
        with_zero = total[low] + total[high] - with_one
        losses.append(np.minimum(with_one, 0).sum(axis=1) + np.minimum(with_zero, 0).sum(axis=1))
    place, bit = divmod(int(np.argmin(losses)), len(ones))
    return place, bit
