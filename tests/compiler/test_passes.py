import numpy as np
import pytest

from icepop.compiler.graph import Graph
from icepop.compiler.ops.argmax import ArgMax
from icepop.compiler.ops.base import Op
from icepop.compiler.ops.dense import Dense
from icepop.compiler.ops.encode import Encode
from icepop.compiler.ops.input import Input
from icepop.compiler.ops.threshold import Threshold
from icepop.compiler.passes.lower import PASSES, lower
from icepop.compiler.passes.orient import orient
from icepop.compiler.passes.threshold_encodes import threshold_encodes
from icepop.compiler.types import BIPOLAR, Domain, TensorType

SIGNED = Domain(-2, 1)


def network(seed: int, domain: Domain = BIPOLAR, weights: tuple[int, ...] = (-1, 1)) -> Graph:
    """Two layers with thresholds of either sign, and a head."""
    rng = np.random.default_rng(seed)
    ops: list[Op] = [Input("x", (), TensorType((9,), domain))]
    for name, (rows, columns) in {"1": (6, 9), "2": (5, 6)}.items():
        ops.append(Dense(f"fc{name}", (ops[-1].name,), rng.choice(weights, (rows, columns)).astype(np.int64)))
        cuts = np.sort(rng.integers(-7, 8, (rows, domain.size - 1)), axis=1)
        ops.append(Threshold(f"act{name}", (ops[-1].name,), cuts, rng.choice([-1, 1], rows), domain))
    ops.append(Dense("fc3", (ops[-1].name,), rng.choice(weights, (4, 5)).astype(np.int64)))
    return Graph((*ops, ArgMax("label", ("fc3",))))


CASES = [
    (network(seed, domain, weights), domain)
    for seed in range(3)
    for domain, weights in [(BIPOLAR, (-1, 1)), (SIGNED, (-1, 0, 1)), (BIPOLAR, (-8, -3, 0, 7))]
]


@pytest.mark.parametrize("change", [*PASSES, lower])
@pytest.mark.parametrize(("graph", "domain"), CASES)
def test_passes_change_no_result(change: type, graph: Graph, domain: Domain) -> None:
    """Contract of every pass: what the network gives stays, and the graph it was given too."""
    x = np.random.default_rng(9).integers(0, domain.size, (200, 9)) * domain.step + domain.lo
    before = graph.run(x)
    changed = change(graph)
    after = changed.run(x)
    for op in changed.ops:
        if isinstance(op, Threshold | ArgMax):
            assert (after[op.name] == before[op.name]).all(), op.name
    assert (after["fc3"] == before["fc3"]).all()
    assert all((graph.run(x)[name] == before[name]).all() for name in before)


def quantized(rows: np.ndarray, source: np.ndarray, shape: tuple[int, ...]) -> Graph:
    """Bytes of two channels behind a quantizer."""
    input = Input("x", (), TensorType((2, 3), Domain(0, 255)))
    return Graph((input, Encode("q", ("x",), source, rows, Domain(0, 3), shape)))


CHANNEL_ROWS = np.repeat([[3, 100, 200], [-1, 7, 256]], 3, axis=0)


@pytest.mark.parametrize(
    ("source", "shape", "expected"),
    [
        (np.arange(6), (2, 3), ["Input", "Threshold"]),
        (np.arange(6), (6,), ["Input", "Gather", "Threshold"]),
        (np.array([5, 0, 0, 1, 2, 2]), (2, 3), ["Input", "Gather", "Threshold"]),
    ],
)
def test_quantizers_of_integers_become_thresholds(source: np.ndarray, shape: tuple[int, ...], expected: list) -> None:
    graph = quantized(CHANNEL_ROWS, source, shape)
    changed = threshold_encodes(graph)
    assert [type(op).__name__ for op in changed.ops] == expected
    x = np.random.default_rng(0).integers(0, 256, (300, 2, 3))
    assert (changed.run(x)["q"] == graph.run(x)["q"]).all()


def test_quantizers_that_differ_within_a_channel_stay() -> None:
    rows = CHANNEL_ROWS.copy()
    rows[1] += 1
    graph = quantized(rows, np.arange(6), (2, 3))
    assert threshold_encodes(graph).ops == graph.ops


@pytest.mark.parametrize(("graph", "domain"), CASES)
def test_orient_leaves_only_rising_channels(graph: Graph, domain: Domain) -> None:
    signs = [op.sign for op in graph.ops if isinstance(op, Threshold)]
    assert any((sign < 0).any() for sign in signs)
    oriented = orient(graph)
    assert all((op.sign == 1).all() for op in oriented.ops if isinstance(op, Threshold))
    assert [op.name for op in oriented.ops] == [op.name for op in graph.ops]


def test_orient_negates_exactly_the_falling_rows() -> None:
    graph = CASES[0][0]
    before, sign, after = graph.ops[1].weights, graph.ops[2].sign, orient(graph).ops[1].weights
    assert (after == before * sign[:, None]).all()


def test_orient_keeps_a_layer_that_something_else_reads() -> None:
    rng = np.random.default_rng(0)
    dense = Dense("fc", ("x",), rng.choice([-1, 1], (4, 6)))
    ones = np.ones(4, np.int64)
    graph = Graph(
        (
            Input("x", (), TensorType((6,), BIPOLAR)),
            dense,
            Threshold("up", ("fc",), np.zeros((4, 1), np.int64), ones, BIPOLAR),
            Threshold("down", ("fc",), np.zeros((4, 1), np.int64), -ones, BIPOLAR),
        )
    )
    oriented = orient(graph)
    assert (oriented.ops[1].weights == dense.weights).all()
    assert oriented.ops[3].sign.tolist() == [-1] * 4
