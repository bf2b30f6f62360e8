"""Four small convolutional networks for Brevitas, each with its width as a parameter.

All take images (1, H, W) of values 0 to 1 and begin with an 8-bit quantizer, so that hardware can take bytes.
"""

import warnings
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Brevitas' own deprecations
    import brevitas.nn as qnn
    import brevitas.quant as bq

CLASSES = 10

BINARY: dict[str, Any] = {"weight_quant": bq.SignedBinaryWeightPerTensorConst, "bias": False}
TERNARY: dict[str, Any] = {"weight_quant": bq.SignedTernaryWeightPerTensorConst, "bias": False}
THREE_BITS: dict[str, Any] = {"weight_quant": bq.Int8WeightPerChannelFloat, "weight_bit_width": 3, "bias": False}


def pixels() -> nn.Module:
    """8-bit codes of values from -1 to 1."""
    return qnn.QuantIdentity(act_quant=bq.Int8ActPerTensorFixedPoint, bit_width=8, return_quant_tensor=False)


def sign() -> nn.Module:
    """Activations -1 and +1."""
    return qnn.QuantIdentity(act_quant=bq.SignedBinaryActPerTensorConst)


def relu(bits: int) -> nn.Module:
    """Activations from 0 to ``2**bits - 1`` with a learned scale."""
    return qnn.QuantReLU(bit_width=bits)


def conv(source: int, target: int, size: int, weights: dict[str, Any], **options: Any) -> list[nn.Module]:
    """Convolution and batch normalization."""
    return [qnn.QuantConv2d(source, target, size, **weights, **options), nn.BatchNorm2d(target)]


def dense(source: int, target: int) -> list[nn.Module]:
    """Binary dense layer and batch normalization."""
    return [qnn.QuantLinear(source, target, **BINARY), nn.BatchNorm1d(target)]


class Cnv(nn.Module):
    """VGG-like CNV of FINN (Umuroglu et al. 2017), narrowed: binary weights and activations, images of 32x32.

    Parameters
    ----------
    width : int
        Channels of the first two convolutions; the next two have twice, the last two four times as many.
    hidden : int
        Neurons of the two hidden dense layers.
    """

    def __init__(self, width: int = 12, hidden: int = 64):
        super().__init__()
        layers = [pixels()]
        channels = [1, width, width, 2 * width, 2 * width, 4 * width, 4 * width]
        for k in range(6):
            layers += [*conv(channels[k], channels[k + 1], 3, BINARY), sign()]
            if k in (1, 3):
                layers.append(nn.MaxPool2d(2))
        layers += [nn.Flatten(), *dense(4 * width, hidden), sign(), *dense(hidden, hidden), sign()]
        self.layers = nn.Sequential(*layers, qnn.QuantLinear(hidden, CLASSES, **BINARY))

    def forward(self, x: Tensor) -> Tensor:
        """Scores."""
        return self.layers(2 * x - 1)


class Fire(nn.Module):
    """A squeeze and two expanding convolutions that are joined (SqueezeNet, Iandola et al. 2016).

    Parameters
    ----------
    source, squeeze, expand : int
        Channels in, between, and out of each of the two.
    """

    def __init__(self, source: int, squeeze: int, expand: int):
        super().__init__()
        self.squeeze = nn.Sequential(*conv(source, squeeze, 1, BINARY), relu(2))
        self.point = nn.Sequential(*conv(squeeze, expand, 1, BINARY))
        self.window = nn.Sequential(*conv(squeeze, expand, 3, BINARY, padding=1))
        self.shared = relu(2)  # both halves on one grid

    def forward(self, x: Tensor) -> Tensor:
        """Channels of the 1x1 convolution, then those of the 3x3 one."""
        x = self.squeeze(x)
        return torch.cat([self.shared(self.point(x)), self.shared(self.window(x))], dim=1)


