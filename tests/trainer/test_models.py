import pytest
import torch
from messages import says

from icepop.compiler.errors import ModelError
from icepop.trainer.layers import KBitInput, Thermometer
from icepop.trainer.models import NetSpec, QuantNet
from icepop.trainer.prune import Pruned


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def test_widths_follow_the_encoder() -> None:
    model = QuantNet(NetSpec((5,), 3, (7, 6)), Thermometer((0.0, 1.0)))
    shapes = [block.product.weight.shape for block in model.hidden] + [model.head.weight.shape]
    assert shapes == [(7, 10), (6, 7), (3, 6)]
    assert QuantNet(NetSpec((5,), 3, (7,)), KBitInput(4, 1.0)).hidden[0].product.weight.shape == (7, 5)


def test_digits_network_has_25856_weight_bits() -> None:
    model = QuantNet(NetSpec((64,), 10, (128,)), Thermometer((4.0, 8.0, 12.0)))
    assert sum(layer.weight.numel() for layer in (model.hidden[0].product, model.head)) == 25_856


def test_hidden_activations_are_signs_and_the_class_is_an_argmax_of_integers() -> None:
    model = QuantNet(NetSpec((5,), 3, (8,), weights="xnor"), Thermometer((0.0,))).eval()
    x = torch.randn(100, 5)
    hidden = model.hidden[0](model.encoder(x))
    assert set(hidden.unique().tolist()) == {-1, 1}
    integers = hidden @ model.head.codes().T
    assert torch.equal(model(x), integers * model.head.scale())
    assert model.head.scale().shape == ()


def test_settle_measures_every_normalization_on_the_given_inputs() -> None:
    model = QuantNet(NetSpec((5,), 3, (8, 6)), Thermometer((-0.5, 0.5))).eval()
    x = torch.randn(64, 5)
    model.settle(x)
    values = model.encoder(x)
    for block in model.hidden:
        product = block.product(values)
        assert torch.allclose(block.norm.running_mean, product.mean(dim=0))
        assert torch.allclose(block.norm.running_var, product.var(dim=0))
        values = block(values)


def test_maps_are_halved_while_they_are_large() -> None:
    spec = NetSpec((2, 9, 7), 3, (6,), channels=(4, 5, 8))
    model = QuantNet(spec, Thermometer((-0.5, 0.5)))
    shapes = [block.product.weight.shape for block in model.hidden] + [model.head.weight.shape]
    assert shapes == [(4, 4 * 9), (5, 4 * 9), (8, 5 * 9), (6, 8 * 4 * 3), (3, 6)]
    assert [block.pooled for block in model.hidden] == [True, False, False, False]
    assert model(torch.randn(4, 2 * 9 * 7)).shape == (4, 3)


def test_settle_measures_the_normalization_of_maps() -> None:
    model = QuantNet(NetSpec((8, 8), 3, channels=(4, 5)), Thermometer((0.0,))).eval()
    x = torch.randn(16, 64)
    model.settle(x)
    values = model.encoded(x)
    for block in model.hidden:
        product = block.product(values)
        assert torch.allclose(block.norm.running_mean, product.mean(dim=(0, 2, 3)), atol=1e-6)
        assert torch.allclose(block.norm.running_var, product.var(dim=(0, 2, 3)))
        values = block(values)


def test_vectors_cannot_be_convolved() -> None:
    with says(ModelError, "convolutions need samples of shape (height, width) or (channels, height, width), not (64,)"):
        QuantNet(NetSpec((64,), 3, channels=(4,)), Thermometer((0.0,)))


def test_sparsity_reaches_every_layer() -> None:
    model = QuantNet(NetSpec((5,), 3, (8,), weights="ternary", sparsity=0.5), Thermometer((0.0,)))
    assert sum(isinstance(module, Pruned) for module in model.modules()) == 2
