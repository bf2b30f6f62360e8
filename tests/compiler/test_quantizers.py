"""Quant and Trunc in all their forms: against exact arithmetic, and qonnx's executor where float32 is exact."""

from pathlib import Path

import numpy as np
import pytest
from judge import check_thresholds, judge
from numpy.typing import ArrayLike
from qonnx_file import QonnxFile, executed

from icepop.compiler.frontend.load import load_graph
from icepop.compiler.graph import Graph
from icepop.compiler.types import Domain

RNG = np.random.default_rng(0)
X = (RNG.integers(-40, 41, (50, 6)) / 8).astype(np.float32)
W1 = RNG.integers(-4, 4, (6, 5))
W2 = RNG.choice([-1, 1], (5, 3))
MODES = ["ROUND", "FLOOR", "CEIL", "DOWN", "UP", "HALF_UP", "HALF_DOWN"]


def agrees(m: QonnxFile, hidden: str, tmp_path: Path) -> Graph:
    """Network with a last layer behind ``hidden``: its real scores equal the executor's."""
    output = m.dense(hidden, W2, "fc2")
    graph = load_graph(m.save(tmp_path / "model.onnx", output))
    model = m.proto(output)
    model.opset_import[1].version = 2  # Trunc with an output scale
    scores = executed(model, X)[output]
    results = graph.run(X)
    assert (results[graph.output.name][:, 0] == scores.argmax(axis=1)).all()
    assert len(np.unique(scores)) > 5
    return graph


def first(m: QonnxFile) -> str:
    return m.node("MatMul", m.quant("x", 4, 0.5, name="q0"), m.quant(m.tensor(W1), 4, 1.0), name="fc1")


@pytest.mark.parametrize("mode", [*MODES, "floor", "ROUND_TO_ZERO"])
@pytest.mark.parametrize("attributes", [{"signed": 1}, {"signed": 0}, {"signed": 1, "narrow": 1}])
def test_roundings(mode: str, attributes: dict[str, int], tmp_path: Path) -> None:
    """Of the input, of weights and of activations; ROUND_TO_ZERO is Brevitas' name of DOWN."""
    results = []
    for name in dict.fromkeys((mode, mode.replace("ROUND_TO_ZERO", "DOWN"))):
        m = QonnxFile((6,), batch=len(X))
        x = m.quant("x", 3, 0.5, name="q0", rounding_mode=name, **attributes)
        weights = m.quant(m.tensor(W1 / 4), 3, 0.5, rounding_mode=name)
        x = m.node("MatMul", x, weights, name="fc1")
        output = m.dense(m.quant(x, 3, 1.0, name="q1", rounding_mode=name, **attributes), W2, "fc2")
        graph = load_graph(m.save(tmp_path / "model.onnx", output))
        results.append(graph.run(X))
        if name != "ROUND_TO_ZERO":
            expected = executed(m.proto(output), X)
            for tensor, op, scale in (("q0_out", "q0", 0.5), ("fc1_out", "fc1", 0.25), ("q1_out", "q1", 1.0)):
                assert (expected[tensor] == results[-1][op] * scale).all(), tensor
    assert all((results[0][op] == results[-1][op]).all() for op in results[0])


@pytest.mark.parametrize("zero", [0.0, 3.0, -2.0, 0.5, 0.25, [0, 1, 2, -1, 4]])
@pytest.mark.parametrize("scale", [0.5, [[0.5, 0.25, 1.0, 0.5, 2.0]]])
def test_zero_points_and_scales_of_activations(zero: float, scale: ArrayLike, tmp_path: Path) -> None:
    """Per channel too: integers multiply up, what is added to a code goes into the next layer's constant term."""
    m = QonnxFile((6,), batch=len(X))
    x = m.quant(m.node("Mul", first(m), m.tensor(0.25)), 3, scale, zero, name="q1")
    graph = agrees(m, x, tmp_path)
    assert graph.types["q1"].integers.size <= 16


@pytest.mark.parametrize("zero", [0.0, 1.0, -3.0, 0.5])
def test_zero_points_of_weights(zero: float, tmp_path: Path) -> None:
    m = QonnxFile((6,), batch=len(X))
    weights = m.quant(m.tensor(W1 / 2), 4, 0.5, zero)
    agrees(m, m.quant(m.node("MatMul", m.quant("x", 4, 0.5), weights, name="fc1"), 3, 1.0, name="q1"), tmp_path)


@pytest.mark.parametrize("offset", [1.0, -1.0, 0.3, [0.25, 1.0, -0.7, 0.0, 3.0]])
def test_offsets_behind_a_quantizer(offset: ArrayLike, tmp_path: Path) -> None:
    """``scale * q + b``: with no common grid of small codes, b times the sum of the weights is added exactly."""
    m = QonnxFile((6,), batch=len(X))
    x = m.node("Add", m.quant(first(m), 3, 1.0, name="q1"), m.tensor(offset))
    output = m.dense(m.quant(m.dense(x, W2, "fc2"), 4, 1.0, name="q2"), np.ones((3, 1)), "fc3")
    results = load_graph(m.save(tmp_path / "model.onnx", output)).run(X)
    exact = results["q1"] + np.asarray(offset, np.float32).astype(np.float64)
    if set(np.unique(results["q1"])) <= set(range(-4, 4)):
        scores = exact @ W2
        assert (np.clip(np.round(scores), -8, 7) == results["q2"]).all()


