"""Networks of our own making with Brevitas, at least one for each thing that its exports may hold.

Channels, height and width always differ and exceed 1. Scales come from Brevitas' own statistics, so they are any float.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Brevitas' own deprecations
    import brevitas.nn as qnn
    import brevitas.quant as bq

BINARY: dict[str, Any] = {"weight_quant": bq.SignedBinaryWeightPerTensorConst, "bias": False}
TERNARY: dict[str, Any] = {"weight_quant": bq.SignedTernaryWeightPerTensorConst, "bias": False}
PER_CHANNEL: dict[str, Any] = {"weight_quant": bq.Int8WeightPerChannelFloat, "weight_bit_width": 3, "bias": False}


def sign_activation() -> nn.Module:
    return qnn.QuantIdentity(act_quant=bq.SignedBinaryActPerTensorConst, return_quant_tensor=True)


def signed(bits: int, **options: Any) -> nn.Module:
    return qnn.QuantIdentity(**{"bit_width": bits, "return_quant_tensor": True, **options})


def relu(bits: int, **options: Any) -> nn.Module:
    return qnn.QuantReLU(**{"bit_width": bits, "return_quant_tensor": True, **options})


def plain(activation: Callable[..., nn.Module], bits: int) -> nn.Module:
    """Activation that gives plain tensors, for torch functions that Brevitas' own tensors do not know."""
    return activation(bits, return_quant_tensor=False)


def binary_dense() -> nn.Module:
    """Binary weights and activations, batch normalization, scales that are no power of two."""
    return nn.Sequential(
        nn.Flatten(),
        sign_activation(),
        qnn.QuantLinear(24, 9, **BINARY, weight_scaling_init=0.3),
        nn.BatchNorm1d(9),
        sign_activation(),
        qnn.QuantLinear(9, 7, **BINARY),
        nn.BatchNorm1d(7),
        sign_activation(),
        qnn.QuantLinear(7, 5, **BINARY),
    )


def ternary_dense() -> nn.Module:
    """Ternary weights and activations, float biases, HardTanh."""
    ternary = {**TERNARY, "bias": True}
    return nn.Sequential(
        nn.Flatten(),
        qnn.QuantIdentity(act_quant=bq.SignedTernaryActPerTensorConst, scaling_init=0.7),
        qnn.QuantLinear(24, 9, **ternary),
        qnn.QuantHardTanh(bit_width=4, min_val=-1.0, max_val=1.0),
        qnn.QuantLinear(9, 7, **ternary),
        qnn.QuantHardTanh(bit_width=2, min_val=-0.6, max_val=0.6, narrow_range=True),
        qnn.QuantLinear(7, 5, **TERNARY),
    )


def wide_dense() -> nn.Module:
    """8-bit weights and activations, quantized biases, scales per channel and powers of two."""
    return nn.Sequential(
        nn.Flatten(),
        signed(8),
        qnn.QuantLinear(24, 9, True, weight_quant=bq.Int8WeightPerChannelFloat, bias_quant=bq.Int16Bias),
        relu(8),
        qnn.QuantLinear(9, 7, True, weight_quant=bq.Int8WeightPerTensorFixedPoint, bias_quant=bq.Int32Bias),
        relu(8, act_quant=bq.Uint8ActPerTensorFixedPoint),
        qnn.QuantLinear(7, 5, False, weight_quant=bq.Int8WeightPerTensorFloat, weight_bit_width=5),
    )


def per_channel_scores() -> nn.Module:
    """Scores with a scale and a bias of their own for each class."""
    return nn.Sequential(
        nn.Flatten(),
        signed(4),
        qnn.QuantLinear(24, 9, **PER_CHANNEL),
        relu(3),
        qnn.QuantLinear(9, 5, **{**PER_CHANNEL, "bias": True}),
    )


def zero_points() -> nn.Module:
    """Activations and weights with zero points."""
    weights = {"weight_quant": bq.ShiftedUint8WeightPerTensorFloat, "bias": False}
    return nn.Sequential(
        nn.Flatten(),
        qnn.QuantIdentity(act_quant=bq.ShiftedUint8ActPerTensorFloat, bit_width=4),
        qnn.QuantLinear(24, 9, **weights, weight_bit_width=4),
        qnn.QuantIdentity(act_quant=bq.ShiftedUint8ActPerTensorFloat, bit_width=3),
        qnn.QuantLinear(9, 5, **weights, weight_bit_width=3),
    )


