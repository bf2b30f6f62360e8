import numpy as np
import pytest
from messages import says
from networks import binary_mlp

from icepop.compiler.errors import DataError, ModelError
from icepop.compiler.graph import Graph
from icepop.compiler.ops.argmax import ArgMax
from icepop.compiler.ops.base import Op
from icepop.compiler.ops.dense import Dense
from icepop.compiler.ops.encode import Encode
from icepop.compiler.ops.input import Input
from icepop.compiler.ops.threshold import Threshold
from icepop.compiler.types import BIPOLAR, Domain, TensorType

X = Input("x", (), TensorType((6,), BIPOLAR))
FC = Dense("fc", ("x",), np.ones((4, 6), np.int64))
COMPARED = Threshold("act", ("fc",), np.zeros((4, 1), np.int64), np.ones(4, np.int64), BIPOLAR)


def test_types_follow_from_the_input() -> None:
    graph = Graph((X, FC, COMPARED, Dense("fc2", ("act",), np.ones((3, 4), np.int64)), ArgMax("label", ("fc2",))))
    types = {name: (type.shape, type.domain) for name, type in graph.types.items()}
    assert types == {
        "x": ((6,), BIPOLAR),
        "fc": ((4,), Domain(-6, 6, 2)),
        "act": ((4,), BIPOLAR),
        "fc2": ((3,), Domain(-4, 4, 2)),
        "label": ((1,), Domain(0, 2)),
    }
    assert (graph.input, graph.output.name) == (X, "label")


@pytest.mark.parametrize(
    ("ops", "message"),
    [
        ((X, FC, FC), "op name 'fc' is used twice"),
        ((X, COMPARED, FC), "op 'act' reads 'fc', which is not defined before it"),
        ((FC, X), "op 'fc' reads 'x', which is not defined before it"),
        ((X, Input("y", (), X.type)), "a graph must have one Input and it must be first, not at position 1"),
        (
            (X, Dense("fc", ("x",), np.ones((4, 5), np.int64))),
            "layer 'fc' takes 5 inputs but 'x' gives 6",
        ),
        (
            (X, FC, Threshold("act", ("fc",), np.zeros((4, 2), np.int64), np.ones(4, np.int64), BIPOLAR)),
            "'act' must have thresholds (4, 1), not (4, 2)",
        ),
        (
            (X, Input("x2", (), X.type), FC),
            "a graph must have one Input and it must be first, not at position 1",
        ),
        (
            (Input("x", (), TensorType((2, 3), BIPOLAR)), ArgMax("label", ("x",))),
            "'label' takes the largest of a vector, not of shape (2, 3)",
        ),
        (
            (
                Input("x", (), TensorType((2,), None)),
                Encode("q", ("x",), np.array([0, 2]), np.zeros((2, 1), np.float32), BIPOLAR, (2,)),
            ),
            "'q' reads element 2 of an input of 2",
        ),
        (
            (
                Input("x", (), TensorType((2,), None)),
                Encode("q", ("x",), np.array([0, 1]), np.zeros((2, 2), np.float32), BIPOLAR, (2,)),
            ),
            "'q' has thresholds (2, 2) for 2 levels",
        ),
    ],
)
def test_a_graph_that_does_not_fit_together_is_refused(ops: tuple[Op, ...], message: str) -> None:
    with says(ModelError, message):
        Graph(ops)


def test_a_first_op_must_be_the_input() -> None:
    with says(ModelError, "a graph must have one Input and it must be first, not at position 0"):
        Graph((Dense("fc", (), np.ones((1, 1), np.int64)),))


def test_the_golden_run_gives_every_op() -> None:
    rng = np.random.default_rng(0)
    graph = binary_mlp(rng, [12, 7, 5])
    x = rng.choice([-1, 1], (9, 12))
    results = graph.run(x)
    assert list(results) == [op.name for op in graph.ops]
    fc0, act0, fc1 = (op for op in graph.ops[1:4])
    acc = [[sum(int(w) * int(v) for w, v in zip(row, sample, strict=True)) for row in fc0.weights] for sample in x]
    act = [[1 if a >= t else -1 for a, t in zip(sample, act0.thresholds[:, 0], strict=True)] for sample in acc]
    logits = [[sum(int(w) * v for w, v in zip(row, sample, strict=True)) for row in fc1.weights] for sample in act]
    assert results["fc0"].tolist() == acc
    assert results["act0"].tolist() == act
    assert results["fc1"].tolist() == logits
    assert results["argmax"].tolist() == [[sample.index(max(sample))] for sample in logits]
    for name, values in results.items():
        assert graph.types[name].integers.contains(values)


def test_a_run_can_start_in_the_middle() -> None:
    rng = np.random.default_rng(1)
    graph = binary_mlp(rng, [12, 7, 5])
    results = graph.run(rng.choice([-1, 1], (9, 12)))
    again = graph.run_from("act0", results["act0"])
    assert list(again) == ["act0", "fc1", "argmax"]
    assert all((again[name] == results[name]).all() for name in again)


def test_a_run_checks_its_data() -> None:
    graph = Graph((X, FC))
    with says(DataError, "x must hold codes in {-1, +1}, not [0, 0]"):
        graph.run(np.zeros((2, 6), np.int64))
    with says(DataError, "fc must hold codes in [-6, 6] step 2, not [1, 1]"):
        graph.run_from("fc", np.ones((2, 4), np.int64))
