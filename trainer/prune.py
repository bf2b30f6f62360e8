"""Pruning: the smallest weights become zero, more and more of them while training goes on."""

import torch
from torch import Tensor

from icepop.trainer.quantizers import Quantizer, straight_through


class Pruned(Quantizer):
    r"""A quantizer behind a mask that keeps the largest magnitudes of a weight.

    .. math:: q(w) = q_{inner}(m \odot w), \qquad m_i = \begin{cases} 1 & |w_i| > \theta \\ 0 & \text{else} \end{cases}

    The magnitude :math:`\theta` is the one that a share :math:`s_t` of the weights does not exceed. The share grows
    with the progress t of training, fast at first and slowly at the end; the gradient passes the mask, so a weight can
    return.

    .. math:: s_t = s \left(1 - (1 - \min(1, 2t))^3\right)

    Parameters
    ----------
    inner : Quantizer
        Must give 0 for 0.
    sparsity : float
        Final share s of zeros, at least 0 and below 1.

    References
    ----------
    Zhu, Gupta 2017: To prune, or not to prune. arXiv:1710.01878
    """

    prunable = True

    def __init__(self, inner: Quantizer, sparsity: float) -> None:
        super().__init__()
        self.inner = inner
        self.sparsity = sparsity
        self.share = 0.0
        self.bits, self.signed, self.narrow = inner.bits, inner.signed, inner.narrow

    def ramp(self, progress: float) -> None:
        """Set the share of zeros for a progress of training from 0 to 1; final from the middle on, to recover."""
        self.share = self.sparsity * (1 - (1 - min(1.0, 2 * progress)) ** 3)

    def codes(self, x: Tensor) -> Tensor:
        """Codes of the weights that are kept, else 0."""
        return self.inner.codes(self.masked(x))

    def scale(self, x: Tensor) -> Tensor:
        """Scale of the inner quantizer for the weights that are kept."""
        return self.inner.scale(self.masked(x))

    def masked(self, x: Tensor) -> Tensor:
        """``x`` with zeros in place of its smallest magnitudes."""
        count = round(self.share * x.numel())
        if count == 0:
            return x
        largest = torch.kthvalue(x.detach().abs().flatten(), count).values
        return straight_through(x, x * (x.abs() > largest))
