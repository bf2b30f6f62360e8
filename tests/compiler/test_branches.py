"""Branches that meet, and computed values that are cut and shuffled, against qonnx's executor, tensor by tensor."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import says
from qonnx_file import QonnxFile
from spatial import BATCH, SHAPE, Rng, agreement, agreements, classes, conv, data, normalized

from icepop.compiler.errors import ModelError
from icepop.compiler.frontend.load import load_graph
from icepop.compiler.ops.add import Add
from icepop.compiler.ops.concat import Concat
from icepop.compiler.ops.encode import Encode
from icepop.compiler.ops.gather import Gather
from icepop.compiler.ops.threshold import Threshold
from icepop.compiler.types import BIPOLAR, Domain, TensorType

Network = Callable[[QonnxFile, Rng], str]
DOMAIN = st.sampled_from([BIPOLAR, Domain(0, 3), Domain(-4, 2, 3), Domain(2, 2)])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(DOMAIN, st.integers(-3, 3), st.integers(-3, 3)), min_size=1, max_size=3), st.integers(0, 9))
def test_a_sum_has_the_smallest_domain(branches: list[tuple[Domain, int, int]], seed: int) -> None:
    """Every combination of values is tried in two channels of their own factors."""
    domains = [branch[0] for branch in branches]
    factors = np.array([branch[1:] for branch in branches])
    op = Add("add", tuple("abc"[: len(branches)]), factors)
    type = op.infer(*(TensorType((2, 1), domain) for domain in domains))
    grids = np.meshgrid(*(np.arange(d.lo, d.hi + 1, d.step) for d in domains), indexing="ij")
    xs = [np.repeat(grid.reshape(-1, 1, 1), 2, axis=1) for grid in grids]
    result = op.golden(*xs)
    for n, c, _ in np.ndindex(*result.shape):
        assert result[n, c, 0] == sum(int(f * x[n, c, 0]) for f, x in zip(factors[:, c], xs, strict=True))
    assert type.integers.contains(result)
    assert (type.integers.lo, type.integers.hi) == (result.min(), result.max())
    assert type.integers.step == (np.gcd.reduce(result - result.min(), axis=None) or 1)


@given(st.lists(st.tuples(DOMAIN, st.integers(1, 3)), min_size=1, max_size=3))
def test_a_join_has_the_smallest_domain(branches: list[tuple[Domain, int]]) -> None:
    domains, factors = zip(*branches, strict=True)
    op = Concat("join", tuple("abc"[: len(branches)]), 1, factors)
    xs = [np.arange(d.lo, d.hi + 1, d.step).reshape(1, 1, -1, 1) for d in domains]
    type = op.infer(*(TensorType(x.shape[1:], domain) for x, domain in zip(xs, domains, strict=True)))
    result = op.golden(*xs)
    assert result.reshape(-1).tolist() == [int(f * v) for f, x in zip(factors, xs, strict=True) for v in x.reshape(-1)]
    assert type.shape == result.shape[1:]
    assert type.integers.contains(result)
    assert (type.integers.lo, type.integers.hi) == (result.min(), result.max())
    assert type.integers.step == (np.gcd.reduce(result - result.min(), axis=None) or 1)


def test_branches_must_fit() -> None:
    three, two = TensorType((3, 4), BIPOLAR), TensorType((2, 4), BIPOLAR)
    with says(ModelError, "'add' adds 3 channels of one shape, not [(2, 4), (3, 4)]"):
        Add("add", ("a", "b"), np.ones((2, 3), np.int64)).infer(three, two)
    with says(ModelError, "'join' cannot join [(3, 4), (2, 4)] along axis 1"):
        Concat("join", ("a", "b"), 1, (1, 1)).infer(three, two)
    with says(ModelError, "'pick' reads element 12 of 'a' with 12"):
        Gather("pick", ("a",), np.array([3, 12])).infer(three)


# files


def residual(m: QonnxFile, rng: Rng) -> str:
    """ResNet's block: one quantizer's values go through a convolution and around it, and meet at other scales."""
    x = m.quant("x", 3, 0.5, name="q0")
    y = m.quant(normalized(m, rng, conv(m, rng, x, (2, 2, 3, 3), "c1", pads=[1, 1, 1, 1]), 2), 3, 1.5, name="q1")
    x = m.quant(m.node("Relu", m.node("Add", y, x, name="a1")), 3, 0.5, signed=0, name="q2")
    # the sum feeds a layer without a quantizer between
    y = m.quant(conv(m, rng, x, (2, 2, 1, 1), "c2"), 2, 0.25, name="q3")
    return classes(m, rng, conv(m, rng, m.node("Sub", x, y, name="a2"), (3, 2, 2, 2), "c3") and quantized(m, "c3_out"))


def quantized(m: QonnxFile, x: str) -> str:
    return m.bipolar(x, name="last")


def accumulators(m: QonnxFile, rng: Rng) -> str:
    """Sums of unquantized values: of two layers with scales per channel, and of a layer and codes."""
    x = m.quant("x", 2, 1.0, name="q0")
    scale = np.array([0.5, 1, 2]).reshape(3, 1, 1, 1)
    w1, w2 = (m.quant(m.tensor(rng.integers(-3, 4, (3, 2, k, 1)) * scale), 3, scale * s) for k, s in ((1, 1), (3, 0.5)))
    y = m.node("Conv", x, w1, m.tensor([1, 0, -0.5]), name="c1")
    z = m.node("Conv", x, w2, name="c2", pads=[1, 0, 1, 0])
    x = m.quant(m.node("Add", y, z, name="a1"), 3, 1.0, name="q1")
    x = m.node("Add", m.node("Mul", x, m.tensor(0.25)), conv(m, rng, x, (3, 3, 1, 1), "c3"), name="a2")
    return classes(m, rng, quantized(m, normalized(m, rng, x, 3)))


def one_channel_for_all(m: QonnxFile, rng: Rng) -> str:
    """A mean of each channel is added to every pixel of it."""
    x = m.quant("x", 2, 1.0, name="q0")
    y = m.quant(m.node("GlobalAveragePool", x, name="unlike"), 3, 0.25, name="q1")
    return classes(m, rng, conv(m, rng, m.node("Add", x, y, name="a1"), (3, 2, 2, 2), "c1") and quantized(m, "c1_out"))


def fire(m: QonnxFile, rng: Rng) -> str:
    """SqueezeNet's module: two convolutions of one tensor, joined; another scale for each."""
    x = m.quant("x", 2, 0.5, name="q0")
    y = m.quant(conv(m, rng, x, (2, 2, 1, 1), "c1"), 2, 0.5, name="q1")
    z = m.quant(conv(m, rng, x, (3, 2, 3, 3), "c2", pads=[1, 1, 1, 1]), 3, 1.5, name="q2")
    x = m.node("Concat", y, z, axis=1, name="join")
    x = conv(m, rng, x, (4, 5, 2, 2), "c3")
    y = conv(m, rng, m.bipolar(x, name="q3"), (2, 4, 1, 1), "c4")
    x = m.node("Concat", m.node("Mul", x, m.tensor(0.5)), m.node("Add", y, m.tensor(1.0)), axis=-3, name="accs")
    return classes(m, rng, quantized(m, normalized(m, rng, x, 6)))


