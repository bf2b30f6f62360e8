import torch

from icepop.trainer.share import Shared


def weight() -> torch.Tensor:
    return torch.randn(40, 50, generator=torch.Generator().manual_seed(0))


def test_codes_are_the_nearest_entries() -> None:
    quantizer = Shared(4).eval()
    x = weight()
    codes = quantizer.codes(x)
    entries = quantizer.entries.round()
    assert codes.unique().tolist() == entries.tolist()
    scaled = x / quantizer.scale(x)
    distance = (scaled[..., None] - quantizer.entries).abs()
    assert torch.equal(codes, entries[distance.argmin(dim=-1)])


def test_training_moves_the_entries_to_the_means_of_their_weights() -> None:
    quantizer = Shared(2).train()
    x = torch.tensor([[1.27, 1.0, 0.4, -0.2, -0.3]])
    quantizer.codes(x)
    assert torch.allclose(quantizer.entries, torch.tensor([-25.0, 89.0]), atol=1e-3)
    assert torch.equal(quantizer.eval().codes(x), torch.tensor([[89.0, 89.0, 89.0, -25.0, -25.0]]))


def test_k_means_lowers_the_error() -> None:
    quantizer = Shared(8)
    x = weight() ** 3  # most weights are far smaller than the first entries
    errors = []
    for _ in range(10):
        errors.append(((quantizer.eval()(x) - x) ** 2).mean().item())
        quantizer.train().codes(x)
    assert errors[-1] < 0.7 * errors[0]


def test_evaluation_moves_nothing() -> None:
    quantizer = Shared(4).eval()
    before = quantizer.entries.clone()
    quantizer.codes(weight())
    assert torch.equal(quantizer.entries, before)


def test_an_entry_without_weights_stays() -> None:
    quantizer = Shared(4).train()
    before = quantizer.entries.clone()
    quantizer.codes(torch.tensor([[1.0, 0.9]]))
    assert torch.equal(quantizer.entries[:3], before[:3])
    assert quantizer.entries[3] != before[3]


def test_gradient_passes_straight_through() -> None:
    quantizer = Shared(4).train()
    x = weight().requires_grad_()
    quantizer(x).sum().backward()
    assert x.grad is not None
    assert torch.allclose(x.grad, torch.ones_like(x))
