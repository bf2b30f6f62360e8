"""Public files against exact arithmetic: some samples, and for FINN's TFC every sum that its layers can give."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from judge import check_thresholds, follows, judge

from icepop.compiler.frontend import load_graph
from icepop.compiler.ops.threshold import Threshold

CASES = Path(__file__).parents[2].parent / "shared" / "cases"


def case(name: str) -> Path:
    if not (CASES / name).exists():
        pytest.skip(f"{CASES} does not hold {name}")
    return CASES / name


@pytest.mark.parametrize(
    ("name", "samples"),
    [
        ("TFC_1W1A.onnx", 2),
        ("dwsep_1w1a.onnx", 1),
        pytest.param("perchannel_w3a3.onnx", 2, marks=pytest.mark.nightly),
    ],
)
def test_golden_equals_exact_arithmetic(name: str, samples: int) -> None:
    path = case(name)
    x = np.random.default_rng(0).normal(0, 1, (samples, 1, 28, 28)).astype(np.float32)
    judge(load_graph(path), onnx.load(path), x)


def test_every_threshold_of_tfc_decides_every_sum_as_the_file_does() -> None:
    path = case("TFC_1W1A.onnx")
    graph, model = load_graph(path), onnx.load(path)
    names = [op.name for op in graph.ops if isinstance(op, Threshold)]
    assert len(names) == 3
    assert all(follows(graph, model, name) for name in names)
    counts = [check_thresholds(graph, model, name) for name in names]
    assert counts == [64 * 785, 64 * 65, 64 * 65]