def shuffled(m: QonnxFile, rng: Rng) -> str:
    """ShuffleNet: channels are split, one half is convolved, and both are joined and shuffled."""
    x = m.bipolar(normalized(m, rng, conv(m, rng, m.bipolar("x", name="q0"), (6, 2, 1, 1), "c1"), 6), name="q1")
    m.nodes.append(m_split(m, x, ["left", "right"]))
    y = m.bipolar(conv(m, rng, "right", (3, 3, 3, 3), "c2", pads=[1, 1, 1, 1]), name="q2")
    x = m.node("Concat", "left", y, axis=1, name="join")
    size = m.tensor([0, 2, 3, 6, 5], dtype=np.int64)
    x = m.node("Transpose", m.node("Reshape", x, size), perm=[0, 2, 1, 3, 4])
    x = m.node("Reshape", x, m.tensor([0, 6, 6, 5], dtype=np.int64))
    x = quantized(m, conv(m, rng, x, (4, 3, 2, 2), "c3", group=2))
    return classes(m, rng, x)


def m_split(m: QonnxFile, x: str, outputs: list[str], **attributes: object) -> object:
    from onnx import helper

    return helper.make_node("Split", [x], outputs, name="split", axis=1, **attributes)


def cut(m: QonnxFile, rng: Rng) -> str:
    """Slices and picks of codes and of accumulators; a transposed map; parts that are joined again."""
    x = m.quant("x", 2, 1.0, name="q0")
    x = conv(m, rng, m.node("Transpose", x, perm=[0, 1, 3, 2]), (4, 2, 2, 1), "c1")
    range_ = [m.tensor(v, dtype=np.int64) for v in ([-1, 1], [-5, 9], [1, 2], [-2, 1])]
    y = m.bipolar(m.node("Slice", x, *range_), name="q1")  # channels 3 and 1, rows from 1
    z = m.node("Gather", x, m.tensor([2, 0, 2], dtype=np.int64), axis=1)
    z = m.quant(normalized(m, rng, z, 3), 2, 1.0, name="q2")
    z = m.node("Slice", z, *(m.tensor([v], dtype=np.int64) for v in (1, 1 << 40, 2)))
    x = m.node("Concat", y, z, m.node("Gather", z, m.tensor([1], dtype=np.int64), axis=1), axis=1, name="unlike")
    return classes(m, rng, quantized(m, conv(m, rng, x, (3, 6, 2, 2), "c2")))


