"""The network: encoder, hidden layers of product, batch normalization and quantizer, and a last product."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from icepop.trainer.layers import KBitInput, QuantLinear, Thermometer
from icepop.trainer.quantizers import Quantizer
from icepop.trainer.registry import activation_quantizer, weight_quantizer

HEAD_GAIN = 2.0  # standard deviation of the logits before training
Encoder = Thermometer | KBitInput


@dataclass(frozen=True)
class MlpSpec:
    """What an `Mlp` is built from.

    Parameters
    ----------
    features, classes : int
        Inputs and outputs of the network.
    hidden : tuple of int
        Width of each hidden layer.
    weights, activations : str
        Names in `WEIGHT_QUANTIZERS` and `ACTIVATION_QUANTIZERS`.
    sparsity : float
        Share of zeros that every weight is pruned to.
    """

    features: int
    classes: int
    hidden: tuple[int, ...]
    weights: str = "binary"
    activations: str = "bireal"
    sparsity: float = 0.0


class Block(nn.Module):
    """Hidden layer: product, batch normalization, quantizer.

    Parameters
    ----------
    linear : QuantLinear
        Product (samples, K) to (samples, N).
    activation : Quantizer
        Applied after the batch normalization.
    """

    def __init__(self, linear: QuantLinear, activation: Quantizer) -> None:
        super().__init__()
        self.linear = linear
        self.norm = nn.BatchNorm1d(linear.weight.shape[0])
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """Quantized activations (samples, N)."""
        return self.activation(self.norm(self.linear(x)))

    def settle(self, x: Tensor) -> None:
        """Take the statistics of the normalization from inputs (samples, K)."""
        variance, mean = torch.var_mean(self.linear(x), dim=0)
        state = self.norm.state_dict()
        state["running_mean"].copy_(mean)
        state["running_var"].copy_(variance)


class Mlp(nn.Module):
    """Fully connected network on quantized values.

    The last layer has one scale and nothing else behind its product, so the class is the argmax of integers.

    Parameters
    ----------
    spec : MlpSpec
        Sizes and quantizers.
    encoder : Encoder
        Turns float32 inputs (samples, features) into codes.
    """

    def __init__(self, spec: MlpSpec, encoder: Encoder) -> None:
        super().__init__()
        self.spec = spec
        self.encoder = encoder
        self.blocks = nn.ModuleList()
        width = encoder.width(spec.features)
        for size in spec.hidden:
            linear = QuantLinear(width, size, weight_quantizer(spec.weights, spec.sparsity))
            self.blocks.append(Block(linear, activation_quantizer(spec.activations)))
            width = size
        head = weight_quantizer(spec.weights, spec.sparsity)
        # Sums of K random signs grow with sqrt(K).
        self.head = QuantLinear(width, spec.classes, head, per_channel=False, gain=HEAD_GAIN * width**-0.5)

    @property
    def hidden(self) -> list[Block]:
        """The hidden layers, first to last."""
        return [block for block in self.blocks if isinstance(block, Block)]

    def forward(self, x: Tensor) -> Tensor:
        """Logits (samples, classes) of float32 inputs (samples, features)."""
        x = self.encoder(x)
        for block in self.hidden:
            x = block(x)
        return self.head(x)

    @torch.no_grad()
    def settle(self, x: Tensor) -> None:
        """Measure the statistics of every batch normalization anew, on unchanged inputs (samples, features).

        Training saw augmented ones; on digits the difference costs half a percent of accuracy.
        """
        x = self.encoder(x)
        for block in self.hidden:
            block.settle(x)
            x = block(x)
