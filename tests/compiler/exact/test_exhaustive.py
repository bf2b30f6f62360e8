"""Public files against exact arithmetic: some samples, and for FINN's TFC every sum that its layers can give."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from exact_onnx import ExactRun, input_name
from judge import check_thresholds, follows, judge, result_scale

from icepop.compiler.frontend.load import load_graph
from icepop.compiler.ops.threshold import Threshold
from icepop.compiler.taps import outputs

CASES = Path(__file__).parents[3].parent / "shared" / "cases"


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


def codes_of(model: onnx.ModelProto, tensor: str, given: dict[str, np.ndarray]) -> np.ndarray:
    """Codes of a quantizer's output, by exact arithmetic; one row for each of the values given."""
    run = ExactRun(model, given)
    return (run[tensor] / run.scale(tensor)).reshape(run[tensor].shape[0], -1).astype(np.int64)


def ranks_of(scores: np.ndarray) -> np.ndarray:
    """The number of smaller ones for each of some exact numbers; equal ones have the same."""
    flat = scores.reshape(-1)
    order = sorted(range(flat.size), key=flat.__getitem__)
    ranks = np.zeros(flat.size, np.int64)
    for rank, (before, place) in enumerate(pairwise(order), 1):
        ranks[place] = rank if flat[place] > flat[before] else ranks[before]
    return ranks.reshape(scores.shape)


def test_every_accumulator_of_tfc_on_all_test_images() -> None:
    """Tables in exact arithmetic, of each pixel's 256 values and each layer's sums, and products of their codes."""
    path = case("TFC_1W1A.onnx")
    graph, model = load_graph(path), onnx.load(path)
    with np.load(CASES.parent / "data" / "mnist.npz") as file:
        images, labels = file["x_test"], file["y_test"]
    found = outputs(graph, graph.run((images / np.float32(255)).astype(np.float32)[:, None]), taps=True)
    layers = [node for node in model.graph.node if node.op_type == "MatMul"]
    pixels = np.broadcast_to(np.arange(256, dtype=np.float32)[:, None, None, None] / np.float32(255), (256, 1, 28, 28))
    table, place = codes_of(model, layers[0].input[0], {input_name(model): pixels}), images.reshape(-1, 784)
    for number, layer in enumerate(layers):
        codes = np.take_along_axis(table, place.astype(np.int64), axis=0)
        weights = codes_of(model, layer.input[1], {})
        sums = (codes.astype(np.float32) @ weights.astype(np.float32)).astype(np.int64)  # of at most 784 signs
        assert (codes == found[f"act{number}"]).all()
        assert (sums == found[f"acc{number}"]).all()
        reach = np.arange(-len(weights), len(weights) + 1)[:, None]
        given = {layer.output[0]: reach * result_scale(ExactRun(model, {}), layer)}
        place = sums + len(weights)
        if layer is not layers[-1]:
            table = codes_of(model, layers[number + 1].input[0], given)
    ranks = ranks_of(ExactRun(model, given)[model.graph.output[0].name])
    classes = np.take_along_axis(ranks, place, axis=0).argmax(axis=1)
    assert (classes == found["label"]).all()
    assert len(classes) == 10_000
    assert int((classes == labels).sum()) == 9296


def test_every_threshold_of_tfc_decides_every_sum_as_the_file_does() -> None:
    path = case("TFC_1W1A.onnx")
    graph, model = load_graph(path), onnx.load(path)
    names = [op.name for op in graph.ops if isinstance(op, Threshold)]
    assert len(names) == 3
    assert all(follows(graph, model, name) for name in names)
    counts = [check_thresholds(graph, model, name) for name in names]
    assert counts == [64 * 785, 64 * 65, 64 * 65]
