"""Brevitas' networks: the golden run equals exact arithmetic on the file's parameters, and qonnx's executor."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from brevitas_export import EXPORTERS, exported
from brevitas_networks import NETWORKS
from exact_onnx import QUANTIZERS, ExactRun
from judge import ROUNDING_ERROR, check_thresholds, follows, judge, ties

from icepop.compiler.frontend.load import load_graph
from icepop.compiler.ops.threshold import Threshold

SAMPLES = 12
BY_DAY = ("binary_dense", "average_pools", "residual")
"""Networks that the slow exporter is tried on in the daily suite; the nightly one tries all."""


def cases() -> list[object]:
    def marks(name: str, exporter: str) -> list[pytest.MarkDecorator]:
        slow = exporter == "dynamo" and name not in BY_DAY
        return [pytest.mark.nightly] if slow else []

    return [pytest.param(name, kind, marks=marks(name, kind)) for kind in EXPORTERS for name in NETWORKS]


def samples(model: onnx.ModelProto, shape: tuple[int, ...]) -> np.ndarray:
    """Random inputs, zeros, and multiples of half the first quantizer's scale, where its ties are."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(SAMPLES, *shape)).astype(np.float32)
    stored = {tensor.name for tensor in model.graph.initializer}
    first = next(n for n in model.graph.node if n.op_type in QUANTIZERS and n.input[0] not in stored)
    scale = np.float32(ExactRun(model, {})[first.input[1]].reshape(-1)[0])
    x[0] = 0
    x[1:4] = rng.integers(-20, 21, (3, *shape)).astype(np.float32) * (scale / 2)
    return x


@pytest.mark.parametrize(("name", "exporter"), cases())
def test_golden_equals_exact_arithmetic(
    name: str, exporter: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    model = exported(name, exporter)
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    x = samples(model, NETWORKS[name].shape)
    graph = load_graph(path)
    runs = judge(graph, model, x)
    different = ties(model, runs, x)
    record_property("ties", [str(tie) for tie in different])
    assert all(tie.distance < ROUNDING_ERROR for tie in different), different
    for op in graph.ops:
        if isinstance(op, Threshold) and follows(graph, model, op.name):
            check_thresholds(graph, model, op.name)
