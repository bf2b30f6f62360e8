"""Networks of look-up tables: the descent is exact, seeds reproduce, and the file is what was trained."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from messages import says

from icepop.compiler.errors import IcepopError
from icepop.compiler.frontend.load import load_graph
from icepop.compiler.ops.lut_vote import Voters
from icepop.trainer.data import load
from icepop.trainer.lut4 import LutNet, Thermometer
from icepop.trainer.lut4_descent import Descent, Sample, random_voters
from icepop.trainer.lut4_export import save
from icepop.trainer.lut4_focus import Focus, chances
from icepop.trainer.lut4_train import Lut4Config, drawn, levels, train
from icepop.trainer.trained import Trained

SMALL = Lut4Config(voters=30, sweeps=2, samples=3000, window=1000)


@pytest.fixture(scope="module")
def digits() -> Trained[LutNet]:
    return train(SMALL)


def random_descent(seed: int, window: int = 400) -> Descent:
    rng = np.random.default_rng(seed)
    bits = (rng.random((9, 400)) < rng.random((9, 1))).astype(np.uint8)
    weights = rng.random(400)
    sample = Sample(bits, rng.integers(0, 3, 400), weights / weights.sum())
    return Descent(random_voters(3, 2, 9, rng), sample, 0.7, window, rng)


def loss(descent: Descent) -> float:
    """Weighted cross-entropy, from the voters alone."""
    sample, voters = descent.sample, descent.voters
    scores = np.zeros((len(sample.y), 3))
    for label, number in product(range(3), range(2)):
        address = sum(sample.bits[bit].astype(int) << k for k, bit in enumerate(voters.index[label, number]))
        scores[:, label] += voters.tables[label, number][address]
    logits = descent.alpha * scores
    losses = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(sample.y)), sample.y]
    return float(losses @ sample.weights)


@pytest.mark.parametrize("seed", range(5))
def test_a_visit_finds_the_best_of_all_replacements(seed: int) -> None:
    """Tried one by one: every bit in every place, each with the best of tables, entry by entry."""
    descent = random_descent(seed)
    voters = descent.voters
    index, tables = voters.index.copy(), voters.tables.copy()
    best = np.inf
    for place, bit in product(range(4), range(9)):
        voters.index[:], voters.tables[:] = index, tables
        voters.index[1, 0, place] = bit
        for entry in range(16):  # entries concern different samples, so each is chosen by itself
            found = {}
            for value in (False, True):
                voters.tables[1, 0, entry] = value
                found[value] = loss(descent)
            voters.tables[1, 0, entry] = found[True] < found[False]
        best = min(best, loss(descent))
    voters.index[:], voters.tables[:] = index, tables
    descent.visit(1, 0)
    assert loss(descent) == pytest.approx(best, abs=1e-6)
    assert descent.loss == pytest.approx(loss(descent), abs=1e-6)


def test_no_visit_raises_the_loss() -> None:
    """Also where candidates are compared on a part of the samples only."""
    descent = random_descent(7, window=60)
    before = loss(descent)
    for _ in range(4):
        descent.refocus()
        for label, number in product(range(3), range(2)):
            descent.visit(label, number)
            assert loss(descent) <= before + 1e-7
            before = loss(descent)


def test_sums_of_drawn_samples_are_those_of_all_on_average() -> None:
    rng = np.random.default_rng(1)
    bits = (rng.random((5, 300)) < 0.4).astype(np.uint8)
    address = rng.integers(0, 16, 300).astype(np.uint8)
    change = (rng.random(300) ** 4 * rng.choice([-1, 1], 300)).astype(np.float32)
    total, ones = Focus(bits, np.abs(change), 300, rng).sums(address, change)
    assert total == pytest.approx(np.bincount(address, change, 16), abs=1e-5)
    draws = [Focus(bits, np.abs(change), 60, rng) for _ in range(4000)]
    assert {len(draw.chosen) for draw in draws} <= {59, 60, 61}
    means = [np.mean(each, axis=0) for each in zip(*(draw.sums(address, change) for draw in draws), strict=True)]
    assert means[0] == pytest.approx(total, abs=0.06)
    assert means[1] == pytest.approx(ones, abs=0.06)


def test_no_chance_is_above_1() -> None:
    importance = np.float32([0, 0, 1, 1, 1, 50, 1000])
    chance = chances(importance, 4)
    assert chance[5:].tolist() == [1, 1]
    assert chance.sum() == pytest.approx(4)
    assert (chance > 0).all()
    assert (chance <= 1).all()


def test_the_file_votes_as_the_network(digits: Trained[LutNet], tmp_path: Path) -> None:
    save(digits.model, tmp_path / "model.onnx")
    x = digits.data.test.x
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    (votes,) = session.run(["votes"], {"x": x})
    graph = load_graph(tmp_path / "model.onnx")
    assert (votes == digits.model.scores(x)).all()
    assert (graph.run(x)["votes"] == votes).all()
    assert digits.test_accuracy == (votes.argmax(axis=1) == digits.data.test.y).mean()


def test_a_seed_gives_the_same_network(digits: Trained[LutNet]) -> None:
    again, other = train(SMALL), train(replace(SMALL, seed=1))
    assert (again.model.voters.index == digits.model.voters.index).all()
    assert (again.model.voters.tables == digits.model.voters.tables).all()
    assert (other.model.voters.tables != digits.model.voters.tables).any()


def test_digits_are_learned(digits: Trained[LutNet]) -> None:
    assert digits.val_accuracy > 0.75


def test_pruning_keeps_the_function_and_drops_bits() -> None:
    rng = np.random.default_rng(0)
    encoder = Thermometer(np.arange(30) // 3, np.tile(np.float32([1, 2, 3]), 10))
    tables = rng.random((2, 3, 16)) < 0.5
    tables[0, 0] = np.tile(tables[0, 0][:2], 8)  # depends on its first input only
    tables[1, 1] = True
    net = LutNet(10, encoder, Voters(rng.integers(0, 30, (2, 3, 4)), tables))
    x = rng.integers(0, 5, (200, 10)).astype(np.float32)
    pruned = net.pruned()
    assert (pruned.scores(x) == net.scores(x)).all()
    assert len(pruned.encoder) < len(np.unique(net.voters.index))
    assert set(np.unique(pruned.voters.index)) == set(range(len(pruned.encoder)))


def test_progress_is_told() -> None:
    told: list[tuple[int, int]] = []
    train(replace(SMALL, refit=False), lambda done, count: told.append((done, count)))
    assert told == [(1, 2), (2, 2)]


@pytest.mark.parametrize("augment", [False, True])
def test_a_sweep_draws_originals_and_copies(augment: bool) -> None:
    data = load("digits")

    config = replace(SMALL, samples=5000, share=0.3)
    rng = np.random.default_rng(0)
    x, y, weights = drawn(data.train, config, (lambda x: x) if augment else None, rng)
    count = len(data.train)
    assert len(x) == (count * (5000 // count) if augment else count)
    assert weights.sum() == pytest.approx(1)
    assert (np.unique(weights).size > 1) == augment
    own = {row.tobytes(): label for row, label in zip(data.train.x, data.train.y, strict=True)}
    assert all(own[row.tobytes()] == label for row, label in zip(x, y, strict=True))


def test_thresholds_fit_the_data() -> None:
    data = load("digits")
    assert levels(data, 0).tolist() == [2, 4, 6, 8, 10, 12, 14]
    assert levels(data, 1).tolist() == [8]
    assert levels(data, (1.0, 5.0)).tolist() == [1, 5]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"voters": 75}, "voters must be a multiple of the 10 classes, not 75"),
        ({"sweeps": 0}, "sweeps must be at least 1, not 0"),
        ({"share": 1.5}, "share must be from 0 to 1, not 1.5"),
        ({"thresholds": (20.0,)}, "voters read 4 different bits, but the inputs give only 0 that vary"),
    ],
)
def test_what_cannot_be_trained_is_refused(change: dict[str, object], message: str) -> None:
    with says(IcepopError, message):
        train(replace(SMALL, **change))  # type: ignore[arg-type]


def test_words_of_the_command_line() -> None:
    assert Lut4Config.named("lut4:70", "digits", 3, None) == Lut4Config(voters=70, seed=3)
    assert Lut4Config.named("lut4:70", "digits", 3, 2).sweeps == 2
    with says(IcepopError, "a network must be mlp, cnn or lut4:VOTERS, such as lut4:150, not 'lut4'"):
        Lut4Config.named("lut4", "digits", 0, None)
