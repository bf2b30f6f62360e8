import numpy as np
import pytest

from icepop.compiler.graph import Graph
from icepop.compiler.ops.add import Add
from icepop.compiler.ops.input import Input
from icepop.compiler.ops.threshold import Threshold
from icepop.compiler.passes.share_levels import share_levels
from icepop.compiler.types import BIPOLAR, Domain, IntArray, TensorType

SUMS = Domain(-20, 20, 2)
FINE, COARSE = Domain(-1, 2), Domain(0, 2)


def two(fine: IntArray, coarse: IntArray, signs: tuple[IntArray, IntArray], source: Domain = SUMS) -> Graph:
    """Two quantizers of one input, added."""
    shape = (len(fine), 2, 3)
    return Graph(
        (
            Input("x", (), TensorType(shape, source)),
            Threshold("fine", ("x",), fine, signs[0], FINE),
            Threshold("coarse", ("x",), coarse, signs[1], COARSE),
            Add("sum", ("fine", "coarse"), np.ones((2, len(fine)), np.int64)),
        )
    )


UP = np.ones(2, np.int64)
MIXED = np.array([1, -1])
THRESHOLDS = np.array([[-6, 1, 9], [-40, 5, 5]])


@pytest.mark.parametrize(
    "coarse",
    [
        np.array([[-6, 9], [5, 5]]),
        np.array([[2, 10], [5, 6]]),  # the same first sums: they are even
        np.array([[-99, 99], [-50, 21]]),  # always and never reached
        np.array([[-6, -6], [-20, 50]]),
    ],
)
@pytest.mark.parametrize("sign", [UP, MIXED])
def test_levels_that_follow_are_read_from_the_codes(coarse: IntArray, sign: IntArray) -> None:
    graph = two(THRESHOLDS, coarse, (sign, sign))
    changed = share_levels(graph)
    assert [op.inputs for op in changed.ops] == [(), ("x",), ("fine",), ("fine", "coarse")]
    sums = np.random.default_rng(0).integers(-10, 11, (400, 2, 2, 3)) * 2
    before, after = graph.run(sums), changed.run(sums)
    assert all((after[name] == before[name]).all() for name in before)


@pytest.mark.parametrize(
    ("coarse", "signs"),
    [
        (np.array([[-6, 8], [5, 5]]), (UP, UP)),  # 8 is no fine threshold's first sum
        (np.array([[-6, 9], [5, 7]]), (UP, UP)),
        (np.array([[-6, 9], [5, 5]]), (UP, MIXED)),
    ],
)
def test_levels_that_do_not_follow_stay(coarse: IntArray, signs: tuple[IntArray, IntArray]) -> None:
    graph = two(THRESHOLDS, coarse, signs)
    assert share_levels(graph).ops == graph.ops


def test_codes_of_as_many_values_as_the_sums_are_not_worth_it() -> None:
    graph = two(np.array([[-1, 0, 1]]), np.array([[0, 1]]), (UP[:1], UP[:1]), Domain(-2, 1))
    assert share_levels(graph).ops == graph.ops


def test_bipolar_codes() -> None:
    graph = Graph(
        (
            Input("x", (), TensorType((1,), SUMS)),
            Threshold("sign", ("x",), np.array([[0]]), np.array([-1]), BIPOLAR),
            Threshold("again", ("x",), np.array([[0]]), np.array([-1]), Domain(0, 1)),
            Add("sum", ("sign", "again"), np.ones((2, 1), np.int64)),
        )
    )
    changed = share_levels(graph)
    assert changed.ops[2].inputs == ("sign",)
    sums = np.arange(-20, 21, 2)[:, None]
    assert (changed.run(sums)["sum"] == graph.run(sums)["sum"]).all()
