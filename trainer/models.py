"""The network: encoder, convolutions, dense layers, and a last product."""

from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional

from icepop.compiler.errors import ModelError
from icepop.trainer.layers import KBitInput, QuantConv, QuantLinear, Thermometer
from icepop.trainer.quantizers import Quantizer
from icepop.trainer.registry import activation_quantizer, weight_quantizer

HEAD_GAIN = 2.0  # standard deviation of the logits before training
POOL = 2
"""Width and stride of the max pools."""
SMALLEST_POOLED = 4
"""Least height and width of a map that is pooled."""
Encoder = Thermometer | KBitInput


@dataclass(frozen=True)
class NetSpec:
    """What a `QuantNet` is built from.

    Parameters
    ----------
    shape : tuple of int
        Shape of a sample: for convolutions (height, width) or (channels, height, width), else any.
    classes : int
        Outputs of the network.
    hidden : tuple of int
        Width of each hidden dense layer.
    channels : tuple of int
        Channels of each convolution, before the dense layers.
    weights, activations : str
        Names in `WEIGHT_QUANTIZERS` and `ACTIVATION_QUANTIZERS`.
    sparsity : float
        Share of zeros that every weight is pruned to.
    """

    shape: tuple[int, ...]
    classes: int
    hidden: tuple[int, ...] = ()
    channels: tuple[int, ...] = ()
    weights: str = "binary"
    activations: str = "bireal"
    sparsity: float = 0.0

    @property
    def features(self) -> int:
        """Values of a sample."""
        return prod(self.shape)

    @property
    def maps(self) -> tuple[int, ...]:
        """Shape in which the encoder takes a sample: (features,), or for convolutions (channels, height, width)."""
        if not self.channels:
            return (self.features,)
        if len(self.shape) not in (2, 3):
            raise ModelError(
                f"convolutions need samples of shape (height, width) or (channels, height, width), not {self.shape}"
            )
        return (1, *self.shape) if len(self.shape) == 2 else self.shape


class Block(nn.Module):
    """Hidden layer: product, batch normalization, quantizer, and a max pool where it is asked for.

    Parameters
    ----------
    product : QuantLinear or QuantConv
        Dense, (samples, K) to (samples, N), or a convolution of maps.
    activation : Quantizer
        Applied after the batch normalization.
    pooled : bool
        Whether maps are halved.
    """

    def __init__(self, product: QuantLinear | QuantConv, activation: Quantizer, pooled: bool = False) -> None:
        super().__init__()
        self.product = product
        norm = nn.BatchNorm2d if isinstance(product, QuantConv) else nn.BatchNorm1d
        self.norm = norm(product.weight.shape[0])
        self.activation = activation
        self.pooled = pooled

    def forward(self, x: Tensor) -> Tensor:
        """Quantized activations (samples, N, ...)."""
        x = self.activation(self.norm(self.product(x)))
        return functional.max_pool2d(x, POOL) if self.pooled else x

    def settle(self, x: Tensor) -> None:
        """Take the statistics of the normalization from inputs."""
        product = self.product(x)
        variance, mean = torch.var_mean(product, dim=(0, *range(2, product.dim())))
        state = self.norm.state_dict()
        state["running_mean"].copy_(mean)
        state["running_var"].copy_(variance)


class QuantNet(nn.Module):
    """Network on quantized values: convolutions of 3x3 windows with max pools while maps are large, then dense layers.

    The last layer has one scale and nothing else behind its product, so the class is the argmax of integers.

    Parameters
    ----------
    spec : NetSpec
        Sizes and quantizers.
    encoder : Encoder
        Turns float32 inputs (samples, features), or maps of them, into codes.

    Raises
    ------
    ModelError
        A quantizer does not exist, or the samples are no maps.
    """

    def __init__(self, spec: NetSpec, encoder: Encoder) -> None:
        super().__init__()
        self.spec = spec
        self.encoder = encoder
        self.blocks = nn.ModuleList()
        first, *size = spec.maps
        width = encoder.width(first)
        for channels in spec.channels:
            pooled = min(size) >= SMALLEST_POOLED
            self._append(QuantConv(width, channels, weight_quantizer(spec.weights, spec.sparsity)), pooled)
            size = [side // POOL for side in size] if pooled else size
            width = channels
        width *= prod(size)
        for outputs in spec.hidden:
            self._append(QuantLinear(width, outputs, weight_quantizer(spec.weights, spec.sparsity)))
            width = outputs
        head = weight_quantizer(spec.weights, spec.sparsity)
        # Sums of K random signs grow with sqrt(K).
        self.head = QuantLinear(width, spec.classes, head, per_channel=False, gain=HEAD_GAIN * width**-0.5)

    def _append(self, product: QuantLinear | QuantConv, pooled: bool = False) -> None:
        """Add a hidden layer."""
        self.blocks.append(Block(product, activation_quantizer(self.spec.activations), pooled))

    @property
    def hidden(self) -> list[Block]:
        """The hidden layers, first to last."""
        return [block for block in self.blocks if isinstance(block, Block)]

    def encoded(self, x: Tensor) -> Tensor:
        """Codes of float32 inputs (samples, features), as the first layer takes them."""
        return self.encoder(x.reshape(-1, *self.spec.maps))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (samples, classes) of float32 inputs (samples, features)."""
        x = self.encoded(x)
        for block in self.hidden:
            x = block(flat_for(block.product, x))
        return self.head(flat_for(self.head, x))

    @torch.no_grad()
    def settle(self, x: Tensor) -> None:
        """Measure the statistics of every batch normalization anew, on unchanged inputs (samples, features).

        Training saw augmented ones; on digits the difference costs half a percent of accuracy.
        """
        x = self.encoded(x)
        for block in self.hidden:
            x = flat_for(block.product, x)
            block.settle(x)
            x = block(x)


def flat_for(product: QuantLinear | QuantConv, x: Tensor) -> Tensor:
    """What a layer takes: a dense one vectors, a convolution the maps as they are."""
    return x.flatten(1) if isinstance(product, QuantLinear) else x
