"""Pools: the ops against plain loops, and files against qonnx's executor, tensor by tensor."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import says
from qonnx_file import QonnxFile
from spatial import BATCH, SHAPE, Rng, agreement, agreements, classes, conv, data, normalized, signs

from icepop.compiler.errors import ModelError
from icepop.compiler.frontend.handlers.windows import rounded_up as ceiled
from icepop.compiler.frontend.load import load_graph
from icepop.compiler.ops.max_pool import MaxPool
from icepop.compiler.ops.sum_pool import SumPool
from icepop.compiler.ops.window import Window
from icepop.compiler.taps import outputs
from icepop.compiler.types import BIPOLAR, Domain, TensorType

Network = Callable[[QonnxFile, Rng], str]
HALF = {"kernel_shape": [2, 2], "strides": [2, 2]}


def taps(window: Window, x: np.ndarray) -> np.ndarray:
    """Lists of the values under each position of a map (*sizes), padding left out."""
    shape = window.shape(x.shape, "pool")
    result = np.empty(shape, object)
    for p in np.ndindex(*shape):
        where = [
            [s * a + d * k - b for k in range(n)]
            for s, a, d, b, n in zip(window.stride, p, window.dilation, window.before, window.kernel, strict=True)
        ]
        inside = [[i for i in axis if 0 <= i < size] for axis, size in zip(where, x.shape, strict=True)]
        result[p] = x[np.ix_(*inside)].reshape(-1).tolist()
    return result


@st.composite
def windows(draw: st.DrawFn) -> tuple[Window, tuple[int, ...]]:
    """A window, and sizes of a map that it fits."""
    axes = draw(st.sampled_from([1, 2]))
    kernel, stride, dilation = (tuple(draw(st.integers(1, 3)) for _ in range(axes)) for _ in range(3))
    before, after = (tuple(draw(st.integers(0, k - 1)) for k in kernel) for _ in range(2))
    window = Window(kernel, stride, before, after, dilation)
    return window, tuple(extent + draw(st.integers(0, 3)) for extent in window.extents)


@settings(max_examples=60, deadline=None)
@given(windows(), st.sampled_from([BIPOLAR, Domain(-3, 5), Domain(1, 4)]), st.integers(0, 99))
def test_pools_are_what_lies_under_their_windows(
    drawn: tuple[Window, tuple[int, ...]], domain: Domain, seed: int
) -> None:
    window, sizes = drawn
    rng = np.random.default_rng(seed)
    x = rng.integers(0, domain.size, (2, 3, *sizes)) * domain.step + domain.lo
    sign = np.array([1, -1, 1])
    largest, total = MaxPool("max", ("x",), window, sign), SumPool("sum", ("x",), window)
    types = [op.infer(TensorType((3, *sizes), domain)) for op in (largest, total)]
    results = [largest.golden(x), total.golden(x)]
    for n, c in np.ndindex(2, 3):
        lists = taps(window, x[n, c])
        assert (results[0][n, c] == np.vectorize(max if sign[c] > 0 else min, otypes=[int])(lists)).all()
        assert (results[1][n, c] == np.vectorize(sum, otypes=[int])(lists)).all()
    for type, result in zip(types, results, strict=True):
        assert type.shape == result.shape[1:]
        assert type.integers.contains(result)
        assert result.dtype == np.int64
    assert types[0].domain == domain


def test_floats_may_be_pooled() -> None:
    """Of the model's input, before its quantizer."""
    op = MaxPool("max", ("x",), Window((2,), (2,), (0,), (0,), (1,)), np.array([1, -1]))
    x = np.array([[[-2.5, -1.5], [0.25, 3]]], np.float32)
    assert op.infer(TensorType((2, 2), None)).domain is None
    assert op.golden(x).tolist() == [[[-1.5], [0.25]]]
    assert op.golden(x).dtype == np.float32


def test_padding_must_leave_something_to_pool() -> None:
    window = Window((2,), (1,), (2,), (0,), (1,))
    with says(ModelError, f"'max' must have pads below its kernel, not {window}"):
        MaxPool("max", ("x",), window, np.array([1])).infer(TensorType((1, 4), BIPOLAR))
    with says(ModelError, "'max' pools 1 channels, but 'x' gives (2, 4)"):
        MaxPool("max", ("x",), window, np.array([1])).infer(TensorType((2, 4), BIPOLAR))


# files


def of_codes(m: QonnxFile, rng: Rng) -> str:
    """A pool that feeds a convolution, without a quantizer between."""
    x = m.bipolar(m.node("Sub", "x", m.tensor(1.75)), name="q0")
    x = m.node("MaxPool", x, kernel_shape=[2, 3], name="p0")
    x = m.bipolar(normalized(m, rng, conv(m, rng, x, (4, 2, 2, 2), "c1"), 4), name="q1")
    return classes(m, rng, m.node("MaxPool", x, **HALF, pads=[1, 0, 0, 1], name="p1"))


