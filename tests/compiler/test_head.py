"""Hardware that gives the last layer's results: they stand for the same classes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from messages import says
from qonnx_file import QonnxFile

from icepop.compiler.cli.wishes import Wishes, planned
from icepop.compiler.errors import PlanError
from icepop.compiler.ops.dense import Dense
from icepop.compiler.ops.sum_pool import SumPool
from icepop.compiler.project import load_network

RNG = np.random.default_rng(0)


def plain(m: QonnxFile, classes: int = 4) -> str:
    return m.dense(m.bipolar("x"), RNG.normal(size=(12, classes)), "fc")


def scaled(m: QonnxFile) -> str:
    """Scales and biases of their own, some of them negative: the largest sum is not the class."""
    scores = m.node("Mul", plain(m), m.tensor([0.5, -2.0, 1.0, 0.25]))
    return m.node("Add", scores, m.tensor([0.5, -3.0, 1.25, 2.0]))


def pooled(m: QonnxFile) -> str:
    """A map of sums that is averaged."""
    x = m.bipolar(m.node("Reshape", "x", m.tensor([0, 3, 2, 2], dtype=np.int64)))
    weights = m.bipolar(m.tensor(RNG.normal(size=(5, 3, 1, 1))))
    sums = m.node("Conv", x, weights, kernel_shape=[1, 1], name="conv")
    return m.node("Flatten", m.node("GlobalAveragePool", sums))


@pytest.mark.parametrize(("make", "last"), [(plain, Dense), (scaled, Dense), (pooled, SumPool)])
def test_results_stand_for_the_classes_of_the_whole_network(
    make: Callable[[QonnxFile], str], last: type, tmp_path: Path
) -> None:
    m = QonnxFile((12,))
    path = m.save(tmp_path / "model.onnx", make(m))
    whole, raw = load_network(path), load_network(path, raw=True)
    assert isinstance(raw.graph.output, last)
    assert [op.name for op in (*raw.graph.ops, *raw.head)] == [op.name for op in whole.graph.ops]
    values = RNG.choice([-1, 1], (200, 12))
    answers = raw.answer(values)
    assert answers.shape == (200, raw.ends()[1].length)
    assert (raw.labels(answers) == whole.answer(values)[:, 0]).all()
    assert (whole.labels(whole.answer(values)) == whole.answer(values)[:, 0]).all()
    assert len(set(raw.labels(answers).tolist())) > 1


def test_a_class_that_never_changes_is_no_plan(tmp_path: Path) -> None:
    m = QonnxFile((12,))
    path = m.save(tmp_path / "model.onnx", plain(m, 1))
    message = "the network gives one score, so that its class is always 0; take the score itself with --raw"
    with says(PlanError, message):
        planned(load_network(path), "icebreaker", Wishes())
    plan = planned(load_network(path, raw=True), "icebreaker", Wishes())
    assert plan.raw
    assert plan.stages[-1].name == "fc"