def two_readers(m: QonnxFile, rng: Rng) -> str:
    """One quantizer is read by layers in two layouts, and its twin by a third: they are computed once."""
    x = conv(m, rng, m.bipolar("x", name="q0"), (3, 2, 1, 1), "c1")
    y, z = m.bipolar(x, name="q1"), m.bipolar(x, 0.5, name="twin")
    a = conv(m, rng, y, (2, 3, 1, 1), "c2")
    turned = m.node("Transpose", m.node("Transpose", y, perm=[0, 1, 3, 2]), perm=[0, 1, 3, 2])
    b = conv(m, rng, turned, (2, 3, 1, 1), "c3")
    c = conv(m, rng, z, (2, 3, 1, 1), "c4")
    x = m.node("Add", m.node("Add", a, b, name="a1"), c, name="a2")
    return classes(m, rng, quantized(m, x))


def each_element(m: QonnxFile, rng: Rng) -> str:
    """Functions that differ within a channel, before and behind a flatten."""
    x = conv(m, rng, m.bipolar("x", name="q0"), (3, 2, 2, 1), "c1")
    x = m.bipolar(m.node("Add", x, m.tensor(rng.integers(-2, 3, (3, 5, 5)))), name="q1")
    x = m.node("Flatten", conv(m, rng, x, (2, 3, 1, 1), "c2"))
    return classes(m, rng, quantized(m, normalized(m, rng, x, 50)))


NETWORKS = [each_element, residual, accumulators, one_channel_for_all, fire, shuffled, cut, two_readers]


@pytest.mark.parametrize("network", NETWORKS)
def test_branches_equal_the_executor(network: Network, tmp_path: Path) -> None:
    agreements(network, tmp_path)


def loaded(network: Network, folder: Path) -> list[object]:
    m = QonnxFile(SHAPE, batch=BATCH)
    return list(load_graph(m.save(folder / "model.onnx", network(m, np.random.default_rng(0)))).ops)


