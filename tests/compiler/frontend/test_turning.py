"""Functions that fall and rise between an accumulator, or the input, and a quantizer: even powers."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from exact_onnx import ExactRun
from judge import judge
from messages import says
from qonnx_file import QonnxFile

from icepop.compiler.errors import ModelError
from icepop.compiler.frontend.load import load_graph
from icepop.compiler.graph import Graph
from icepop.compiler.types import BIPOLAR, Domain

RNG = np.random.default_rng(0)
W1, W2 = RNG.integers(-2, 2, (5, 6)), RNG.choice([-1, 1], (6, 3))
X = (RNG.integers(-16, 17, (40, 5)) / 8).astype(np.float32)
SPREAD = [0.5, -0.25, 1.0, 0.0, 2.0, -1.0]
Middle = Callable[[QonnxFile, str], str]


def power(m: QonnxFile, x: str, exponent: object = 2.0) -> str:
    return m.node("Pow", x, m.tensor(exponent))


def trunc(m: QonnxFile, x: str) -> str:
    x = m.quant(power(m, x), 5, 0.5, signed=0)
    return m.node("Trunc", x, *map(m.tensor, (0.5, 0.0, 5.0, 3.0)), domain=m.domain, rounding_mode="FLOOR", name="act")


MIDDLES: dict[str, Middle] = {
    "square": lambda m, x: m.quant(power(m, x), 3, 1.5, signed=0, name="act"),
    "sign of a square": lambda m, x: m.bipolar(m.node("Sub", power(m, x), m.tensor(2.25)), name="act"),
    "fourth power, falling": lambda m, x: m.quant(m.node("Neg", power(m, x, 4.0)), 4, 3.0, name="act"),
    "turned in each channel elsewhere": lambda m, x: m.quant(
        m.node("Add", power(m, m.node("Add", x, m.tensor(SPREAD))), m.tensor(SPREAD)), 4, 0.5, zero=3.0, name="act"
    ),
    "scales of any sign behind": lambda m, x: m.quant(m.node("Mul", power(m, x), m.tensor(SPREAD)), 4, 0.5, name="act"),
    "behind a batch normalization": lambda m, x: m.quant(
        power(m, m.normalize(x, SPREAD, SPREAD, [1] * 6, [2, 3, 4, 5, 6, 7], 1e-5)), 3, 0.25, signed=0, name="act"
    ),
    "before a batch normalization": lambda m, x: m.bipolar(
        m.normalize(power(m, x), SPREAD, SPREAD, [1] * 6, [2, 3, 4, 5, 6, 7], 1e-5), name="act"
    ),
    "even and odd exponents": lambda m, x: m.quant(power(m, x, [1.0, 2, 3, 4, 1, 2]), 4, 1.0, name="act"),
    "two turns": lambda m, x: m.quant(power(m, m.node("Sub", power(m, x), m.tensor(4.0))), 4, 3.0, name="act"),
    "low bits dropped": trunc,
    "behind a quantizer": lambda m, x: m.quant(power(m, m.quant(x, 3, 0.5)), 4, 0.25, signed=0, name="act"),
    "a square of codes": lambda m, x: m.quant(power(m, m.quant(x, 3, 0.5)), 4, 1.0, signed=0, name="act"),
}


def network(middle: Middle) -> QonnxFile:
    m = QonnxFile((5,))
    x = m.node("MatMul", m.quant("x", 3, 0.5, name="q"), m.quant(m.tensor(W1), 2), name="fc1")
    m.dense(middle(m, x), W2, "fc2")
    return m


@pytest.mark.parametrize("name", MIDDLES)
def test_golden_equals_exact_arithmetic(name: str, tmp_path: Path) -> None:
    m = network(MIDDLES[name])
    graph = load_graph(m.save(tmp_path / "model.onnx", "fc2_out"))
    judge(graph, m.proto("fc2_out"), X)


@pytest.mark.parametrize("name", ["square", "sign of a square", "turned in each channel elsewhere", "two turns"])
def test_every_sum_is_decided_as_the_file_does(name: str, tmp_path: Path) -> None:
    m = network(MIDDLES[name])
    graph = load_graph(m.save(tmp_path / "model.onnx", "fc2_out"))
    reach = graph.types["fc1"].integers
    sums = np.repeat(np.arange(reach.lo, reach.hi + 1, reach.step)[:, None], 6, axis=1)
    golden = graph.run_from("fc1", sums)["fc2"]
    for row, expected in zip(sums, golden, strict=True):
        run = ExactRun(m.proto("fc2_out"), {"fc1_out": row[None] / np.float32(2)})
        unit = run[next(n for n in m.nodes if n.name == "act").input[1]].reshape(-1)[0]
        assert (run["fc2_out"] == expected * unit).all()


def test_scales_per_channel(tmp_path: Path) -> None:
    scale = np.array([[0.5, 1.0, 2.0, 0.25, 3.0, 0.75]])
    m = network(lambda m, x: m.quant(power(m, x), 3, scale, signed=0, name="act"))
    results = load_graph(m.save(tmp_path / "model.onnx", "fc2_out")).run(X)
    for k, row in enumerate(X):
        run = ExactRun(m.proto("fc2_out"), {"x": row[None]})
        assert (run["act_out"] == results["act"][k] * scale).all()


def graph_of(middle: Middle, tmp_path: Path) -> Graph:
    return load_graph(network(middle).save(tmp_path / "model.onnx", "fc2_out"))


def test_codes_are_no_wider_than_the_quantizers(tmp_path: Path) -> None:
    graph = graph_of(MIDDLES["square"], tmp_path)
    assert graph.types["act"].integers == Domain(0, 7)
    assert graph_of(MIDDLES["sign of a square"], tmp_path).types["act"].integers == BIPOLAR


@pytest.mark.parametrize("shift", [0.0, 0.75])
def test_the_models_input_may_be_squared(shift: float, tmp_path: Path) -> None:
    m = QonnxFile((5,))
    x = m.quant(power(m, m.node("Add", "x", m.tensor(shift))), 3, 0.5, signed=0, name="q")
    output = m.dense(m.bipolar(m.dense(x, np.ones((5, 6)), "fc1"), name="act"), W2, "fc2")
    judge(load_graph(m.save(tmp_path / "model.onnx", output)), m.proto(output), X)


@pytest.mark.parametrize("factor", [-1.0, [1.0, -2.0, 0.0, -0.5, 3.0]])
@pytest.mark.parametrize("bits", [2, 4])
def test_the_models_input_may_be_negated(factor: object, bits: int, tmp_path: Path) -> None:
    """As where black and white are swapped."""
    m = QonnxFile((5,))
    x = m.quant(m.node("Add", m.node("Mul", "x", m.tensor(factor)), m.tensor(1.0)), bits, 0.5, name="q")
    output = m.dense(m.bipolar(m.dense(x, np.ones((5, 6)), "fc1"), name="act"), W2, "fc2")
    judge(load_graph(m.save(tmp_path / "model.onnx", output)), m.proto(output), X)


def test_turned_maps_may_be_pooled(tmp_path: Path) -> None:
    m = QonnxFile((2, 4, 4))
    w = m.quant(m.tensor(RNG.integers(-2, 2, (3, 2, 2, 2))), 2)
    x = m.node("Conv", m.quant("x", 3, 0.5), w, name="conv", kernel_shape=[2, 2], strides=[1, 2])
    x = m.quant(power(m, m.node("Add", x, m.tensor(np.array([0.5, -1, 0]).reshape(1, 3, 1, 1)))), 3, 1.0, signed=0)
    x = m.node("Flatten", m.node("MaxPool", x, kernel_shape=[3, 1]))
    output = m.dense(x, RNG.choice([-1, 1], (6, 3)), "fc2")
    data = (RNG.integers(-16, 17, (12, 2, 4, 4)) / 8).astype(np.float32)
    judge(load_graph(m.save(tmp_path / "model.onnx", output)), m.proto(output), data)


def many(m: QonnxFile, x: str) -> str:
    for _ in range(4):
        x = m.node("Sub", power(m, x), m.tensor(1.0))
    return m.bipolar(x, name="act")


ERRORS: dict[str, Middle] = {
    "'act': at most 3 even powers may stand between quantizers, not 4; put a Quant between them": many,
    "node 'pool' (MaxPool) cannot be read: an even power neither rises nor falls; put a Quant behind it": (
        lambda m, x: m.bipolar(
            m.node(
                "Flatten",
                m.node(
                    "MaxPool",
                    power(m, m.node("Reshape", x, m.tensor([0, 2, 3], dtype=np.int64))),
                    kernel_shape=[1],
                    name="pool",
                ),
            )
        )
    ),
}


@pytest.mark.parametrize("message", ERRORS)
def test_turns_that_cannot_be_read(message: str, tmp_path: Path) -> None:
    with says(ModelError, message):
        graph_of(ERRORS[message], tmp_path)
