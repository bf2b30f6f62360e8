import pytest
import torch

from icepop.trainer.layers import KBitInput, Thermometer
from icepop.trainer.models import Mlp, MlpSpec
from icepop.trainer.prune import Pruned


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def test_widths_follow_the_encoder() -> None:
    model = Mlp(MlpSpec(5, 3, (7, 6)), Thermometer((0.0, 1.0)))
    shapes = [block.linear.weight.shape for block in model.hidden] + [model.head.weight.shape]
    assert shapes == [(7, 10), (6, 7), (3, 6)]
    assert Mlp(MlpSpec(5, 3, (7,)), KBitInput(4, 1.0)).hidden[0].linear.weight.shape == (7, 5)


def test_digits_network_has_25856_weight_bits() -> None:
    model = Mlp(MlpSpec(64, 10, (128,)), Thermometer((4.0, 8.0, 12.0)))
    assert sum(layer.weight.numel() for layer in (model.hidden[0].linear, model.head)) == 25_856


def test_hidden_activations_are_signs_and_the_class_is_an_argmax_of_integers() -> None:
    model = Mlp(MlpSpec(5, 3, (8,), weights="xnor"), Thermometer((0.0,))).eval()
    x = torch.randn(100, 5)
    hidden = model.hidden[0](model.encoder(x))
    assert set(hidden.unique().tolist()) == {-1, 1}
    integers = hidden @ model.head.codes().T
    assert torch.equal(model(x), integers * model.head.scale())
    assert model.head.scale().shape == ()


def test_settle_measures_every_normalization_on_the_given_inputs() -> None:
    model = Mlp(MlpSpec(5, 3, (8, 6)), Thermometer((-0.5, 0.5))).eval()
    x = torch.randn(64, 5)
    model.settle(x)
    values = model.encoder(x)
    for block in model.hidden:
        product = block.linear(values)
        assert torch.allclose(block.norm.running_mean, product.mean(dim=0))
        assert torch.allclose(block.norm.running_var, product.var(dim=0))
        values = block(values)


def test_sparsity_reaches_every_layer() -> None:
    model = Mlp(MlpSpec(5, 3, (8,), weights="ternary", sparsity=0.5), Thermometer((0.0,)))
    assert sum(isinstance(module, Pruned) for module in model.modules()) == 2