def test_scales_become_whole_numbers(tmp_path: Path) -> None:
    """0.5 times codes plus 1.5 times codes."""
    ops = loaded(residual, tmp_path)
    assert [op.factors.tolist() for op in ops if isinstance(op, Add)] == [[[3, 3], [1, 1]], [[2, 2], [-1, -1]]]
    joins = [op.factors for op in loaded(fire, tmp_path) if isinstance(op, Concat)]
    assert joins == [(1, 3), (1, 1)]


def test_a_shuffle_is_one_choice_of_elements(tmp_path: Path) -> None:
    """The halves of a split, and what is joined and shuffled."""
    ops = loaded(shuffled, tmp_path)
    assert sum(isinstance(op, Gather) for op in ops) == 3


def test_equal_quantizers_are_computed_once(tmp_path: Path) -> None:
    ops = loaded(two_readers, tmp_path)
    assert [op.name for op in ops if isinstance(op, Threshold)] == ["q1", "last"]


def test_the_input_is_encoded_once(tmp_path: Path) -> None:
    """For readers in other layouts too."""

    def network(m: QonnxFile, rng: Rng) -> str:
        y, z = m.bipolar("x", name="q0"), m.bipolar(m.node("Transpose", "x", perm=[0, 1, 3, 2]), name="twin")
        y = conv(m, rng, y, (3, 2, 1, 1), "c1")
        z = m.node("Transpose", conv(m, rng, z, (3, 2, 1, 1), "c2"), perm=[0, 1, 3, 2])
        return classes(m, rng, quantized(m, m.node("Add", y, z, name="a1")))

    assert [op.name for op in loaded(network, tmp_path) if isinstance(op, Encode)] == ["q0"]
    rng = np.random.default_rng(0)
    m = QonnxFile(SHAPE, batch=BATCH)
    agreement(m, network(m, rng), tmp_path, data(rng))


BROKEN: dict[str, Callable[[QonnxFile, str, str], str]] = {
    "node 'a' (Add) must join quantized values, or accumulators with rational scales and offsets; "
    "put a BipolarQuant or Quant into each branch": lambda m, x, y: m.node("Add", m.node("Relu", x), y, name="a"),
    "node 'a' (Add): the scales of its branches must be in a ratio of integers up to 4096, not 1.0 and "
    "0.10000000149011612; quantize both with one shared quantizer": lambda m, x, y: m.node(
        "Add", x, m.node("Mul", y, m.tensor(0.1)), name="a"
    ),
    "node 'a' (Add) must join equal shapes, not (3, 6, 5) and (90,)": lambda m, x, y: m.node(
        "Add", x, m.node("Flatten", y), name="a"
    ),
    "node 'a' (Mul): the second input must be a constant, not computed from the input": lambda m, x, y: m.node(
        "Mul", x, y, name="a"
    ),
    "node 'a' (Concat) must not join along the batch": lambda m, x, y: m.node("Concat", x, y, name="a", axis=0),
    "node 'a' (Concat) is supported on computed values only, not on constants": lambda m, x, y: m.node(
        "Concat", x, m.tensor(np.zeros((1, 3, 6, 5))), name="a", axis=1
    ),
    "node 'split' (Split) must divide 3 elements into 2 pieces, not [1, 1]": lambda m, x, y: (
        m.nodes.append(m_split(m, x, ["l", "r"], split=[1, 1])) or "l"  # type: ignore[func-returns-value, arg-type]
    ),
}


@pytest.mark.parametrize("message", BROKEN)
def test_branches_that_cannot_be_read(message: str, tmp_path: Path) -> None:
    m = QonnxFile(SHAPE)
    q = m.bipolar("x", name="q0")
    rng = np.random.default_rng(0)
    x = BROKEN[message](m, conv(m, rng, q, (3, 2, 1, 1), "c1"), conv(m, rng, q, (3, 2, 1, 1), "c2"))
    with says(ModelError, message):
        load_graph(m.save(tmp_path / "model.onnx", m.bipolar(x, name="q1")))