def roundings() -> nn.Module:
    """Every rounding mode that Brevitas writes."""
    layers: list[nn.Module] = [nn.Flatten(), signed(5, float_to_int_impl_type="floor")]
    for mode in ("ceil", "round_to_zero", "floor"):
        layers += [qnn.QuantLinear(24 if len(layers) == 2 else 9, 9, **PER_CHANNEL)]
        layers += [signed(4, float_to_int_impl_type=mode)]
    return nn.Sequential(*layers, qnn.QuantLinear(9, 5, **BINARY))


def small_conv() -> nn.Module:
    """Stride, pads, batch normalization, pooling and NCHW order through a flatten."""
    return nn.Sequential(
        signed(4),
        qnn.QuantConv2d(2, 5, 3, stride=(1, 2), padding=1, **PER_CHANNEL),
        nn.BatchNorm2d(5),
        relu(3),
        nn.MaxPool2d((3, 1), stride=1),
        nn.Flatten(),
        qnn.QuantLinear(5 * 3 * 2, 4, **PER_CHANNEL),
    )


def binary_conv() -> nn.Module:
    """Bipolar maps whose pads are the real number 0."""
    return nn.Sequential(
        sign_activation(),
        qnn.QuantConv2d(2, 4, 3, padding=1, **BINARY),
        nn.BatchNorm2d(4),
        sign_activation(),
        nn.MaxPool2d(2, stride=1),
        qnn.QuantConv2d(4, 4, (2, 3), padding=(1, 2), dilation=(1, 2), **BINARY),
        nn.BatchNorm2d(4),
        sign_activation(),
        nn.Flatten(),
        qnn.QuantLinear(4 * 5 * 3, 5, **BINARY),
    )


def shifted_conv() -> nn.Module:
    """Pads of maps with a zero point; a bias."""
    return nn.Sequential(
        qnn.QuantIdentity(act_quant=bq.ShiftedUint8ActPerTensorFloat, bit_width=4),
        qnn.QuantConv2d(2, 3, 3, padding=1, weight_bit_width=4),
        relu(2),
        nn.Flatten(),
        qnn.QuantLinear(3 * 5 * 4, 5, **TERNARY),
    )


def separable_conv() -> nn.Module:
    """Depthwise, grouped and pointwise convolutions."""
    return nn.Sequential(
        sign_activation(),
        qnn.QuantConv2d(2, 4, 3, groups=2, padding=(2, 1), **BINARY),
        nn.BatchNorm2d(4),
        relu(2),
        qnn.QuantConv2d(4, 4, 3, groups=4, stride=2, padding=1, **PER_CHANNEL),
        relu(3),
        qnn.QuantConv2d(4, 6, 1, **TERNARY),
        nn.BatchNorm2d(6),
        sign_activation(),
        nn.Flatten(),
        qnn.QuantLinear(6 * 4 * 2, 5, **BINARY),
    )


def conv_1d() -> nn.Module:
    """Convolutions over time."""
    return nn.Sequential(
        nn.Flatten(1, 2),  # (2, 5, 4) to 10 channels of 4 samples
        signed(3),
        qnn.QuantConv1d(10, 6, 3, padding=2, dilation=2, **PER_CHANNEL),
        nn.BatchNorm1d(6),
        relu(3),
        nn.MaxPool1d(2),
        qnn.QuantConv1d(6, 4, 2, groups=2, **BINARY),
        sign_activation(),
        nn.Flatten(),
        qnn.QuantLinear(4, 5, **BINARY),
    )


def average_pools() -> nn.Module:
    """Average pooling of codes, global pooling of a layer's results."""
    return nn.Sequential(
        signed(4),
        qnn.QuantConv2d(2, 5, 3, padding=1, **PER_CHANNEL),
        relu(4),
        nn.AvgPool2d(2),
        signed(4),
        qnn.QuantConv2d(5, 4, 1, **PER_CHANNEL),
        relu(4),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        signed(6),
        qnn.QuantLinear(4, 3, **PER_CHANNEL),
    )


def truncated_pool() -> nn.Module:
    """Average pooling by a sum whose low bits are dropped: Trunc."""
    return nn.Sequential(
        signed(4),
        qnn.QuantConv2d(2, 5, 3, padding=1, **PER_CHANNEL),
        relu(4),
        qnn.TruncAvgPool2d(2, bit_width=4, float_to_int_impl_type="floor"),
        nn.Flatten(),
        qnn.QuantLinear(20, 3, **PER_CHANNEL),
    )


