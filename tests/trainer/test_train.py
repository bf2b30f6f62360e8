from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from messages import says
from torch import nn

from icepop.compiler.errors import ModelError
from icepop.trainer.config import TrainConfig
from icepop.trainer.data import load
from icepop.trainer.layers import KBitInput, Thermometer
from icepop.trainer.train import Epoch, accuracy, new_encoder, train, train_on

SHORT = TrainConfig(hidden=(16,), epochs=4)


def weights(config: TrainConfig) -> list[torch.Tensor]:
    return list(train(config).model.state_dict().values())


def same(first: list[torch.Tensor], second: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_the_seed_decides_every_bit_and_the_state_of_torch_nothing() -> None:
    torch.manual_seed(1)
    first = weights(SHORT)
    torch.manual_seed(2)
    assert same(first, weights(SHORT))
    assert not same(first, weights(TrainConfig(hidden=(16,), epochs=4, seed=1)))


def test_torch_is_left_as_it_was() -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    state = torch.get_rng_state()
    train(SHORT)
    assert torch.get_num_threads() == 2
    assert torch.equal(torch.get_rng_state(), state)
    torch.set_num_threads(threads)


def test_torch_is_left_as_it_was_by_an_interrupt_too() -> None:
    threads, state = torch.get_num_threads(), torch.get_rng_state()

    def interrupt(epoch: Epoch) -> None:
        assert torch.get_num_threads() == 1
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(SHORT, interrupt)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


def test_digits_are_learned_in_a_few_epochs() -> None:
    epochs: list[Epoch] = []
    result = train(TrainConfig(epochs=30, refit=False), epochs.append)
    assert [(epoch.number, epoch.count) for epoch in epochs] == [(number, 30) for number in range(1, 31)]
    assert epochs[-1].loss < 0.3 * epochs[0].loss
    assert result.val_accuracy > 0.94
    assert not result.model.training


def test_refit_trains_on_both_parts_and_keeps_the_validation_accuracy() -> None:
    epochs: list[Epoch] = []
    once = train(TrainConfig(hidden=(16,), epochs=4, refit=False))
    twice = train(SHORT, epochs.append)
    assert [(epoch.number, epoch.count) for epoch in epochs] == [(number, 8) for number in range(1, 9)]
    assert [epoch.val_accuracy is None for epoch in epochs] == [False] * 4 + [True] * 4
    assert twice.val_accuracy == once.val_accuracy == accuracy(once.model, once.data.val)
    assert not same(list(once.model.state_dict().values()), list(twice.model.state_dict().values()))


def test_test_accuracy_is_that_of_the_returned_model() -> None:
    result = train(SHORT)
    labels = result.model(torch.from_numpy(result.data.test.x)).argmax(dim=1).numpy()
    assert result.test_accuracy == (labels == result.data.test.y).mean()


def test_normalizations_end_with_the_statistics_of_unchanged_samples() -> None:
    result = train(TrainConfig(hidden=(16,), epochs=2, refit=False))
    block = result.model.hidden[0]
    with torch.no_grad():
        product = block.product(result.model.encoder(torch.from_numpy(result.data.train.x)))
    assert torch.allclose(block.norm.running_mean, product.mean(dim=0), atol=1e-4)
    assert torch.allclose(block.norm.running_var, product.var(dim=0), rtol=1e-4)


def test_latent_weights_stay_where_the_gradient_is_not_zero() -> None:
    model = train(TrainConfig(hidden=(16,), epochs=2, lr=0.3, refit=False)).model
    for layer in (model.hidden[0].product, model.head):
        assert layer.weight.abs().max().item() == 1


def test_the_learning_rate_falls_to_zero() -> None:
    seen = []
    data = load("digits")

    def report(number: int, loss: float, model: nn.Module) -> None:
        seen.append(torch.cat([weight.detach().flatten() for weight in model.parameters()]))

    train_on(data.train, data, TrainConfig(hidden=(16,), epochs=6), report)
    steps = [(after - before).abs().mean().item() for before, after in pairwise(seen)]
    assert steps[-1] < 0.2 * steps[0]


def test_the_test_part_changes_no_weight(tmp_path: Path) -> None:
    data = load("digits")
    files = []
    for name, x in (("a", data.test.x), ("b", np.zeros_like(data.test.x))):
        files.append(str(tmp_path / f"{name}.npz"))
        np.savez(files[-1], x_train=data.fitting.x, y_train=data.fitting.y, x_test=x, y_test=data.test.y)
    first, second = (weights(TrainConfig(data=file, hidden=(16,), epochs=2)) for file in files)
    assert same(first, second)


@pytest.mark.parametrize(
    ("settings", "least"),
    [
        ({"weights": "xnor"}, 0.9),
        ({"weights": "ternary"}, 0.9),
        ({"weights": "ternary", "sparsity": 0.7}, 0.9),
        ({"weights": "pow2"}, 0.9),
        ({"weights": "int4", "activations": "uint2"}, 0.9),
        ({"weights": "shared4"}, 0.9),
        ({"activations": "binary"}, 0.9),
        ({"distill": 0.5}, 0.9),
        ({"input_bits": 4}, 0.9),
        ({"hidden": (64, 64)}, 0.9),
    ],
    ids=str,
)
def test_every_option_learns(settings, least) -> None:
    result = train(TrainConfig(**{"epochs": 20, "refit": False, **settings}))
    assert result.val_accuracy > least


def test_pruned_weights_are_zero_in_the_end() -> None:
    model = train(TrainConfig(hidden=(16,), epochs=2, weights="ternary", sparsity=0.8, refit=False)).model
    for layer in (model.hidden[0].product, model.head):
        assert (layer.codes() == 0).float().mean().item() >= 0.79


def test_encoders_follow_the_range_of_the_training_part() -> None:
    data = load("digits")
    even = new_encoder(data, TrainConfig(thresholds=3))
    given = new_encoder(data, TrainConfig(thresholds=(1.5, 9.0)))
    bits = new_encoder(data, TrainConfig(input_bits=5))
    assert isinstance(even, Thermometer)
    assert even.thresholds.tolist() == [4, 8, 12]
    assert isinstance(given, Thermometer)
    assert given.thresholds.tolist() == [1.5, 9]
    assert isinstance(bits, KBitInput)
    assert (bits.quantizer.step.item(), bits.quantizer.signed) == (1.0, False)


def test_negative_inputs_get_signed_codes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "a.npz", x=rng.normal(size=(200, 6)), y=np.arange(200) % 4)
    result = train(TrainConfig(data=str(tmp_path / "a.npz"), hidden=(8,), epochs=2, input_bits=4))
    assert isinstance(result.model.encoder, KBitInput)
    assert result.model.encoder.quantizer.signed


def test_unknown_quantizer() -> None:
    message = (
        "activations must be one of binary, bireal, uint1, uint2, uint3, uint4, uint5, uint6, uint7, uint8, not 'x'"
    )
    with says(ModelError, message):
        train(TrainConfig(activations="x"))