class SqueezeNet(nn.Module):
    """SqueezeNet with two Fire modules; binary weights, 2-bit activations, scores by global average pooling.

    Parameters
    ----------
    width : int
        Channels of the first convolution.
    """

    def __init__(self, width: int = 16):
        super().__init__()
        self.entry = nn.Sequential(pixels(), *conv(1, width, 3, BINARY, stride=2), relu(2))
        self.fires = nn.Sequential(
            Fire(width, width // 2, width), nn.MaxPool2d(2), Fire(2 * width, width, 2 * width), nn.MaxPool2d(2)
        )
        self.head = nn.Sequential(*conv(4 * width, CLASSES, 1, BINARY), relu(4))

    def forward(self, x: Tensor) -> Tensor:
        """Scores: means of the last map."""
        x = self.head(self.fires(self.entry(x)))
        return nn.functional.adaptive_avg_pool2d(x, 1).flatten(1)


class ShuffleUnit(nn.Module):
    """Grouped 1x1, channel shuffle, depthwise 3x3, grouped 1x1, and the input added (ShuffleNet, Zhang et al. 2018).

    Parameters
    ----------
    channels, groups : int
        Channels in and out, and their groups.
    """

    def __init__(self, channels: int, groups: int):
        super().__init__()
        self.groups = groups
        self.first = nn.Sequential(*conv(channels, channels, 1, TERNARY, groups=groups), relu(2))
        self.depthwise = nn.Sequential(*conv(channels, channels, 3, TERNARY, groups=channels, padding=1), relu(2))
        self.last = nn.Sequential(*conv(channels, channels, 1, TERNARY, groups=groups))
        self.shared, self.sum = relu(3), relu(2)

    def forward(self, x: Tensor) -> Tensor:
        """Input and change, added on one grid."""
        y = self.first(x)
        count, channels, height, width = y.shape
        y = y.reshape(count, self.groups, channels // self.groups, height, width)
        y = y.transpose(1, 2).reshape(count, channels, height, width)
        y = self.last(self.depthwise(y))
        return self.sum(self.shared(x) + self.shared(y))


class ShuffleNet(nn.Module):
    """ShuffleNet with two units; ternary weights, 2-bit activations.

    Parameters
    ----------
    width : int
        Channels of the first unit; the second has twice as many.
    groups : int
        Groups of the 1x1 convolutions.
    """

    def __init__(self, width: int = 16, groups: int = 2):
        super().__init__()
        self.layers = nn.Sequential(
            pixels(),
            *conv(1, width, 3, TERNARY, stride=2, padding=1),
            relu(2),
            ShuffleUnit(width, groups),
            nn.MaxPool2d(2),
            *conv(width, 2 * width, 1, TERNARY),
            relu(2),
            ShuffleUnit(2 * width, groups),
            nn.MaxPool2d(2),
            *conv(2 * width, CLASSES, 3, TERNARY),
            relu(4),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Scores."""
        return self.layers(x)


class Block(nn.Module):
    """Two 3x3 convolutions and a way around them (ResNet, He et al. 2016).

    Parameters
    ----------
    source, target : int
        Channels; where they differ, the way around is a 1x1 convolution.
    stride : int
        Of the first convolution and of the way around.
    """

    def __init__(self, source: int, target: int, stride: int):
        super().__init__()
        self.first = nn.Sequential(*conv(source, target, 3, THREE_BITS, stride=stride, padding=1), relu(3))
        self.second = nn.Sequential(*conv(target, target, 3, THREE_BITS, padding=1))
        self.around = nn.Sequential()
        if (source, stride) != (target, 1):
            self.around = nn.Sequential(*conv(source, target, 1, THREE_BITS, stride=stride))
        self.shared = qnn.QuantIdentity(bit_width=4)  # both ways on one grid
        self.sum = relu(3)

    def forward(self, x: Tensor) -> Tensor:
        """Sum of the two ways."""
        return self.sum(self.shared(self.second(self.first(x))) + self.shared(self.around(x)))


class ResNet(nn.Module):
    """ResNet with two blocks; 3-bit weights with a scale a channel, 3-bit activations.

    Parameters
    ----------
    width : int
        Channels of the first block; the second has twice as many.
    """

    def __init__(self, width: int = 8):
        super().__init__()
        self.layers = nn.Sequential(
            pixels(),
            *conv(1, width, 3, THREE_BITS, stride=2, padding=1),
            relu(3),
            Block(width, width, 1),
            Block(width, 2 * width, 2),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            qnn.QuantIdentity(bit_width=6),
            qnn.QuantLinear(2 * width, CLASSES, **THREE_BITS),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Scores."""
        return self.layers(x)


class Maker(Protocol):
    """What makes a network of some size."""

    def __call__(self, **sizes: int) -> nn.Module:
        """Make it."""


@dataclass(frozen=True)
class Kind:
    """A network, the side of its square images, and the sizes of a tiny version.

    Parameters
    ----------
    make : callable
        Makes the network.
    side : int
        Height and width of its images.
    tiny : dict
        Arguments of a version that simulates quickly.
    tiny_side : int
        Its images.
    """

    make: Maker
    side: int
    tiny: dict[str, int] = field(default_factory=dict)
    tiny_side: int = 12


KINDS = {
    "cnv": Kind(Cnv, 32, {"width": 2, "hidden": 6}, 32),
    "squeezenet": Kind(SqueezeNet, 28, {"width": 4}),
    "shufflenet": Kind(ShuffleNet, 28, {"width": 4}, 24),
    "resnet": Kind(ResNet, 28, {"width": 2}),
}
