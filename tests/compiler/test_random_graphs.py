"""Random graphs: the golden run equals exact arithmetic on the file's parameters, and qonnx's executor."""

import tempfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from judge import ROUNDING_ERROR, Tie, judge, ties
from numpy.typing import NDArray
from qonnx_file import QonnxFile
from random_graphs import models

from icepop.compiler.frontend.load import load_graph

BATCH = 4
Case = tuple[onnx.ModelProto, tuple[int, ...], int]
LIMITS = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def check(case: Case) -> None:
    model, shape, seed = case
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 2, (BATCH, *shape)).astype(np.float32)
    x[0] = rng.integers(-16, 17, shape) / 8  # meets thresholds exactly
    different = differences(model, x)
    assert all(tie.distance < ROUNDING_ERROR for tie in different), different


def differences(model: onnx.ModelProto, x: NDArray[np.float32]) -> list[Tie]:
    """What qonnx's executor decides otherwise than exact arithmetic, which the golden run has to equal."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(model.SerializeToString())
        graph = load_graph(path)
    return ties(model, judge(graph, model, x), x)


@settings(LIMITS, max_examples=60)
@given(models(BATCH))
def test_golden_equals_exact_arithmetic(case: Case) -> None:
    check(case)


@pytest.mark.nightly
@settings(LIMITS, max_examples=3000)
@given(models(BATCH))
def test_golden_equals_exact_arithmetic_on_many(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("shape", [(3,), (2, 3, 4)])
def test_low_bits_of_the_models_input_are_dropped(shape: tuple[int, ...]) -> None:
    """A Trunc right behind the first quantizer: its levels follow from the quantizer's, not from a layer's reach."""
    file, rng = QonnxFile(shape, BATCH), np.random.default_rng(5)
    x = file.quant("x", 5, 0.25)
    x = file.node("Trunc", x, *map(file.tensor, (0.25, 0.0, 5.0, 3.0)), domain=file.domain, rounding_mode="FLOOR")
    x = file.node("Flatten", x)
    check((file.proto(file.dense(x, rng.normal(size=(np.prod(shape), 4)), "fc")), shape, 5))


def test_constant_channels_keep_the_codes_of_the_others_small() -> None:
    """A Trunc behind batch normalizations with a gain of 0: all channels stay on one grid."""
    file, rng = QonnxFile((9,), BATCH), np.random.default_rng(5)
    x = file.dense(file.bipolar("x"), rng.normal(size=(9, 3)), "fc1")
    x = file.normalize(x, [0.0, 0.0, 0.1], [0.0, 99.0, 0.0], np.zeros(3), [1.0, 1.0, 2.0], 1e-5)
    x = file.quant(x, 5, 0.37)
    x = file.node("Trunc", x, *map(file.tensor, (0.37, 0.0, 5.0, 4.0)), domain=file.domain, rounding_mode="ROUND")
    check((file.proto(file.dense(x, rng.normal(size=(3, 4)), "fc2")), (9,), 5))


def test_a_comparison_that_float32_decides_otherwise_is_known_as_the_cause() -> None:
    """Ten times float32(0.7) is less than 7, but not in float32."""
    file = QonnxFile((10,), BATCH)
    x = file.node("Mul", file.dense(file.bipolar("x"), np.ones((10, 1)), "fc1"), file.tensor(0.7))
    reached = file.node("GreaterOrEqual", x, file.tensor(7.0), name="reached")
    x = file.node("Where", reached, file.tensor(1.0), file.tensor(-1.0))
    found = differences(file.proto(file.dense(x, np.array([[1.0, -1.0]]), "fc2")), np.ones((BATCH, 10), np.float32))
    assert [(tie.node, tie.sample, tie.element) for tie in found] == [("reached", k, 0) for k in range(BATCH)]
    assert max(tie.distance for tie in found) < ROUNDING_ERROR
