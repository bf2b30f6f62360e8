"""Convolutions: the op against plain loops, and files against qonnx's executor, tensor by tensor."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import says
from qonnx_file import QonnxFile, executed
from spatial import BATCH, SHAPE, Rng, agreement, agreements, classes, conv, data, normalized, signs

from icepop.compiler.errors import ModelError, PlanError
from icepop.compiler.frontend.load import load_graph
from icepop.compiler.ops.conv import COLUMNS, Conv
from icepop.compiler.ops.threshold import Threshold
from icepop.compiler.ops.window import Window
from icepop.compiler.passes.lower import lower
from icepop.compiler.planner.layers import UnitLibrary, cut
from icepop.compiler.planner.plan import Span
from icepop.compiler.taps import outputs
from icepop.compiler.types import BIPOLAR, Domain, TensorType

Network = Callable[[QonnxFile, Rng], str]
DOMAINS = [BIPOLAR, Domain(0, 3), Domain(-4, 3), Domain(1, 5, 2)]


def looped(op: Conv, x: np.ndarray) -> np.ndarray:
    """Sum over every tap, straight from the definition."""
    w, at = op.weights, op.window
    shape = at.shape(x.shape[2:], "conv")
    result = np.zeros((len(x), len(w), *shape), np.int64)
    size, each = w.shape[1], len(w) // op.groups
    for s, n, *p in np.ndindex(*result.shape):
        for c, *k in np.ndindex(*w.shape[1:]):
            where = [
                stride * a + dilation * b - before
                for stride, a, dilation, b, before in zip(at.stride, p, at.dilation, k, at.before, strict=True)
            ]
            if all(0 <= position < edge for position, edge in zip(where, x.shape[2:], strict=True)):
                result[(s, n, *p)] += w[(n, c, *k)] * x[(s, n // each * size + c, *where)]
    return result


def random_values(domain: Domain, shape: tuple[int, ...], rng: Rng) -> np.ndarray:
    return rng.integers(0, domain.size, shape) * domain.step + domain.lo


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_convolution_is_its_sum(data: st.DataObject) -> None:
    """Of one and of two axes, with everything different on each side of each axis."""
    axes = data.draw(st.sampled_from([1, 2]))
    kernel, stride, dilation = (tuple(data.draw(st.integers(1, 3)) for _ in range(axes)) for _ in range(3))
    before, after = (tuple(data.draw(st.integers(0, 2)) for _ in range(axes)) for _ in range(2))
    groups, inputs, outs = data.draw(st.tuples(st.sampled_from([1, 2, 3]), st.integers(1, 2), st.integers(1, 2)))
    window = Window(kernel, stride, before, after, dilation)
    sizes = tuple(extent + data.draw(st.integers(0, 3)) for extent in window.extents)
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    weights = rng.choice(
        data.draw(st.sampled_from([[-1, 1], [-1, 0, 1], range(-4, 5)])), (groups * outs, inputs, *kernel)
    )
    domain = data.draw(st.sampled_from(DOMAINS))
    op = Conv("conv", ("x",), weights, window, groups)
    type = op.infer(TensorType((groups * inputs, *sizes), domain))
    x = random_values(domain, (2, groups * inputs, *sizes), rng)
    result = op.golden(x)
    assert (result == looped(op, x)).all()
    assert result.dtype == np.int64
    assert result.shape[1:] == type.shape
    assert type.integers.contains(result)


def test_the_bounds_of_a_convolution_are_reached() -> None:
    weights = np.array([[[2, -1, 3]], [[-1, -1, 1]]])
    window = Window((3,), (1,), (0,), (0,), (1,))
    op = Conv("conv", ("x",), weights, window)
    assert op.infer(TensorType((1, 3), Domain(-1, 2))).integers == Domain(-7, 11)
    assert op.golden(np.array([[[2, -1, 2]], [[-1, 2, -1]]]))[:, 0, 0].tolist() == [11, -7]
    # padding is 0, which [1, 2] does not hold
    padded = replace(op, window=replace(window, before=(1,)))
    assert op.infer(TensorType((1, 3), Domain(1, 2))).integers == Domain(-3, 9)
    assert padded.infer(TensorType((1, 3), Domain(1, 2))).integers == Domain(-4, 10)


def test_padding_of_signs_is_zero_and_ends_their_parity() -> None:
    weights, window = np.ones((1, 1, 3), np.int64), Window((3,), (1,), (1,), (1,), (1,))
    op = Conv("conv", ("x",), weights, window)
    assert op.infer(TensorType((1, 4), BIPOLAR)).integers == Domain(-3, 3)
    assert op.golden(np.ones((1, 1, 4), np.int64)).tolist() == [[[2, 3, 3, 2]]]
    inside = replace(op, window=replace(window, before=(0,), after=(0,)))
    assert inside.infer(TensorType((1, 4), BIPOLAR)).integers == Domain(-3, 3, 2)


def test_large_batches_go_in_pieces() -> None:
    rng = np.random.default_rng(0)
    op = Conv("conv", ("x",), rng.choice([-1, 1], (2, 8, 3, 3)), Window((3, 3), (1, 1), (1, 1), (1, 1), (1, 1)))
    x = rng.choice([-1, 1], (40, 8, 40, 41))
    assert x[:, :1].size * 72 > COLUMNS
    whole = op.golden(x)
    assert all((op.golden(x[k : k + 1])[0] == whole[k]).all() for k in (0, 17, 39))


def test_large_sums_stay_exact() -> None:
    """Beyond 2**24 a float32 would lose the last bit."""
    op = Conv("conv", ("x",), np.full((1, 3, 1), 2**12 - 1), Window((1,), (1,), (0,), (0,), (1,)))
    assert op.golden(np.full((1, 3, 1), 2**12 - 1)).tolist() == [[[3 * (2**12 - 1) ** 2]]]


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((3, 4, 5), "layer 'conv' with weights (2, 2, 3, 2) in 1 groups takes 2 channels of 2 axes… (3, 4, 5)"),
        ((2, 4), "layer 'conv' with weights (2, 2, 3, 2) in 1 groups takes 2 channels of 2 axes… (2, 4)"),
        ((2, 2, 5), "'conv' has a kernel over (3, 2) on a padded map of only (2, 5)"),
    ],
)
def test_maps_that_do_not_fit(shape: tuple[int, ...], message: str) -> None:
    op = Conv("conv", ("x",), np.ones((2, 2, 3, 2), np.int64), Window((3, 2), (1, 1), (0, 0), (0, 0), (1, 1)))
    with says(ModelError, message.replace("…", ", but 'x' gives")):
        op.infer(TensorType(shape, BIPOLAR))


def test_hostile_windows_are_refused() -> None:
    huge = Window((1,), (1 << 40,), (1 << 40,), (0,), (1,))
    with says(ModelError, f"'conv' pads (4,) to ({(1 << 40) + 4},), more than 16777216 elements"):
        huge.shape((4,), "conv")
    with says(
        ModelError,
        f"'conv' must have kernel, stride and dilation from 1 and pads from 0, not {replace(huge, stride=(0,))}",
    ):
        replace(huge, stride=(0,)).shape((4,), "conv")


# files


def plain(m: QonnxFile, rng: Rng) -> str:
    """Signs under padding, unequal on all sides, strides and dilations."""
    x = m.bipolar("x", name="q0")
    x = conv(m, rng, x, (5, 2, 3, 2), "c1", pads=[1, 0, 2, 1], strides=[1, 2], dilations=[2, 1])
    x = m.bipolar(normalized(m, rng, x, 5), 0.5, name="q1")
    x = m.node("Conv", x, m.bipolar(m.tensor(signs(rng, 3, 5, 2, 2)), 0.25), m.tensor([1, -2, 0.5]), name="c2")
    return classes(m, rng, m.bipolar(x, name="q2"))


def grouped(m: QonnxFile, rng: Rng) -> str:
    """Depthwise, then groups of two, with scales of weights per channel."""
    x = m.quant("x", 3, 0.5, signed=0, name="q0")
    scale = rng.choice([0.5, 1, 2], (4, 1, 1, 1))
    w = m.quant(m.tensor(rng.integers(-4, 5, (4, 1, 3, 3)) / 2), 3, scale, name="w1")
    x = m.node("Conv", x, w, name="c1", group=2, pads=[1, 1, 1, 1])
    x = m.quant(m.node("Relu", normalized(m, rng, x, 4)), 2, 1.0, signed=0, name="q1")
    w = m.quant(m.tensor(rng.integers(-1, 2, (6, 2, 3, 2))), 2, 1.0, name="w2")
    x = m.node("Conv", x, w, name="c2", group=2, auto_pad="SAME_UPPER", strides=[2, 1])
    return classes(m, rng, m.quant(x, 3, 2.0, name="q2"))


def channel_scales(m: QonnxFile, rng: Rng) -> str:
    """Activations with a scale for each channel: they go into the weights, or out of a depthwise product."""
    x = m.quant("x", 3, np.array([0.5, 0.25]).reshape(1, 2, 1, 1), name="q0")
    x = conv(m, rng, x, (3, 2, 2, 2), "c1", pads=[0, 1, 1, 0])
    x = m.quant(x, 3, np.array([1.5, 0.5, 1]).reshape(1, 3, 1, 1), name="q1")
    x = conv(m, rng, x, (3, 1, 2, 2), "c2", group=3)
    return classes(m, rng, m.quant(x, 3, 1.0, name="q2"))


def one_axis(m: QonnxFile, rng: Rng) -> str:
    """Maps of one axis."""
    x = m.node("Reshape", "x", m.tensor([0, 2, -1], dtype=np.int64))
    x = conv(m, rng, m.bipolar(x, name="q0"), (4, 2, 5), "c1", auto_pad="SAME_LOWER", strides=[2])
    return classes(m, rng, m.bipolar(normalized(m, rng, x, 4), name="q2"))


def zeros_around(m: QonnxFile, rng: Rng) -> str:
    """Pads of nodes of their own, beside those of a convolution; the values have an offset."""
    x = m.quant("x", 3, 0.5, zero=2, name="q0")
    x = m.node("Pad", x, m.tensor([0, 0, 1, 0, 0, 0, 2, 1], dtype=np.int64))
    x = conv(m, rng, x, (3, 2, 3, 2), "c1", pads=[0, 1, 1, 0], strides=[2, 1])
    x = m.node("Pad", m.bipolar(x, name="q1"), m.tensor([0, 0, 0, 1, 0, 0, 1, 0], dtype=np.int64), m.tensor(0.0))
    x = conv(m, rng, x, (4, 3, 2, 2), "c2", auto_pad="SAME_UPPER", strides=[2, 3])
    return classes(m, rng, m.quant(x, 3, 2.0, name="q2"))


@pytest.mark.parametrize("network", [plain, grouped, channel_scales, one_axis, zeros_around])
def test_convolutions_equal_the_executor(network: Network, tmp_path: Path) -> None:
    for graph in agreements(network, tmp_path):
        assert sum(isinstance(op, Conv) for op in graph.ops) == 2 - (network is one_axis)


def test_products_along_the_last_axis_are_convolutions(tmp_path: Path) -> None:
    """Maps of (2, 6) rows of 5: channels come first in the graph."""
    rng = np.random.default_rng(0)
    m = QonnxFile(SHAPE, batch=BATCH)
    x = m.bipolar("x", name="q0")
    x = m.node("MatMul", x, m.bipolar(m.tensor(signs(rng, 5, 7)), rng.choice([0.5, 1.0, 2.0], 7)), name="c1")
    x = m.quant(m.node("Relu", m.node("Add", x, m.tensor(rng.integers(-3, 4, 7) / 2))), 3, 1.0, name="q1")
    x = m.node("MatMul", x, m.bipolar(m.tensor(signs(rng, 7, 4))), name="c2")
    output, x = classes(m, rng, m.bipolar(x, name="q2")), data(rng)
    expected = executed(m.proto(output), x)
    graph = load_graph(m.save(tmp_path / "model.onnx", output))
    results = graph.run(x)
    assert sum(isinstance(op, Conv) for op in graph.ops) == 2
    for name in ("q1", "c2"):
        assert (np.moveaxis(expected[f"{name}_out"], -1, 1) == results[name]).all()
    assert (expected[output].argmax(axis=1) == results["argmax"][:, 0]).all()
    assert len(set(results["argmax"][:, 0].tolist())) > 1


def test_offsets_count_only_taps_that_are_no_padding(tmp_path: Path) -> None:
    """Values that are no multiples of one number leave a constant term, another one at the border."""
    rng = np.random.default_rng(0)
    m = QonnxFile(SHAPE, batch=BATCH)
    far = np.array([2.0**-18, -(2.0**-19)]).reshape(1, 2, 1, 1)
    x = m.node("Add", m.quant("x", 2, 1.0, name="q0"), m.tensor(far))
    weights = rng.integers(-1, 2, (3, 2, 3, 2))
    x = m.node("Conv", x, m.quant(m.tensor(weights), 2, 1.0), name="c1", pads=[1, 1, 1, 0])
    # signs of what is left when the integers are 0: only the offsets decide
    output = classes(m, rng, m.bipolar(x, name="q2"))
    graph = agreement(m, output, tmp_path, data(rng), but="c1")  # affine for each position only
    threshold = next(op for op in graph.ops if isinstance(op, Threshold))
    assert len(np.unique(threshold.thresholds)) > 1


def test_taps_of_convolutions_are_maps(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    m = QonnxFile(SHAPE, batch=BATCH)
    graph = agreement(m, plain(m, rng), tmp_path, data(rng))
    arrays = outputs(graph, graph.run(data(rng)), taps=True)
    assert {name: array.shape[1:] for name, array in arrays.items()} == {
        **{"acc": (5,), "label": ()},
        **{"act0": (2, 6, 5), "acc0": (5, 5, 3), "act1": (5, 5, 3), "acc1": (3, 4, 2), "act2": (3, 4, 2), "acc2": (5,)},
    }


def weights(m: QonnxFile, *shape: int) -> str:
    return m.bipolar(m.tensor(np.ones(shape)))


BROKEN: dict[str, Callable[[QonnxFile, str], str]] = {
    "node 'c' (Conv): the weights must be quantized by BipolarQuant or Quant": lambda m, x: m.node(
        "Conv", x, m.tensor(np.ones((3, 2, 1, 1))), name="c"
    ),
    "node 'c' (Conv) must read quantized values; put a BipolarQuant or Quant before it": lambda m, x: m.node(
        "Conv", m.node("Conv", x, weights(m, 3, 2, 1, 1)), weights(m, 3, 3, 1, 1), name="c"
    ),
    "node 'c' (Conv) must read (1, C, …) with weights (N, C / group, …), not (1, 2, 6, 5) with (3, 3, 1, 1) "
    "and group 1": lambda m, x: m.node("Conv", x, weights(m, 3, 3, 1, 1), name="c"),
    "node 'c' (Conv) must read (1, C, …) with weights (N, C / group, …), not (1, 2, 6, 5) with (3, 1, 1, 1) "
    "and group 2": lambda m, x: m.node("Conv", x, weights(m, 3, 1, 1, 1), name="c", group=2),
    "node 'c' (Conv): a weight scale must be per tensor or per output channel": lambda m, x: m.node(
        "Conv", x, m.bipolar(m.tensor(np.ones((3, 2, 1, 1))), np.array([1, 2]).reshape(1, 2, 1, 1)), name="c"
    ),
    "node 'c' (Conv): strides must hold 2 numbers, not [1]": lambda m, x: m.node(
        "Conv", x, weights(m, 3, 2, 1, 1), name="c", strides=[1]
    ),
    "node 'c' (Conv): auto_pad must not be WRONG": lambda m, x: m.node(
        "Conv", x, weights(m, 3, 2, 1, 1), name="c", auto_pad="WRONG"
    ),
    "node 'p' (Pad) must pad with the constant 0": lambda m, x: m.node(
        "Pad", x, m.tensor([0] * 8, dtype=np.int64), m.tensor(1.0), name="p"
    ),
    "node 'p' (Pad) must pad spatial axes of (1, C, …), from 2 on, not [0, 1, 0, 0, 0, 0, 0, 0]": lambda m, x: m.node(
        "Pad", x, m.tensor([0, 1, 0, 0, 0, 0, 0, 0], dtype=np.int64), name="p"
    ),
    "node 'r' (Relu) follows a Pad, but only a Conv may": lambda m, x: m.node(
        "Relu", m.node("Pad", x, m.tensor([0, 0, 1, 1, 0, 0, 1, 1], dtype=np.int64)), name="r"
    ),
    "node 't' (Transpose) cannot be read: only a Conv may follow a Pad": lambda m, x: m.node(
        "Transpose", m.node("Pad", x, m.tensor([0, 0, 1, 1, 0, 0, 1, 1], dtype=np.int64)), name="t"
    ),
    "'c' has a kernel over (7, 1) on a padded map of only (6, 5)": lambda m, x: m.node(
        "Conv", x, weights(m, 3, 2, 7, 1), name="c"
    ),
    "node 'c' (Conv): the scale of activations must be one for each channel": lambda m, x: m.node(
        "Conv", m.node("Mul", x, m.tensor(np.arange(1, 6) / 3)), weights(m, 3, 2, 1, 1), name="c"
    ),
    "node 'c' (Conv) would need accumulators up to 18014398509481984, but they must stay below 2**53; quantize its "
    "inputs with fewer bits, or with scales in a ratio of small integers": lambda m, x: m.node(
        "Conv",
        m.node("Mul", x, m.tensor(np.array([1, 3 * 2.0**-53]).reshape(1, 2, 1, 1))),
        weights(m, 3, 2, 1, 1),
        name="c",
    ),
}


@pytest.mark.parametrize("message", BROKEN)
def test_convolutions_that_cannot_be_read(message: str, tmp_path: Path) -> None:
    m = QonnxFile(SHAPE)
    with says(ModelError, message):
        load_graph(m.save(tmp_path / "model.onnx", BROKEN[message](m, m.bipolar("x", name="q0"))))


class NoUnit:
    """A kind of hardware that takes nothing."""

    def matches(self, span: Span) -> int:
        return 0

    __name__ = "NoUnit"


def test_a_convolution_without_hardware_is_named(tmp_path: Path) -> None:
    m = QonnxFile(SHAPE)
    x = conv(m, np.random.default_rng(0), m.bipolar("x", name="q0"), (3, 2, 2, 2), "c1")
    graph = load_graph(m.save(tmp_path / "model.onnx", classes(m, np.random.default_rng(0), m.bipolar(x, name="q1"))))
    library = UnitLibrary([NoUnit()], lambda beats, lanes: (), lambda beats, depths: None)  # type: ignore[list-item]
    with says(PlanError, "layer 'c1' (Conv on {-1, +1}) has no hardware unit; units are: NoUnit"):
        cut(graph, "q0", library)


def test_falling_channels_of_a_convolution_are_turned(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    m = QonnxFile(SHAPE, batch=BATCH)
    graph = load_graph(m.save(tmp_path / "model.onnx", plain(m, rng)))
    lowered = lower(graph)
    before, after = (
        np.concatenate([op.sign for op in each.ops if isinstance(op, Threshold)]) for each in (graph, lowered)
    )
    assert (before == -1).any()
    assert (after == 1).all()
    x = data(rng)
    results, expected = lowered.run(x), graph.run(x)
    assert all((results[name] == expected[name]).all() for name in ("q0", "q1", "q2", "argmax"))
