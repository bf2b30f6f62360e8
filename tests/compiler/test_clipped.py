"""Scores that end in plateaus: Relu, Clip and HardTanh before the class is chosen."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from exact_onnx import ExactRun
from onnx import TensorProto
from qonnx_file import QonnxFile

from icepop.compiler.frontend.load import load_graph
from icepop.compiler.ops.clip import Clip
from icepop.compiler.ops.threshold import Threshold
from icepop.compiler.passes.lower import lower
from icepop.compiler.types import Domain

RNG = np.random.default_rng(3)
WEIGHTS = RNG.choice([-1, 1], (6, 4))
BIAS = [0.75, -0.25, 1.0, 0.0]
Head = Callable[[QonnxFile, str], str]


def clip(m: QonnxFile, x: str, low: float = -1.0, high: float = 1.0) -> str:
    return m.node("Clip", x, m.tensor(low), m.tensor(high))


def biased(m: QonnxFile, x: str) -> str:
    return m.node("Add", m.node("Mul", x, m.tensor(0.5)), m.tensor(BIAS))


def scaled(m: QonnxFile, x: str) -> str:
    return m.node("Add", m.node("Mul", x, m.tensor([0.5, -0.25, 0.0, 0.75])), m.tensor(BIAS))


HEADS: dict[str, Head] = {
    "relu": lambda m, x: m.node("Relu", x),
    "hard tanh": clip,
    "clip at a sum": lambda m, x: clip(m, x, -2.0, 2.0),
    "relu of biases": lambda m, x: m.node("Relu", biased(m, x)),
    "hard tanh of biases": lambda m, x: clip(m, biased(m, x)),
    "bounds that biases meet": lambda m, x: clip(m, biased(m, x), -0.25, 1.75),
    "hard tanh of scales": lambda m, x: clip(m, scaled(m, x)),
    "normalized": lambda m, x: m.node("Relu", m.normalize(x, [2, -1, 1, 3], BIAS, [0, 1, -1, 0], [4, 2, 3, 5], 1e-5)),
    "falling behind": lambda m, x: m.node("Sub", m.tensor(1.0), m.node("Relu", biased(m, x))),
    "clipped twice": lambda m, x: clip(m, m.node("Neg", m.node("Relu", biased(m, x)))),
    "normalized behind": lambda m, x: m.normalize(m.node("Relu", x), [2.0] * 4, [1.0] * 4, [1.0] * 4, [2.0] * 4, 1e-5),
    "cube": lambda m, x: m.node("Pow", clip(m, biased(m, x)), m.tensor(3.0)),
    "always below": lambda m, x: clip(m, biased(m, x), 90.0, 99.0),
    "always above": lambda m, x: clip(m, biased(m, x), -99.0, -90.0),
    "never": lambda m, x: clip(m, biased(m, x), -99.0, 99.0),
    "nothing left": lambda m, x: clip(m, m.node("Relu", biased(m, x)), -2.0, -1.0),
    "argmax": lambda m, x: m.node("ArgMax", m.node("Relu", biased(m, x)), axis=1, name="label"),
    "softmax": lambda m, x: m.node("Softmax", m.node("Relu", biased(m, x))),
    "topk": lambda m, x: m.node("TopK", m.node("Relu", biased(m, x)), m.tensor([1], dtype=np.int64), name="top"),
}


def last_layer(m: QonnxFile) -> str:
    return m.dense(m.bipolar("x", name="q"), WEIGHTS, "fc")


@pytest.mark.parametrize("name", HEADS)
def test_every_class_is_the_exact_one(name: str, tmp_path: Path) -> None:
    """Classes of many sums, ties by the lowest index."""
    m = QonnxFile((6,))
    output = HEADS[name](m, last_layer(m))
    proto = m.proto(output, type=TensorProto.INT64 if name == "argmax" else TensorProto.FLOAT)
    if name == "topk":
        proto = m.proto(m.nodes[-1].input[0])
        m.nodes[-1].output.append("top_class")
    path = m.save(tmp_path / "model.onnx", output, type=TensorProto.INT64 if name == "argmax" else TensorProto.FLOAT)
    graph = load_graph(path)
    sums = RNG.choice(np.arange(-6, 7, 2), (400, 4))
    labels = graph.run_from("fc", sums)[graph.output.name][:, 0].tolist()
    for row, label in zip(sums, labels, strict=True):
        run = ExactRun(proto, {"fc_out": row[None].astype(np.float32)})
        tensor = {"argmax": proto.graph.node[-1].input[0], "softmax": proto.graph.node[-1].input[0]}.get(
            name, proto.graph.output[0].name
        )
        exact = list(run[tensor].reshape(-1))
        assert label == exact.index(max(exact)), row


def test_hardware_compares_with_thresholds(tmp_path: Path) -> None:
    m = QonnxFile((6,))
    graph = load_graph(m.save(tmp_path / "model.onnx", m.node("Relu", last_layer(m))))
    assert [op.name for op in graph.ops if isinstance(op, Clip)] == ["clipped"]
    assert graph.types["clipped"].integers == Domain(0, 6, 2)
    lowered = lower(graph)
    assert isinstance(lowered.ops[-2], Threshold)
    x = RNG.choice([-1, 1], (50, 6)).astype(np.float32)
    assert (lowered.run(x)["argmax"] == graph.run(x)["argmax"]).all()
