"""Quantizers: from latent float32 values to small integers, with the gradient that training uses instead.

Every quantizer maps x to ``scale(x) * codes(x)``. The codes are integers (held in float32); layers sum products of
codes and apply the scale afterwards, so float32 is exact below 2**24. Rounding is half to even and ``sign(0) = +1``, as
in QONNX.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

SMALLEST = 1e-8  # a scale is never 0


def sign(x: Tensor) -> Tensor:
    """``+1`` where ``x >= 0``, else ``-1``; the same shape."""
    return torch.where(x >= 0, 1.0, -1.0)


def straight_through(surrogate: Tensor, quantized: Tensor) -> Tensor:
    """Value of ``quantized``, to the bit, with the gradient of ``surrogate``.

    References
    ----------
    Bengio, Leonard, Courville 2013: Estimating or Propagating Gradients Through Stochastic Neurons. arXiv:1308.3432
    """
    return quantized.detach() + (surrogate - surrogate.detach())  # what is added is an exact 0


class Quantizer(nn.Module, ABC):
    """What a layer and the exporter need to know of a quantizer.

    Attributes
    ----------
    bits : int
        Width of a code in QONNX's ``Quant``; 1 stands for ``BipolarQuant``.
    signed, narrow : bool
        Which codes ``bits`` bits give: signed ones ``[-2**(bits-1), 2**(bits-1) - 1]``, narrow ones without the lowest;
        unsigned ones ``[0, 2**bits - 1]``.
    prunable : bool
        Whether a weight of 0 has the code 0.
    """

    bits: int = 1
    signed: bool = True
    narrow: bool = False
    prunable: bool = False

    @abstractmethod
    def codes(self, x: Tensor) -> Tensor:
        """Integer codes of ``x``, the same shape, carrying the straight-through gradient."""

    def scale(self, x: Tensor) -> Tensor:
        """Real value of one code step: shape () or, for a weight (N, K), (N,)."""
        return x.new_ones(())

    def forward(self, x: Tensor) -> Tensor:
        """Quantized real values, the same shape."""
        scale = self.scale(x)
        return self.codes(x) * scale.reshape(scale.shape + (1,) * (x.dim() - 1) if scale.dim() else ())


class Binary(Quantizer):
    r"""Sign, with the gradient of hardtanh.

    .. math:: q(x) = \begin{cases} +1 & x \ge 0 \\ -1 & x < 0 \end{cases}
       \qquad \frac{\partial q}{\partial x} = \begin{cases} 1 & |x| \le 1 \\ 0 & |x| > 1 \end{cases}

    References
    ----------
    Courbariaux, Hubara, Soudry, El-Yaniv, Bengio 2016: Binarized Neural Networks. arXiv:1602.02830
    """

    def codes(self, x: Tensor) -> Tensor:
        """Signs of ``x``."""
        return straight_through(x.clamp(-1, 1), sign(x))


class ApproxSign(Quantizer):
    r"""Sign, with the gradient of a piecewise quadratic that follows the step more closely.

    .. math:: q(x) = \begin{cases} +1 & x \ge 0 \\ -1 & x < 0 \end{cases}
       \qquad \frac{\partial q}{\partial x} = \max(0,\; 2 - 2|x|)

    References
    ----------
    Liu, Wu, Luo, Yang, Liu, Cheng 2018: Bi-Real Net. arXiv:1808.00278
    """

    def codes(self, x: Tensor) -> Tensor:
        """Signs of ``x``."""
        near = x.clamp(-1, 1)
        return straight_through(near * (2 - near.abs()), sign(x))


class Xnor(Quantizer):
    r"""Signs times the mean magnitude of each output channel, the least-squares scale.

    .. math:: q(w)_{nk} = \alpha_n \operatorname{sign}(w_{nk}), \qquad \alpha_n = \frac1K \sum_k |w_{nk}|

    The gradient of the sign is hardtanh's; the one of :math:`\alpha` is its own.

    References
    ----------
    Rastegari, Ordonez, Redmon, Farhadi 2016: XNOR-Net. arXiv:1603.05279
    """

    def codes(self, x: Tensor) -> Tensor:
        """Signs of ``x``."""
        return straight_through(x.clamp(-1, 1), sign(x))

    def scale(self, x: Tensor) -> Tensor:
        """Mean magnitude of each output channel, shape (N,)."""
        return x.abs().flatten(1).mean(dim=1)


class Ternary(Quantizer):
    r"""Signs of the weights that are large enough, zero for the others.

    .. math:: q(w) = \alpha \begin{cases} \operatorname{sign}(w) & |w| > \Delta \\ 0 & \text{else} \end{cases}
       \qquad \Delta = 0.7 \operatorname{mean}|w|, \quad \alpha = \operatorname{mean}_{|w| > \Delta} |w|

    The gradient passes straight through: :math:`\partial q / \partial w = 1`.

    References
    ----------
    Li, Zhang, Liu 2016: Ternary Weight Networks. arXiv:1605.04711
    """

    bits = 2
    narrow = True
    prunable = True

    def codes(self, x: Tensor) -> Tensor:
        """Values of {-1, 0, +1}."""
        return straight_through(x / self.scale(x), sign(x) * self._large(x))

    def scale(self, x: Tensor) -> Tensor:
        """Mean magnitude of the weights that are kept, shape ()."""
        large = self._large(x)
        mean = (x.detach().abs() * large).sum() / large.sum().clamp(min=1)
        return mean.clamp(min=SMALLEST)

    def _large(self, x: Tensor) -> Tensor:
        """Which weights are kept; the shape of ``x``."""
        return x.abs() > 0.7 * x.abs().mean()


class PowerOfTwo(Quantizer):
    r"""Signed powers of two and zero, so that a product is a shift.

    With :math:`2^m` the largest level, the codes are :math:`0, \pm 1, \pm 2, \dots, \pm 2^{E-1}` in steps of
    :math:`2^{m-E+1}`; a magnitude between two levels takes the nearest, which is the upper one from 3/4 of it on.

    .. math:: m = \lfloor \log_2(\tfrac43 \max|w|) \rfloor, \qquad
       q(w) = \operatorname{sign}(w)\, 2^{\max(m-E+1,\; \lfloor \log_2(\frac43 |w|) \rfloor)}, \quad
       0 \text{ if } |w| < 2^{m-E}

    The gradient passes straight through: :math:`\partial q / \partial w = 1`.

    Parameters
    ----------
    exponents : int
        E, the number of different magnitudes.

    References
    ----------
    Zhou, Yao, Guo, Xu, Chen 2017: Incremental Network Quantization. arXiv:1702.03044
    """

    narrow = True
    prunable = True

    def __init__(self, exponents: int = 3) -> None:
        super().__init__()
        self.exponents = exponents
        self.bits = exponents + 1

    def codes(self, x: Tensor) -> Tensor:
        """Zero, or plus or minus a power of two below ``2**exponents``."""
        magnitude = x.abs() / self.scale(x)
        # frexp is exact where log2 is rounded: 4/3 |w| = f * 2**e with f in [1/2, 1).
        level = torch.ldexp(torch.ones_like(x), torch.frexp(magnitude * (4 / 3)).exponent - 1)
        codes = torch.where(magnitude < 0.5, 0.0, sign(x) * level.clamp(1, 2 ** (self.exponents - 1)))
        return straight_through(x / self.scale(x), codes)

    def scale(self, x: Tensor) -> Tensor:
        """Value of code 1, a power of two, shape ()."""
        top = torch.frexp(x.detach().abs().max() * (4 / 3)).exponent - 1
        return torch.ldexp(x.new_ones(()), top - (self.exponents - 1))


class Uniform(Quantizer):
    r"""Evenly spaced levels, the step learned for weights and a fixed power of two for activations.

    .. math:: q(x) = s \cdot \operatorname{round}(\operatorname{clip}(x / s,\; l,\; h)), \qquad
       \frac{\partial q}{\partial x} = 1 \text{ where } l \le x/s \le h, \text{ else } 0

    .. math:: \frac{\partial q}{\partial s} = \begin{cases} \operatorname{round}(x/s) - x/s & l < x/s < h \\
       l \text{ or } h & \text{outside} \end{cases}

    Signed codes are narrow, ``l = -h = 1 - 2**(bits-1)``; unsigned ones start at 0.

    Parameters
    ----------
    bits : int
        Width of a code, from 2 (signed) or 1 (unsigned) on.
    signed : bool
        Weights are signed; activations, as after a ReLU, are not.
    step : float
        Initial step s.
    learned : bool
        Whether s is trained. An activation's is not: with a power of two, code times step is exact in float32 in every
        runtime, and the batch normalization before it already learns the range.

    References
    ----------
    Esser, McKinstry, Bablani, Appuswamy, Modha 2020: Learned Step Size Quantization. arXiv:1902.08153
    """

    prunable = True

    def __init__(self, bits: int, signed: bool, step: float, learned: bool) -> None:
        super().__init__()
        self.bits, self.signed, self.narrow = bits, signed, signed
        self.high = 2 ** (bits - signed) - 1
        self.low = -self.high if signed else 0
        self.step = nn.Parameter(torch.tensor(step), requires_grad=learned)

    def codes(self, x: Tensor) -> Tensor:
        """Integers in ``[low, high]``."""
        clipped = (x / self.scale(x)).clamp(self.low, self.high)
        return straight_through(clipped, clipped.round())

    def scale(self, x: Tensor) -> Tensor:
        """Step, kept positive, shape ()."""
        return self.step.abs().clamp(min=SMALLEST)