def test_one_bit_with_an_offset(tmp_path: Path) -> None:
    """{0, 1} times 2 less 1 is bipolar."""
    m = QonnxFile((6,), batch=len(X))
    x = m.quant(first(m), 1, 1.0, name="q1", signed=0)
    graph = agrees(m, m.node("Sub", m.node("Mul", x, m.tensor(2.0)), m.tensor(1.0)), tmp_path)
    assert graph.types["q1"].integers == Domain(-1, 1, 2)


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.int32])
def test_bit_width_and_zero_point_of_any_type(dtype: type, tmp_path: Path) -> None:
    m = QonnxFile((6,), batch=len(X))
    inputs = (first(m), m.tensor(1.0), m.tensor(2, dtype=dtype), m.tensor([3], dtype=dtype))
    x = m.node("Quant", *inputs, name="q1", domain=m.domain, signed=0, narrow=0, rounding_mode="ROUND")
    graph = load_graph(m.save(tmp_path / "model.onnx", m.dense(x, W2, "fc2")))
    assert graph.types["q1"].integers == Domain(-2, 5)


@pytest.mark.parametrize("bits", [8, 16])
def test_many_levels(bits: int, tmp_path: Path) -> None:
    m = QonnxFile((6,), batch=len(X))
    x = m.node("MatMul", m.quant("x", bits, 1 / 32), m.quant(m.tensor(W1), 4, 1.0), name="fc1")
    graph = agrees(m, m.quant(x, bits, 1 / 64, name="q1"), tmp_path)
    assert graph.types["q1"].integers.size == 1 << bits


@pytest.mark.parametrize("kind", ["signed", "narrow", "unsigned"])
@pytest.mark.parametrize("bits", range(1, 17))
def test_every_bit_width(bits: int, kind: str, tmp_path: Path) -> None:
    """Of weights and activations with scales of any digits, one a channel: exact codes, sums and thresholds."""
    rng, options = np.random.default_rng(bits), {"signed": int(kind != "unsigned"), "narrow": int(kind == "narrow")}
    if bits == 1:
        options["narrow"] = 0  # which would leave but one value
    m = QonnxFile((6,))
    x = m.quant("x", bits, 4.4 / 2**bits, name="q0", **options)
    w = m.quant(m.tensor(rng.normal(size=(6, 3)) / 2), bits, rng.uniform(0.5, 1, 3) / 2**bits, **options)
    x = m.node("MatMul", x, w, name="fc1")
    x = m.normalize(x, [0.7, -0.4, 0], [0.1, 0.2, 0.3], [0, 0.1, 0], [0.3, 0.5, 1], 1e-5)
    model = m.proto(m.dense(m.quant(x, bits, 2 / 2**bits, name="q1", **options), rng.normal(size=(3, 4)), "fc2"))
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    graph = load_graph(path)
    judge(graph, model, rng.normal(size=(40, 6)).astype(np.float32))
    assert graph.types["q1"].integers.size == max(2, (1 << bits) - options["narrow"])
    if bits <= 5:
        check_thresholds(graph, model, "q1")


@pytest.mark.parametrize("mode", ["FLOOR", "ROUND", "CEIL"])
@pytest.mark.parametrize("version", [1, 2])
def test_trunc(mode: str, version: int, tmp_path: Path) -> None:
    """Low bits of integers are dropped; version 2 has an output scale, and limits."""
    m = QonnxFile((6,), batch=len(X))
    x = m.node("MatMul", m.quant("x", 4, 0.5, name="q0"), m.quant(m.tensor(W1), 4, 1.0), name="fc1")
    inputs = [x, m.tensor(0.5), m.tensor(0.0), m.tensor(8.0)]
    attributes: dict[str, object] = {"rounding_mode": mode}
    if version == 2:
        inputs.append(m.tensor(4.0))
        attributes |= {"signed": 1, "narrow": 0}
    trunc = m.node("Trunc", *inputs, m.tensor(5.0), name="t1", domain=m.domain, **attributes)
    output = m.dense(trunc, W2, "fc2")
    graph = load_graph(m.save(tmp_path / "model.onnx", output))
    results = graph.run(X)
    rounding = {"FLOOR": np.floor, "ROUND": np.round, "CEIL": np.ceil}[mode]
    codes = rounding(results["fc1"] / 8)
    if version == 2:
        codes = np.clip(codes, -16, 15)
    assert (results["t1"] == codes).all()


def test_a_quantized_bias_is_exact(tmp_path: Path) -> None:
    """Code times scale needs more digits than float32 has: in float32 the bias would be 16777216 * 0.1 rounded."""
    scale, code = np.float32(0.1), (1 << 20) + 1
    m = QonnxFile((1,))
    bias = m.quant(m.tensor([float(code) * float(scale)]), 24, scale, name="b")
    weights = m.quant(m.tensor([[1.0]]), 2, scale)
    x = m.node("Gemm", m.quant("x", 2, 1.0), weights, bias, name="fc1")
    x = m.node("Sub", x, m.tensor(float(np.float32(code * float(scale)))))
    graph = load_graph(m.save(tmp_path / "model.onnx", m.dense(m.bipolar(x, name="q1"), [[1]], "fc2")))
    difference = code * float(scale) - float(np.float32(code * float(scale)))  # exact in float64
    assert difference != 0
    expected = next(a for a in range(-3, 4) if a * float(scale) + difference >= 0)
    assert next(op for op in graph.ops if op.name == "q1").thresholds.tolist() == [[expected]]  # type: ignore[attr-defined]


def test_sign_neg_and_odd_powers(tmp_path: Path) -> None:
    m = QonnxFile((6,), batch=len(X))
    x = m.node("Pow", m.node("Neg", first(m)), m.tensor(3.0))
    x = m.node("Sign", m.node("Sub", x, m.tensor(8.0)), name="s1")
    graph = agrees(m, x, tmp_path)
    assert graph.types["s1"].integers == Domain(-1, 1)
    acc = graph.run(X)["fc1"] * 0.5
    assert (graph.run(X)["s1"] == np.sign((-acc) ** 3 - 8)).all()
