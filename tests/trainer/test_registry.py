import pytest
import torch
from messages import says

from icepop.compiler.errors import ModelError
from icepop.trainer.prune import Pruned
from icepop.trainer.registry import ACTIVATION_QUANTIZERS, WEIGHT_QUANTIZERS, activation_quantizer, weight_quantizer

MAKERS = [
    *(pytest.param(make, id=f"weights-{name}") for name, make in WEIGHT_QUANTIZERS.items()),
    *(pytest.param(make, id=f"activations-{name}") for name, make in ACTIVATION_QUANTIZERS.items()),
]


@pytest.mark.parametrize("make", MAKERS)
def test_codes_are_integers_of_the_declared_width(make) -> None:
    quantizer = make()
    x = torch.randn(20, 30, generator=torch.Generator().manual_seed(0))
    codes = quantizer.codes(x).detach()
    if quantizer.bits == 1 and quantizer.signed:
        assert set(codes.unique().tolist()) == {-1, 1}
        return
    high = 2 ** (quantizer.bits - quantizer.signed) - 1
    low = -high - 1 + quantizer.narrow if quantizer.signed else 0
    assert torch.equal(codes, codes.round())
    assert low <= codes.min()
    assert codes.max() <= high


@pytest.mark.parametrize("make", MAKERS)
def test_value_is_scale_times_code(make) -> None:
    quantizer = make().eval()
    x = torch.randn(20, 30, generator=torch.Generator().manual_seed(0))
    scale = quantizer.scale(x)
    assert scale.shape in ((), (20,))
    assert (scale > 0).all()
    assert torch.equal(quantizer(x), quantizer.codes(x) * scale.reshape(-1, 1))


@pytest.mark.parametrize("make", MAKERS)
def test_gradient_is_straight_through_somewhere(make) -> None:
    quantizer = make().eval()
    x = torch.linspace(-1, 1, 40).reshape(2, 20).requires_grad_()
    quantizer(x).sum().backward()
    assert x.grad is not None
    assert (x.grad != 0).any()


@pytest.mark.parametrize("make", MAKERS)
def test_prunable_means_that_zero_has_the_code_zero(make) -> None:
    quantizer = make().eval()
    code = quantizer.codes(torch.tensor([[0.0, 1.0]]))[0, 0].item()
    if quantizer.prunable:
        assert code == 0


@pytest.mark.parametrize("make", MAKERS)
def test_docstring_cites_its_paper(make) -> None:
    text = type(make()).__doc__
    assert text is not None
    assert "math::" in text
    assert "arXiv:" in text


def test_sparsity_wraps_a_quantizer() -> None:
    assert isinstance(weight_quantizer("ternary", 0.5), Pruned)
    assert not isinstance(weight_quantizer("ternary"), Pruned)


def test_unknown_weights() -> None:
    names = "binary, bireal, xnor, ternary, pow2, int2, int3, int4, int5, int6, int7, int8, shared4, shared8, shared16"
    with says(ModelError, f"weights must be one of {names}, not 'octal'"):
        weight_quantizer("octal")


def test_unknown_activations() -> None:
    names = "binary, bireal, uint1, uint2, uint3, uint4, uint5, uint6, uint7, uint8"
    with says(ModelError, f"activations must be one of {names}, not 'relu'"):
        activation_quantizer("relu")


def test_weights_without_a_zero_cannot_be_pruned() -> None:
    able = "ternary, pow2, int2, int3, int4, int5, int6, int7, int8"
    with says(ModelError, f"weights must be one of {able} to be pruned, not 'binary'"):
        weight_quantizer("binary", 0.5)
