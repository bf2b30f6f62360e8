import numpy as np
import pytest
import torch

from icepop.trainer.layers import KBitInput, QuantConv, QuantLinear, Thermometer
from icepop.trainer.quantizers import Binary, Ternary, Xnor


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def test_linear_is_the_exact_integer_product_times_the_scale() -> None:
    layer = QuantLinear(1000, 7, Xnor())
    x = torch.randint(-100, 101, (50, 1000))
    product = x.numpy().astype(np.int64) @ layer.codes().detach().numpy().astype(np.int64).T
    scale = layer.weight.detach().abs().mean(dim=1).numpy()
    assert np.array_equal(layer(x.float()).detach().numpy(), product.astype(np.float32) * scale)


def test_convolution_is_the_exact_integer_sum_over_padded_windows_times_the_scale() -> None:
    layer = QuantConv(3, 5, Xnor())
    maps = torch.randint(-100, 101, (2, 3, 4, 6))
    padded = np.pad(maps.numpy().astype(np.int64), ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    codes = layer.windows().detach().numpy().astype(np.int64)
    product = np.einsum("schwuv,ncuv->snhw", windows, codes)
    scale = layer.weight.detach().abs().mean(dim=1).numpy()[:, None, None]
    assert np.array_equal(layer(maps.float()).detach().numpy(), product.astype(np.float32) * scale)


def test_one_scale_for_all_channels_is_their_mean_and_keeps_the_order() -> None:
    layer = QuantLinear(50, 9, Xnor(), per_channel=False, gain=0.5)
    with torch.no_grad():
        layer.weight *= torch.linspace(0.1, 2, 9)[:, None]
    assert layer.scale().item() == pytest.approx(0.5 * layer.weight.abs().mean().item())
    x = Binary().codes(torch.randn(200, 50))
    integers = x.double() @ layer.codes().double().T
    assert torch.equal(layer(x).argmax(dim=1), integers.argmax(dim=1))


def test_clip_bounds_the_weights_behind_signs_only() -> None:
    for quantizer, largest in ((Binary(), 1.0), (Ternary(), 3.0)):
        layer = QuantLinear(4, 2, quantizer)
        with torch.no_grad():
            layer.weight[0, 0] = 3
        layer.clip()
        assert layer.weight.max().item() == largest


def test_thermometer_has_the_threshold_index_innermost_and_reaches_at_equality() -> None:
    encoder = Thermometer((4.0, 8.0, 12.0))
    x = torch.tensor([[0.0, 4.0], [8.0, 11.99], [12.0, -1.0]])
    assert encoder(x).tolist() == [[-1, -1, -1, 1, -1, -1], [1, 1, -1, 1, 1, -1], [1, 1, 1, -1, -1, -1]]
    assert encoder.width(2) == 6


def test_thermometer_gives_a_channel_for_each_threshold() -> None:
    encoder = Thermometer((4.0, 8.0))
    x = torch.tensor([[[[0.0, 5.0]], [[9.0, 8.0]]]])
    assert encoder(x).tolist() == [[[[-1, 1]], [[-1, -1]], [[1, 1]], [[1, 1]]]]


@pytest.mark.parametrize(
    ("bits", "largest", "signed", "step"),
    [(4, 15.0, False, 1.0), (4, 15.1, False, 2.0), (5, 16.0, False, 1.0), (8, 1.0, False, 2**-7), (3, 6.0, True, 2.0)],
)
def test_input_step_is_the_smallest_power_of_two_that_reaches(bits, largest, signed, step) -> None:
    encoder = KBitInput(bits, largest, signed)
    assert encoder.quantizer.step.item() == step
    assert encoder.width(5) == 5


def test_input_codes_round_and_clip() -> None:
    x = torch.tensor([[-3.0, 0.5, 1.5, 14.7, 99.0]])
    assert KBitInput(4, 15.0)(x).tolist() == [[0, 0, 2, 15, 15]]
    assert KBitInput(4, 7.0, signed=True)(x).tolist() == [[-3, 0, 2, 7, 7]]
