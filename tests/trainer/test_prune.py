import pytest
import torch

from icepop.trainer.prune import Pruned
from icepop.trainer.quantizers import Ternary, Uniform


def weight() -> torch.Tensor:
    return torch.randn(20, 30, generator=torch.Generator().manual_seed(0))


def test_the_smallest_magnitudes_become_zero() -> None:
    quantizer = Pruned(Ternary(), 0.75)
    quantizer.ramp(1.0)
    x = weight()
    kept = quantizer.masked(x) != 0
    assert kept.sum().item() == 150
    assert x[kept].abs().min() > x[~kept].abs().max()
    codes = quantizer.codes(x)
    assert (codes == 0).float().mean() >= 0.75
    assert set(codes.unique().tolist()) == {-1, 0, 1}


def test_the_share_grows_as_a_cubic_and_is_final_from_the_middle_on() -> None:
    quantizer = Pruned(Ternary(), 0.8)
    shares = []
    for progress in (0, 0.125, 0.25, 0.5, 1):
        quantizer.ramp(progress)
        shares.append(quantizer.share)
    assert shares == pytest.approx([0, 0.8 * (1 - 0.75**3), 0.8 * (1 - 0.5**3), 0.8, 0.8])


def test_without_a_share_nothing_changes() -> None:
    assert torch.equal(Pruned(Ternary(), 0.8).codes(weight()), Ternary().codes(weight()))


def test_scale_is_that_of_the_kept_weights() -> None:
    quantizer = Pruned(Ternary(), 0.9)
    quantizer.ramp(1.0)
    x = weight()
    largest = x.abs().flatten().sort().values[540:]
    assert quantizer.scale(x).item() == pytest.approx(largest.mean().item(), rel=1e-5)


def test_pruned_weights_still_get_a_gradient() -> None:
    quantizer = Pruned(Ternary(), 0.9)
    quantizer.ramp(1.0)
    x = weight().requires_grad_()
    quantizer.codes(x).sum().backward()
    assert x.grad is not None
    assert (x.grad != 0).all()


def test_width_is_the_inner_quantizers() -> None:
    inner = Uniform(4, signed=True, step=0.5, learned=True)
    quantizer = Pruned(inner, 0.5)
    assert (quantizer.bits, quantizer.signed, quantizer.narrow) == (4, True, True)
