"""A model's input with several quantizers: one encoding, from which each one's codes follow."""

from pathlib import Path

import numpy as np
import pytest
from messages import says
from qonnx_file import QonnxFile

from icepop.compiler.errors import ModelError
from icepop.compiler.frontend.load import load_graph
from icepop.compiler.ops.encode import Encode
from icepop.compiler.ops.gather import Gather
from icepop.compiler.passes.join_encodes import join_encodes
from icepop.compiler.project import load_network

RNG = np.random.default_rng(0)
SHAPE = (2, 3, 4)


def two(m: QonnxFile, transposed: bool = False) -> str:
    """Two branches with quantizers of their own on the input."""
    other = m.node("Transpose", "x", perm=[0, 1, 3, 2]) if transposed else "x"
    branches = [m.quant("x", 3, 0.25, name="q0"), m.quant(other, 4, 0.3, zero=1, name="q1")]
    parts = [m.dense(m.node("Flatten", x), RNG.choice([-1, 1], (24, 5)), f"fc{k}") for k, x in enumerate(branches)]
    acts = [m.quant(part, 3, 2.0, name=f"act{k}") for k, part in enumerate(parts)]
    return m.dense(m.node("Add", *acts), RNG.choice([-1, 1], (5, 3)), "fc")


@pytest.mark.parametrize("transposed", [False, True])
def test_all_results_stay(transposed: bool, tmp_path: Path) -> None:
    m = QonnxFile(SHAPE)
    path = m.save(tmp_path / "model.onnx", two(m, transposed=transposed))
    graph, joined = load_graph(path), join_encodes(load_graph(path))
    assert sum(isinstance(op, Encode) for op in graph.ops) == 2
    assert sum(isinstance(op, Encode) for op in joined.ops) == 1
    assert any(isinstance(op, Gather) for op in joined.ops) == transposed
    x = RNG.normal(0, 1, (200, *SHAPE)).astype(np.float32)
    x[0], x[1] = 1e30, -1e30
    x[2:100] = RNG.integers(-16, 17, (98, *SHAPE)) / 8  # meets thresholds
    before, after = graph.run(x), joined.run(x)
    assert all((after[name] == before[name]).all() for name in before)
    assert joined.types["x_codes"].integers.hi == 7 + 15  # no threshold is shared


def test_pools_of_the_input_become_pools_of_its_codes(tmp_path: Path) -> None:
    """Also of falling values, and beside a quantizer that keeps the input in another shape."""
    m = QonnxFile(SHAPE)
    turned = m.node("Mul", "x", m.tensor([[[-1.0]], [[2.0]]]))
    pooled = m.quant(m.node("MaxPool", turned, kernel_shape=[2, 2], pads=[1, 0, 0, 1]), 3, 0.3, name="q0")
    flat = [m.node("Flatten", pooled), m.quant(m.node("Flatten", "x"), 3, 0.15, name="q1")]
    path = m.save(tmp_path / "model.onnx", m.dense(m.node("Concat", *flat, axis=1), RNG.choice([-1, 1], (48, 5)), "fc"))
    graph, network = load_graph(path), load_network(path)
    x = RNG.normal(0, 1, (200, *SHAPE)).astype(np.float32)
    before, after = graph.run(x), network.graph.run(x)
    assert all((after[name] == before[name]).all() for name in ("fc", "argmax"))
    assert network.start == "x_codes"
    assert (network.answer(after["x_codes"])[:, 0] == before["argmax"].reshape(-1)).all()


def test_the_network_starts_at_the_joint_codes(tmp_path: Path) -> None:
    m = QonnxFile(SHAPE)
    network = load_network(m.save(tmp_path / "model.onnx", two(m)))
    assert network.start == "x_codes"
    x = RNG.normal(0, 1, (50, *SHAPE)).astype(np.float32)
    results = network.graph.run(x)
    assert (network.answer(results["x_codes"]) == results["argmax"]).all()
    lowered = network.lowered.run_from("x_codes", results["x_codes"])
    assert (lowered["argmax"] == results["argmax"]).all()


def test_thresholds_of_elements_are_refused(tmp_path: Path) -> None:
    """A mean of its own for every pixel, before a convolution."""
    m = QonnxFile(SHAPE)
    x = m.node("Sub", "x", m.tensor(RNG.normal(size=(1, *SHAPE))))
    maps = [m.quant("x", 3, 0.25, name="q0"), m.quant(x, 4, 0.3, name="q1")]
    w = [m.bipolar(m.tensor(RNG.normal(size=(2, 2, 1, 1)))) for _ in maps]
    acts = [m.quant(m.node("Conv", *pair), 3, 2.0) for pair in zip(maps, w, strict=True)]
    flat = m.node("Flatten", m.node("Add", *acts))
    path = m.save(tmp_path / "model.onnx", m.dense(flat, RNG.choice([-1, 1], (24, 3)), "fc"))
    message = (
        "the input's quantizers 'q0' and 'q1' must each treat all elements of a channel alike; "
        "use one quantizer, or state the input's format"
    )
    with says(ModelError, message):
        load_network(path)
    assert load_network(path, "int8@0.125").start == "x"


def test_very_many_thresholds_are_refused(tmp_path: Path) -> None:
    m = QonnxFile((4,))
    acts = [m.quant(m.dense(m.quant("x", 16, s), np.ones((4, 3)), f"fc{s}"), 3, 9.0) for s in (0.1, 0.3)]
    path = m.save(tmp_path / "model.onnx", m.dense(m.node("Add", *acts), np.ones((3, 2)), "fc"))
    with pytest.raises(ModelError, match=r"'Quant_\d+' have 116325 different thresholds together, more than 65535;"):
        load_network(path)


def test_one_quantizer_is_left_alone(tmp_path: Path) -> None:
    m = QonnxFile((4,))
    graph = load_graph(m.save(tmp_path / "model.onnx", m.dense(m.bipolar("x"), np.ones((4, 3)), "fc")))
    assert join_encodes(graph) is graph