class Residual(nn.Module):
    """Two branches added on one grid, as Brevitas' ResNets do, and once more before any quantizer."""

    def __init__(self) -> None:
        super().__init__()
        self.entry, self.shared, self.act = signed(4), signed(4), relu(4)
        self.conv1, self.conv2 = (qnn.QuantConv2d(2, 2, 3, padding=1, **PER_CHANNEL) for _ in range(2))
        self.norm = nn.BatchNorm2d(2)
        self.add = qnn.QuantEltwiseAdd(input_quant=bq.Int8ActPerTensorFloat, input_bit_width=4, output_bit_width=5)
        self.head = qnn.QuantLinear(40, 5, **BINARY)

    def forward(self, x: Tensor) -> Tensor:
        x = self.entry(x)
        x = self.shared(self.norm(self.conv1(x))) + self.shared(x)
        x = self.act(x)
        x = self.add(x, self.conv2(x))
        return self.head(torch.flatten(x, 1))


class Fire(nn.Module):
    """SqueezeNet's module: two convolutions of one map, joined."""

    def __init__(self) -> None:
        super().__init__()
        self.entry, self.squeeze_act, self.join_act = signed(4), relu(3), plain(relu, 3)
        self.squeeze = qnn.QuantConv2d(2, 3, 1, **PER_CHANNEL)
        self.small = qnn.QuantConv2d(3, 4, 1, **PER_CHANNEL)
        self.large = qnn.QuantConv2d(3, 5, 3, padding=1, **PER_CHANNEL)
        self.last = qnn.QuantConv2d(9, 3, 1, **PER_CHANNEL)
        self.final = plain(relu, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.squeeze_act(self.squeeze(self.entry(x)))
        x = torch.cat([self.join_act(self.small(x)), self.join_act(self.large(x))], dim=1)
        x = self.final(self.last(x))
        return torch.flatten(nn.functional.adaptive_avg_pool2d(x, 1), 1)


class Shuffle(nn.Module):
    """ShuffleNet's module: a split, grouped convolutions and channels dealt out like cards."""

    def __init__(self) -> None:
        super().__init__()
        self.entry, self.act = signed(4), plain(relu, 3)
        self.conv1 = qnn.QuantConv2d(2, 8, 3, padding=1, **PER_CHANNEL)
        self.conv2 = qnn.QuantConv2d(4, 4, 1, groups=2, **PER_CHANNEL)
        self.head = qnn.QuantLinear(8 * 5 * 4, 5, **PER_CHANNEL)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.conv1(self.entry(x)))
        kept, changed = torch.split(x, [4, 4], dim=1)
        changed = self.act(self.conv2(changed))
        x = torch.cat([kept, changed], dim=1)
        x = x.reshape(x.shape[0], 2, 4, 5, 4).transpose(1, 2).reshape(x.shape[0], 8, 5, 4)
        return self.head(torch.flatten(x, 1))


class Sliced(nn.Module):
    """Slices, squeezes and a transpose; the class by ArgMax."""

    def __init__(self) -> None:
        super().__init__()
        self.entry = plain(signed, 4)
        self.head = qnn.QuantLinear(16, 5, **TERNARY)

    def forward(self, x: Tensor) -> Tensor:
        x = self.entry(x).permute(0, 2, 3, 1)[:, 1:5, ::2]
        x = torch.flatten(x.unsqueeze(1).squeeze(1), 1)
        return self.head(x).argmax(dim=1, keepdim=True)


def ranked() -> nn.Module:
    """A softmax behind the scores."""
    return nn.Sequential(nn.Flatten(), signed(3), nn.Dropout(), qnn.QuantLinear(24, 5, **BINARY), nn.Softmax(1))


@dataclass(frozen=True)
class Network:
    """How a network is made, the shape of one sample, and whether it is trained a little."""

    make: Callable[[], nn.Module]
    shape: tuple[int, ...] = (2, 5, 4)
    trained: bool = False


FLAT = (2, 3, 4)
NETWORKS = {
    "binary_dense": Network(binary_dense, FLAT),
    "binary_dense_trained": Network(binary_dense, FLAT, True),
    "ternary_dense": Network(ternary_dense, FLAT),
    "wide_dense": Network(wide_dense, FLAT),
    "per_channel_scores": Network(per_channel_scores, FLAT),
    "zero_points": Network(zero_points, FLAT),
    "roundings": Network(roundings, FLAT),
    "ranked": Network(ranked, FLAT),
    "small_conv": Network(small_conv),
    "small_conv_trained": Network(small_conv, trained=True),
    "binary_conv": Network(binary_conv),
    "shifted_conv": Network(shifted_conv),
    "separable_conv": Network(separable_conv),
    "conv_1d": Network(conv_1d),
    "average_pools": Network(average_pools),
    "truncated_pool": Network(truncated_pool),
    "residual": Network(Residual),
    "fire": Network(Fire),
    "shuffle": Network(Shuffle),
    "sliced": Network(Sliced),
}
