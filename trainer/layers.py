"""Layers: products with quantized weights, and the encoders that turn real inputs into codes."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from icepop.trainer.quantizers import Quantizer, Uniform

INITIAL = 0.3  # largest initial latent weight: near enough to 0 that signs can change early


class QuantProduct(nn.Module):
    """What a linear layer and a convolution share: a matrix of latent weights, its codes and its scale.

    The scale comes after the integer product: while every sum of codes stays below 2**24, float32 is exact.

    Parameters
    ----------
    inputs, outputs : int
        K and N; the latent weight has shape (N, K).
    quantizer : Quantizer
        Gives the codes q and the scale s.
    per_channel : bool
        False replaces the scales by their mean, so that the largest integer of a last layer is its largest score.
    gain : float
        Constant factor of the scale.
    """

    def __init__(
        self, inputs: int, outputs: int, quantizer: Quantizer, per_channel: bool = True, gain: float = 1.0
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs).uniform_(-INITIAL, INITIAL))
        self.quantizer = quantizer
        self.per_channel = per_channel
        self.gain = gain

    def codes(self) -> Tensor:
        """Weight codes, shape (N, K)."""
        return self.quantizer.codes(self.weight)

    def scale(self) -> Tensor:
        """Factor of the integer product, shape (N,) or ()."""
        scale = self.quantizer.scale(self.weight)
        return (scale if self.per_channel else scale.mean()) * self.gain

    @torch.no_grad()
    def clip(self) -> None:
        """Keep latent weights that become signs in [-1, 1], where the straight-through gradient is not zero."""
        if self.quantizer.bits == 1:
            self.weight.clamp_(-1, 1)


class QuantLinear(QuantProduct):
    r"""Linear layer whose weights are quantized, without bias.

    .. math:: y_n = s_n \sum_k q_{nk}\, x_k
    """

    def forward(self, x: Tensor) -> Tensor:
        """Outputs (samples, N) of inputs (samples, K)."""
        return functional.linear(x, self.codes()) * self.scale()


class QuantConv(QuantProduct):
    r"""Convolution of square windows whose weights are quantized, without bias; zeros around keep the map's size.

    .. math:: y_{nij} = s_n \sum_{c,u,v} q_{ncuv}\, x_{c,\,i+u-p,\,j+v-p}, \qquad p = (k - 1) / 2

    Parameters
    ----------
    channels, outputs : int
        C and N.
    quantizer : Quantizer
        Gives the codes q and the scale s.
    kernel : int
        Odd width k of a window.
    """

    def __init__(self, channels: int, outputs: int, quantizer: Quantizer, kernel: int = 3) -> None:
        super().__init__(channels * kernel * kernel, outputs, quantizer)
        self.kernel = kernel

    def windows(self) -> Tensor:
        """Weight codes, shape (N, C, k, k)."""
        codes = self.codes()
        return codes.reshape(len(codes), -1, self.kernel, self.kernel)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (samples, N, H, W) of maps (samples, C, H, W)."""
        scale = self.scale()
        product = functional.conv2d(x, self.windows(), padding=self.kernel // 2)
        return product * (scale[:, None, None] if scale.dim() else scale)


class Thermometer(nn.Module):
    r"""Input encoder: one bipolar bit for each threshold an input reaches, a feature or a map.

    .. math:: b_{fT + t} = \begin{cases} +1 & x_f \ge \theta_t \\ -1 & x_f < \theta_t \end{cases}

    Parameters
    ----------
    thresholds : sequence of float
        T ascending thresholds in the unit of the input, rounded to float32.
    """

    thresholds: Tensor

    def __init__(self, thresholds: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("thresholds", torch.tensor(thresholds, dtype=torch.float32))

    def width(self, features: int) -> int:
        """Codes of ``features`` inputs, or channels of as many channels."""
        return features * len(self.thresholds)

    def forward(self, x: Tensor) -> Tensor:
        """Bits (samples, F*T, ...), threshold index innermost, of inputs (samples, F, ...)."""
        levels = self.thresholds.reshape(-1, *(1 for _ in x.shape[2:]))
        return torch.where(x[:, :, None] >= levels, 1.0, -1.0).flatten(1, 2)


class KBitInput(nn.Module):
    r"""Input encoder: each input rounded to an integer of a few bits.

    .. math:: y = s \cdot \operatorname{round}(\operatorname{clip}(x / s,\; l,\; h))

    Parameters
    ----------
    bits : int
        Width of a code.
    largest : float
        Largest magnitude of an input. The step s is the smallest power of two that reaches it, so that codes
        times s are exact in float32.
    signed : bool
        Whether inputs are negative too: then ``l = -h``, else ``l = 0``.
    """

    def __init__(self, bits: int, largest: float, signed: bool = False) -> None:
        super().__init__()
        codes = 2 ** (bits - signed) - 1
        step = 2.0 ** math.ceil(math.log2(largest / codes))
        self.quantizer = Uniform(bits, signed=signed, step=step, learned=False)

    def width(self, features: int) -> int:
        """Codes of ``features`` inputs, or channels of as many channels."""
        return features

    def forward(self, x: Tensor) -> Tensor:
        """Rounded inputs, the same shape."""
        return self.quantizer(x)
