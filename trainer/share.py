"""Weight sharing: a layer's weights take only a few different values, which k-means chooses."""

import torch
from torch import Tensor

from icepop.trainer.quantizers import SMALLEST, Quantizer, straight_through


class Shared(Quantizer):
    r"""Nearest of L integers, the codebook of a weight.

    .. math:: q(w) = s\, c_{j(w)}, \qquad j(w) = \operatorname{argmin}_j |w / s - c_j|, \qquad
       s = \frac{\max|w|}{2^{bits-1} - 1}

    While training, each use of the weight moves every entry to the mean of the weights that are nearest to it, which is
    one step of k-means; the codes are the entries rounded. The gradient passes straight through:
    :math:`\partial q / \partial w = 1`.

    Parameters
    ----------
    levels : int
        L, the number of entries, at least 2; hardware stores log2(L) bits a weight.
    bits : int
        Width of an entry.

    References
    ----------
    Han, Mao, Dally 2016: Deep Compression. arXiv:1510.00149
    """

    narrow = True
    entries: Tensor

    def __init__(self, levels: int, bits: int = 8) -> None:
        super().__init__()
        self.bits = bits
        self.high = 2 ** (bits - 1) - 1
        self.register_buffer("entries", torch.linspace(-1, 1, levels) * (self.high / 2))

    def codes(self, x: Tensor) -> Tensor:
        """Integers, L different ones at most."""
        scaled = x / self.scale(x)
        if self.training:
            self._move(scaled.detach())
        return straight_through(scaled, self.entries.round()[self._nearest(scaled.detach())])

    def scale(self, x: Tensor) -> Tensor:
        """Real value of code 1, shape ()."""
        return x.detach().abs().max().clamp(min=SMALLEST) / self.high

    def _nearest(self, scaled: Tensor) -> Tensor:
        """Index of the nearest entry, which are ascending; the shape of ``scaled``."""
        borders = (self.entries[1:] + self.entries[:-1]) / 2
        return torch.bucketize(scaled, borders)

    def _move(self, scaled: Tensor) -> None:
        """One step of k-means; an entry that nothing is nearest to stays."""
        index = self._nearest(scaled).flatten()
        sums = torch.zeros_like(self.entries).index_add_(0, index, scaled.flatten())
        counts = torch.bincount(index, minlength=len(self.entries))
        self.entries.copy_(torch.where(counts > 0, sums / counts.clamp(min=1), self.entries))
