from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from icepop.trainer.quantizers import (
    ApproxSign,
    Binary,
    PowerOfTwo,
    Quantizer,
    Ternary,
    Uniform,
    Xnor,
    sign,
    straight_through,
)

X = torch.tensor([[-2.0, -1.0, -0.5, -0.0], [0.0, 0.25, 1.0, 1.5]])


def gradient(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Of the sum of a function's results."""
    leaf = x.clone().requires_grad_()
    function(leaf).sum().backward()
    assert leaf.grad is not None
    return leaf.grad


def test_sign_of_zero_is_plus_one() -> None:
    assert sign(torch.tensor([-1e-30, -0.0, 0.0, 1e-30])).tolist() == [-1, 1, 1, 1]


def test_straight_through_keeps_every_bit_of_the_value() -> None:
    surrogate = torch.tensor([1e30, 0.1, -3e-20], requires_grad=True)
    quantized = torch.tensor([0.1, -7.0, 3e20])
    value = straight_through(surrogate, quantized)
    assert torch.equal(value, quantized)
    (value * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert surrogate.grad is not None
    assert surrogate.grad.tolist() == [1, 2, 3]


@pytest.mark.parametrize("quantizer", [Binary(), ApproxSign(), Xnor()], ids=lambda q: type(q).__name__)
def test_bipolar_codes_are_signs(quantizer: Quantizer) -> None:
    assert quantizer.codes(X).tolist() == [[-1, -1, -1, 1], [1, 1, 1, 1]]


@pytest.mark.parametrize("quantizer", [Binary(), Xnor()], ids=lambda q: type(q).__name__)
def test_gradient_of_a_sign_is_that_of_hardtanh(quantizer: Quantizer) -> None:
    assert gradient(quantizer.codes, X).tolist() == [[0, 1, 1, 1], [1, 1, 1, 0]]


def test_gradient_of_approx_sign_is_two_minus_twice_the_magnitude() -> None:
    assert gradient(ApproxSign().codes, X).tolist() == [[0, 0, 1, 2], [2, 1.5, 0, 0]]


def test_xnor_scale_is_the_mean_magnitude_of_each_channel() -> None:
    assert Xnor().scale(X).tolist() == [0.875, 0.6875]
    assert Xnor()(X)[1].tolist() == [0.6875] * 4


def test_xnor_scale_minimizes_the_squared_error() -> None:
    row = X[1]
    best = Xnor().scale(X)[1]
    errors = [((row - scale * sign(row)) ** 2).sum() for scale in (best - 0.01, best, best + 0.01)]
    assert errors[1] == min(errors)


def test_ternary_drops_what_is_below_0_7_of_the_mean_magnitude() -> None:
    weight = torch.tensor([[-1.0, 0.3, 0.5], [-0.34375, 0.0, 0.75]])  # mean 0.482, delta 0.338
    assert Ternary().codes(weight).tolist() == [[-1, 0, 1], [-1, 0, 1]]
    assert Ternary().scale(weight).item() == 0.6484375
    assert torch.allclose(gradient(Ternary(), weight), torch.ones(2, 3))
    assert Ternary()(torch.zeros(1, 3)).tolist() == [[0, 0, 0]]


def test_power_of_two_takes_the_nearest_level() -> None:
    # the largest code, 4, stands for 1: levels 0, 1/4, 1/2, 1 with borders 1/8, 3/8, 3/4
    weight = torch.tensor([[1.25, 0.75, 0.74, 0.375, 0.37, 0.125, 0.12, 0.0, -0.5]])
    assert PowerOfTwo(3).scale(weight).item() == 0.25
    assert PowerOfTwo(3).codes(weight).tolist() == [[4, 4, 2, 2, 1, 1, 0, 0, -2]]
    assert gradient(PowerOfTwo(3), weight).tolist() == [[1] * 9]


def test_power_of_two_of_all_zeros_is_zero() -> None:
    assert PowerOfTwo()(torch.zeros(1, 3)).tolist() == [[0, 0, 0]]


def test_uniform_rounds_half_to_even_and_clips() -> None:
    quantizer = Uniform(3, signed=True, step=0.5, learned=True)
    x = torch.tensor([-9.0, -0.75, -0.25, 0.25, 0.75, 1.25, 9.0])
    assert quantizer.codes(x).tolist() == [-3, -2, 0, 0, 2, 2, 3]
    assert quantizer(x).tolist() == [-1.5, -1, 0, 0, 1, 1, 1.5]
    unsigned = Uniform(2, signed=False, step=0.5, learned=False)
    assert unsigned.codes(x).tolist() == [0, 0, 0, 0, 2, 2, 3]


def test_gradients_of_uniform_are_those_of_learned_step_size_quantization() -> None:
    quantizer = Uniform(3, signed=True, step=0.5, learned=True)
    x = torch.tensor([-9.0, 0.3, 1.2, 9.0], requires_grad=True)
    quantizer(x).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0, 1, 1, 0]
    expected = -3 + (1 - 0.6) + (2 - 2.4) + 3
    assert quantizer.step.grad is not None
    assert quantizer.step.grad.item() == pytest.approx(expected, abs=1e-6)


def test_a_step_that_is_not_learned_stays() -> None:
    assert not Uniform(2, signed=False, step=0.5, learned=False).step.requires_grad
