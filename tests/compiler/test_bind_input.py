"""Networks that take integer codes: equal to those that take the floats the codes stand for."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from qonnx_file import QonnxFile

from icepop.compiler.frontend.load import load_graph
from icepop.compiler.graph import Graph
from icepop.compiler.input_format import InputFormat, parse_format
from icepop.compiler.ops.encode import Encode
from icepop.compiler.passes.bind_input import bind_input
from icepop.compiler.project import load_network
from icepop.compiler.types import BIPOLAR

FORMATS = ["uint8/255", "int16/1024", "int8@0.8298503756523132", "bipolar"]


def affine(m: QonnxFile) -> str:
    """``2 x - 1`` and a quantizer at the model's head."""
    x = m.node("Sub", m.node("Mul", "x", m.tensor(2.0)), m.tensor(1.0))
    return m.quant(x, 3, 0.3, name="q")


def thermometer(m: QonnxFile) -> str:
    """Bits of several thresholds for each input, in another order."""
    x = m.node("Reshape", "x", m.tensor([0, 6, 1], dtype=np.int64))
    x = m.node("GreaterOrEqual", x, m.tensor(np.sort(np.random.default_rng(1).normal(size=(6, 3)), axis=1)))
    x = m.node("Where", x, m.tensor(1), m.tensor(-1), name="q")
    return m.node("Transpose", x, perm=[0, 2, 1])


def pooled(m: QonnxFile) -> str:
    """A pool of the input itself, of falling and rising values, beside the input in another shape."""
    x = m.node("Mul", "x", m.tensor([[-1.0], [2.0]]))
    x = m.quant(m.node("MaxPool", x, kernel_shape=[2], pads=[1, 1]), 3, 0.3, name="q")
    flat = [m.node("Flatten", x), m.bipolar(m.node("Flatten", m.node("Sub", "x", m.tensor(0.25))), 0.3)]
    return m.node("Concat", *flat, axis=1)


HEADS: dict[str, tuple[Callable[[QonnxFile], str], int]] = {
    "sign": (lambda m: m.bipolar("x", name="q"), 6),
    "affine": (affine, 6),
    "bits": (thermometer, 18),
    "pooled": (pooled, 14),
}


def saved(tmp_path: Path, head: str) -> Path:
    m = QonnxFile((2, 3))
    make, width = HEADS[head]
    x = make(m)
    weights = np.random.default_rng(0).choice([-1, 1], (width, 5))
    flat = m.node("Reshape", x, m.tensor([0, -1], dtype=np.int64))
    return m.save(tmp_path / "model.onnx", m.dense(flat, weights, "fc"))


def every_code(format: InputFormat) -> np.ndarray:
    """Samples that show every code to the first input, and random ones to the others."""
    domain = format.domain
    codes = np.arange(domain.lo, domain.hi + 1, domain.step)
    return np.stack([codes, *np.random.default_rng(0).choice(codes, (5, len(codes)))], axis=1).reshape(-1, 2, 3)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("text", FORMATS)
def test_codes_give_what_their_floats_give(head: str, text: str, tmp_path: Path) -> None:
    graph, format = load_graph(saved(tmp_path, head)), parse_format(text)
    bound = bind_input(graph, format)
    codes = every_code(format)
    floats = format.values[(codes - format.domain.lo) // format.domain.step]
    expected, results = graph.run(floats), bound.run(codes)
    assert bound.types["x"].integers == format.domain
    for name in ("fc", "argmax"):
        assert (results[name] == expected[name]).all()
    if "q" in results:
        assert (results["q"] == expected["q"]).all()
        assert {op.thresholds.dtype for op in bound.ops if isinstance(op, Encode)} == {np.dtype(np.int64)}


def names(graph: Graph) -> list[str]:
    return [op.name for op in graph.ops]


def test_signs_of_bipolar_inputs_need_no_quantizer(tmp_path: Path) -> None:
    bound = bind_input(load_graph(saved(tmp_path, "sign")), parse_format("bipolar"))
    assert names(bound) == ["x", "fc", "argmax"]
    assert bound.types["x"].integers == BIPOLAR
    other = bind_input(load_graph(saved(tmp_path, "bits")), parse_format("bipolar"))
    assert names(other)[1] == "q"


def test_the_network_starts_at_its_input(tmp_path: Path) -> None:
    path = saved(tmp_path, "affine")
    free, bound = load_network(path), load_network(path, "uint8/255")
    assert (free.start, free.format) == ("q", None)
    assert (bound.start, str(bound.format)) == ("x", "uint8/255.0")
    first, last = bound.ends()
    assert (first.integers.bits, first.length, last.length) == (8, 6, 1)
    codes = every_code(parse_format("uint8/255"))
    floats = parse_format("uint8/255").values[codes]
    answers = free.answer(free.graph.run(floats)["q"])
    assert (bound.answer(codes) == answers).all()
