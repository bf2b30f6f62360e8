"""Files whose nodes are each within their limits but ask for too much in sum end in one `ModelError`, soon."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from limited import refusal
from qonnx_file import QonnxFile

from icepop.compiler.errors import ModelError
from icepop.compiler.exact.budget import MAX_NUMBERS, MAX_WORK, Budget
from icepop.compiler.frontend.load import load_graph

RNG = np.random.default_rng(0)
SPENT = "more thresholds, elements and functions than are searched"


def summed(m: QonnxFile, parts: list[str]) -> str:
    """Sum of tensors, so that each leads to the output."""
    x = parts[0]
    for part in parts[1:]:
        x = m.node("Add", x, part)
    return x


def layers_of_16_bits() -> onnx.ModelProto:
    """Channels times levels times layers: each has as many thresholds as one op may have."""
    m = QonnxFile((64,))
    x, w = m.quant("x", 8, 1 / 128), m.quant(m.tensor(RNG.normal(size=(64, 64))), 4, 0.1)
    for k in range(20):
        x = m.node("MatMul", x, w, name=f"fc{k}")
        x = m.normalize(x, *RNG.normal(1, 0.3, (3, 64)), RNG.uniform(30, 130, 64), 1e-5)
        x = m.quant(x, 16, 2.0**-13)
    return m.proto(m.dense(x, np.ones((64, 3)), "fc"))


def ties_of_16_bits() -> onnx.ModelProto:
    """The same where every threshold is an exact tie."""
    m = QonnxFile((64,))
    x, w = m.quant("x", 8, 1 / 128), m.bipolar(m.tensor(RNG.normal(size=(64, 64))))
    for k in range(20):
        x = m.node("MatMul", x, w, name=f"fc{k}")
        x = m.quant(m.node("Add", x, m.tensor(RNG.integers(-9, 9, 64) / 2**9)), 16, 2**-8)
    return m.proto(m.dense(x, np.ones((64, 3)), "fc"))


def encoders_of_16_bits() -> onnx.ModelProto:
    """Of the input, whose thresholds are floats."""
    m = QonnxFile((1000,))
    biases = RNG.integers(0, 60, 1000)
    parts = [m.quant(m.node("Add", "x", m.tensor(biases + k)), 16, 1.0) for k in range(8)]
    return m.proto(m.dense(summed(m, parts), np.ones((1000, 3)), "fc"))


def encoders_to_compare() -> onnx.ModelProto:
    """Quantizers of one input, each of which may be one that is there already."""
    m = QonnxFile((2000,))
    bias = RNG.normal(size=2000)
    parts = [m.bipolar(m.node("Add", "x", m.tensor(bias[:1] + k / 7))) for k in range(1500)]
    return m.proto(m.dense(summed(m, parts), np.ones((2000, 3)), "fc"))


def functions_of_elements() -> onnx.ModelProto:
    m = QonnxFile((1 << 14,))
    parts = [m.quant(m.node("Mul", "x", m.tensor(RNG.uniform(0.5, 2, 1 << 14))), 8, 0.1) for _ in range(30)]
    return m.proto(m.dense(summed(m, parts), np.ones((1 << 14, 3)), "fc"))


def transposes() -> onnx.ModelProto:
    m = QonnxFile((64, 256, 1024))
    x = m.bipolar("x")
    for _ in range(4000):
        x = m.node("Transpose", x, perm=[0, 3, 1, 2])
    return m.proto(m.node("Flatten", x))


def large_maps() -> onnx.ModelProto:
    """What is known of each of them must not be kept."""
    m = QonnxFile((64, 500, 500))
    x, w = m.quant("x", 2, 1.0), m.bipolar(m.tensor(RNG.normal(size=(64, 64, 1, 1))))
    for _ in range(100):
        x = m.quant(m.node("Conv", x, w, kernel_shape=[1, 1]), 2, 1.0)
    return m.proto(m.node("Flatten", m.node("GlobalAveragePool", x)))


def offsets() -> onnx.ModelProto:
    """A constant term of a thousand rows from as many offsets as there are inputs."""
    m = QonnxFile((16000,))
    x = m.node("Add", m.quant("x", 4, 0.3), m.tensor(RNG.normal(size=16000)))
    return m.proto(m.dense(x, RNG.normal(size=(16000, 1000)), "fc"))


def heads() -> onnx.ModelProto:
    m = QonnxFile((1024,))
    x = m.dense(m.quant("x", 2, 1.0), RNG.normal(size=(1024, 64)), "fc")
    for _ in range(200):
        head = m.node("ArgMax", m.node("Mul", x, m.tensor(RNG.uniform(0.5, 2, 64))), axis=1)
    return m.proto(head, type=onnx.TensorProto.INT64)


def turns() -> onnx.ModelProto:
    """Eight functions of all codes for each even power of an even power."""
    m = QonnxFile((64,))
    x, w = m.quant("x", 8, 1 / 128), m.bipolar(m.tensor(RNG.normal(size=(64, 64))))
    for k in range(40):
        x = m.node("MatMul", x, w, name=f"fc{k}")
        for _ in range(3):
            x = m.node("Pow", x, m.tensor(2.0))
        x = m.quant(x, 12, 0.3)
    return m.proto(m.dense(x, np.ones((64, 3)), "fc"))


def long_products() -> onnx.ModelProto:
    """Beyond what float64 holds: exact numbers of a million bits would decide."""
    m = QonnxFile((64,))
    weights = np.random.default_rng(1).normal(size=(64, 64))  # whose sums lie next to a level
    x = m.dense(m.quant("x", 8, 1 / 128), weights, "fc0")
    for k in range(7000):
        x = m.node("Mul", x, m.tensor(1e37 if k % 40 < 20 else 1e-37))
    return m.proto(m.dense(m.quant(x, 16, 1 / 64), np.ones((64, 3)), "fc"))


def windows() -> onnx.ModelProto:
    """An average over the taps that are no padding, which have to be counted at each of a million positions."""
    m = QonnxFile((1, 3000, 3000))
    pool = m.node("AveragePool", m.quant("x", 2, 1.0), kernel_shape=[1500, 1500], pads=[1] * 4, count_include_pad=0)
    return m.proto(m.node("Flatten", m.bipolar(pool)))


BY_DAY = [layers_of_16_bits, transposes, offsets]
BY_NIGHT = [
    ties_of_16_bits, encoders_of_16_bits, encoders_to_compare, functions_of_elements, large_maps, heads, turns,
    long_products, windows,
]  # fmt: skip


@pytest.mark.parametrize(
    "build",
    [*BY_DAY, *(pytest.param(build, marks=pytest.mark.nightly) for build in BY_NIGHT)],
    ids=lambda build: build.__name__,
)
def test_what_is_too_much_in_sum_is_refused_within_10_seconds_and_1_gib(
    build: Callable[[], onnx.ModelProto], tmp_path: Path
) -> None:
    assert SPENT in refusal(build(), tmp_path)


@pytest.mark.parametrize("behind", [True, False])
def test_powers_of_powers(behind: bool, tmp_path: Path) -> None:
    """Numbers of more digits than memory holds; also where nothing follows them."""
    m = QonnxFile((8,))
    x = m.dense(m.quant("x", 8, 1 / 128), np.ones((8, 4)), "fc")
    for _ in range(8):
        x = m.node("Pow", x, m.tensor(15.0))
    x = m.quant(x, 4, 0.25, name="act")
    message = refusal(m.proto(m.dense(x, np.ones((4, 3)), "last") if behind else x), tmp_path)
    where = "node 'last' (MatMul)" if behind else "the model's output 'act_out'"
    assert message == f"{where} cannot be read: a power must have at most 16384 bits; put a Quant before it"


@pytest.mark.nightly
def test_ten_million_weights_are_read_within_the_same_limits(tmp_path: Path) -> None:
    """Of 3 bits, with a scale for each channel and batch normalization: 10 s and 1 GiB are enough for them too."""
    widths = [1024, 2816, 2560, 10]
    m = QonnxFile((1024,))
    x = m.quant("x", 4, 1 / 8)
    for k, (columns, rows) in enumerate(pairwise(widths)):
        scale = RNG.uniform(0.5, 2, (1, rows))
        weights = m.quant(m.tensor(RNG.normal(size=(columns, rows)) * scale), 3, scale / 4, narrow=1)
        x = m.node("MatMul", x, weights, name=f"fc{k}")
        if rows > 10:
            x = m.normalize(x, *RNG.normal(1, 0.3, (3, rows)), RNG.uniform(0.5, 2, rows) * columns, 1e-5)
            x = m.quant(m.node("Relu", x), 4, 1 / 4, signed=0)
    assert sum(a * b for a, b in pairwise(widths)) > 10_000_000
    assert refusal(m.proto(x), tmp_path) == ""


def test_sixteen_bits_are_read(tmp_path: Path) -> None:
    """As many channels of as many levels as there is work for: two layers of 64 channels, of any scale."""
    m = QonnxFile((16,))
    x = m.quant("x", 16, 2.0**-13)
    w = m.quant(m.tensor(RNG.normal(size=(16, 64))), 4, RNG.uniform(0.05, 0.1, 64))
    x = m.quant(m.node("Relu", m.node("MatMul", x, w, name="fc0")), 16, 2.0**-12, signed=0)
    graph = load_graph(m.save(tmp_path / "model.onnx", m.dense(x, np.ones((64, 3)), "fc1")))
    assert [op.name for op in graph.ops] == ["x", "Quant_0", "fc0", "Quant_4", "fc1", "argmax"]


def test_the_message_names_the_node() -> None:
    budget = Budget(left=10, where="node 'conv3' (Conv)")
    budget.spend(10)
    with pytest.raises(ModelError) as error:
        budget.spend(1)
    assert str(error.value) == (
        "node 'conv3' (Conv): up to here the file has more thresholds, elements and functions than are searched "
        f"({MAX_WORK} units of work); use fewer bits, parameters per channel, or a smaller network"
    )


def test_numbers_that_ops_hold() -> None:
    budget = Budget(numbers=5)
    budget.room("act", 5)
    with pytest.raises(ModelError) as error:
        budget.room("act", 6)
    assert str(error.value) == (
        f"'act' needs 6 numbers, but all layers together may hold {MAX_NUMBERS}, of which 5 are left; "
        "use fewer bits, or a smaller network"
    )