def of_accumulators(m: QonnxFile, rng: Rng) -> str:
    """Before the batch normalization, as CNV has it: convolution, pool, normalization, sign."""
    x = conv(m, rng, m.bipolar("x", name="q0"), (6, 2, 2, 2), "c1", pads=[1, 1, 1, 1])
    x = m.node("MaxPool", x, **HALF, name="p1")
    return classes(m, rng, m.bipolar(normalized(m, rng, x, 6), name="q1"))


def of_falling_functions(m: QonnxFile, rng: Rng) -> str:
    """Behind a batch normalization and a rectifier: channels that fall take the smallest accumulator."""
    x = conv(m, rng, m.bipolar("x", name="q0"), (6, 2, 2, 2), "c1")
    x = m.node("Relu", normalized(m, rng, x, 6))
    x = m.node("MaxPool", x, kernel_shape=[3, 2], strides=[2, 1], name="unlike")
    return classes(m, rng, m.quant(x, 2, 1.0, signed=0, name="q1"))


def rounded_up(m: QonnxFile, rng: Rng) -> str:
    x = m.quant("x", 3, 1.0, name="q0")
    x = m.node("MaxPool", x, kernel_shape=[3, 2], strides=[2, 2], ceil_mode=1, name="p0")
    return classes(m, rng, conv(m, rng, x, (3, 2, 2, 2), "c1") and m.bipolar("c1_out", name="q1"))


@pytest.mark.parametrize(
    ("kernel", "stride", "pads", "size", "after", "count"),
    [
        (3, 2, (0, 0), 6, 1, 3),
        (3, 2, (0, 0), 7, 0, 3),
        (2, 3, (0, 1), 6, 1, 2),  # a third window would begin behind the map
        (2, 3, (1, 1), 6, 1, 3),
        (2, 2, (0, 0), 5, 1, 3),
    ],
)
def test_rounding_up_adds_no_window_of_padding_only(
    kernel: int, stride: int, pads: tuple[int, int], size: int, after: int, count: int
) -> None:
    """What onnxruntime and torch do; qonnx's executor trips over onnx's other shape."""
    window = ceiled(Window((kernel,), (stride,), pads[:1], pads[1:], (1,)), (size,))
    assert window.after == (after,)
    assert window.shape((size,), "pool") == (count,)


def means(m: QonnxFile, rng: Rng) -> str:
    """Of codes, of accumulators, with padding that counts and that does not, with windows that overlap."""
    x = m.node("AveragePool", m.quant("x", 3, 1.0, name="q0"), **HALF, name="p0")
    x = conv(m, rng, x, (6, 2, 2, 1), "c1", pads=[1, 1, 1, 1])
    x = m.node("AveragePool", x, kernel_shape=[2, 2], pads=[1, 0, 0, 1], count_include_pad=1, name="p1")
    x = m.quant(normalized(m, rng, x, 6), 2, 1.0, name="q1")
    x = m.node("AveragePool", x, kernel_shape=[2, 4], strides=[2, 1], pads=[1, 0, 1, 0], name="unlike")
    return classes(m, rng, m.quant(x, 3, 0.5, name="q2"))


def normalized_means(m: QonnxFile, rng: Rng) -> str:
    """Of a batch normalization, whose root may be irrational: a mean commutes with it."""
    x = conv(m, rng, m.bipolar("x", name="q0"), (4, 2, 1, 2), "c1")
    x = m.node("AveragePool", normalized(m, rng, x, 4), kernel_shape=[2, 2], name="unlike")
    return classes(m, rng, m.bipolar(x, name="q1"))


NETWORKS = [of_codes, of_accumulators, of_falling_functions, rounded_up, means, normalized_means]


@pytest.mark.parametrize("network", NETWORKS)
def test_pools_equal_the_executor(network: Network, tmp_path: Path) -> None:
    for graph in agreements(network, tmp_path):
        assert any(isinstance(op, MaxPool | SumPool) for op in graph.ops)


