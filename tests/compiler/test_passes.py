import numpy as np
import pytest

from icepop.compiler.graph import Graph
from icepop.compiler.ops.argmax import ArgMax
from icepop.compiler.ops.base import Op
from icepop.compiler.ops.dense import Dense
from icepop.compiler.ops.input import Input
from icepop.compiler.ops.threshold import Threshold
from icepop.compiler.passes.lower import PASSES, lower
from icepop.compiler.passes.orient import orient
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