def test_the_input_may_be_pooled_before_its_quantizer(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    m = QonnxFile(SHAPE, batch=BATCH)
    x = m.node("MaxPool", m.node("Mul", "x", m.tensor(0.5)), **HALF, name="unlike")
    x = m.bipolar(m.node("Sub", x, m.tensor(0.75)), name="q0")
    agreement(m, classes(m, rng, m.bipolar(conv(m, rng, x, (3, 2, 1, 1), "c1"), name="q1")), tmp_path, data(rng))


def squeezed(m: QonnxFile, x: str) -> str:
    return m.node("Squeeze", m.node("GlobalAveragePool", x, name="p1"), m.tensor([2, 3], dtype=np.int64))


MEANS: dict[str, Callable[[QonnxFile, str], str]] = {
    "global": squeezed,
    "window": lambda m, x: m.node("Flatten", m.node("AveragePool", x, name="p1", kernel_shape=[4, 4])),
    "axes": lambda m, x: m.node("ReduceMean", x, name="p1", axes=[-1, 2], keepdims=0),
    "axes one by one": lambda m, x: m.node("Flatten", m.node("ReduceMean", mean_of_rows(m, x), name="p2", axes=[3])),
}


def mean_of_rows(m: QonnxFile, x: str) -> str:
    return m.node("ReduceMean", x, name="p1", axes=[2], keepdims=1)


@pytest.mark.parametrize("mean", MEANS)
def test_classes_may_be_means_of_maps(mean: str, tmp_path: Path) -> None:
    """`acc` stays what the last layer gives; `logit` is what is compared."""
    rng = np.random.default_rng(0)
    m = QonnxFile(SHAPE, batch=BATCH)
    x = m.node("Conv", m.bipolar("x", name="q0"), m.bipolar(m.tensor(signs(rng, 5, 2, 3, 2)), 0.25), name="c1")
    x = MEANS[mean](m, x)
    graph = agreement(m, x, tmp_path, data(rng))
    arrays = outputs(graph, graph.run(data(rng)), taps=False)
    assert arrays["acc"].shape == (BATCH, 5, 4, 4)
    assert arrays["logit"].shape == (BATCH, 5)
    assert (arrays["logit"] == arrays["acc"].sum(axis=(2, 3))).all()
    assert "logit" not in outputs(*without_pool(tmp_path), taps=False)


def without_pool(folder: Path) -> tuple[object, ...]:
    m = QonnxFile(SHAPE, batch=BATCH)
    rng = np.random.default_rng(0)
    graph = load_graph(m.save(folder / "model.onnx", classes(m, rng, m.bipolar("x", name="q0"))))
    return graph, graph.run(data(rng))


BROKEN: dict[str, Callable[[QonnxFile, str], str]] = {
    "node 'p' (MaxPool) must have a kernel_shape and read (1, C, …)": lambda m, x: m.node("MaxPool", x, name="p"),
    "node 'p' (MaxPool): kernel_shape must hold 2 numbers, not [2]": lambda m, x: m.node(
        "MaxPool", x, name="p", kernel_shape=[2]
    ),
    "node 'p' (GlobalAveragePool) must read (1, C, …), not (1, 60)": lambda m, x: m.node(
        "GlobalAveragePool", m.node("Flatten", x), name="p"
    ),
    "node 'p' (AveragePool) must read quantized values or accumulators; put a BipolarQuant or Quant before it": (
        lambda m, x: m.node("AveragePool", m.node("Relu", conv_of(m, x)), name="p", kernel_shape=[2, 2])
    ),
    "node 'p' (GlobalAveragePool) must read quantized values or accumulators; put a BipolarQuant or Quant before it": (
        lambda m, x: m.node("GlobalAveragePool", "x", name="p")
    ),
    "node 'p' (AveragePool) must not average padding with values that have an offset; set count_include_pad=0": (
        lambda m, x: m.node(
            "AveragePool",
            m.node("Add", conv_of(m, x), m.tensor(0.5)),
            name="p",
            kernel_shape=[2, 2],
            pads=[1, 0, 0, 0],
            count_include_pad=1,
        )
    ),
    "node 'p' (AveragePool): with ceil_mode its windows must end inside the map": lambda m, x: m.node(
        "AveragePool", x, name="p", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1
    ),
    "node 'p' (ReduceMean) must run along spatial axes, from 2 on, not [1, 2]": lambda m, x: m.node(
        "ReduceMean", x, name="p", axes=[1, 2]
    ),
    "node 'p' (MaxPool) must read one function of all elements of a channel; put a quantizer before it": (
        lambda m, x: m.node(
            "MaxPool", m.node("Add", conv_of(m, x), m.tensor(np.arange(5.0))), name="p", kernel_shape=[2, 2]
        )
    ),
}


def conv_of(m: QonnxFile, x: str) -> str:
    return m.node("Conv", x, m.bipolar(m.tensor(np.ones((3, 2, 1, 1)))), name="c")


@pytest.mark.parametrize("message", BROKEN)
def test_pools_that_cannot_be_read(message: str, tmp_path: Path) -> None:
    m = QonnxFile(SHAPE)
    x = BROKEN[message](m, m.bipolar("x", name="q0"))
    with says(ModelError, message):
        load_graph(m.save(tmp_path / "model.onnx", m.bipolar(x, name="q1")))
