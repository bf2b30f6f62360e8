"""Thresholds on tensors, as they follow sums and pools, and heads: what the units for them are tried on."""

import numpy as np
from networks import even, scattered

from icepop.compiler.graph import Graph
from icepop.compiler.ops.argmax import ArgMax
from icepop.compiler.ops.input import Input
from icepop.compiler.ops.scores import Scores
from icepop.compiler.ops.threshold import Threshold
from icepop.compiler.planner.plan import Span
from icepop.compiler.types import BIPOLAR, Domain, IntArray, TensorType


def thresholds_on(
    shape: tuple[int, ...], source: Domain, thresholds: IntArray, sign: list[int], domain: Domain
) -> Graph:
    """A threshold op on an input; one row of thresholds, and one sign, stands for all channels."""
    rows = np.broadcast_to(thresholds, (shape[0], domain.size - 1))
    signs = np.resize(np.array(sign, np.int64), shape[0])
    op = Threshold("act", ("x",), np.where(signs[:, None] < 0, -rows[:, ::-1], rows), signs, domain)
    return Graph((Input("x", (), TensorType(shape, source)), op))


def scores_of(source: Domain, multiplier: list[int], offset: list[int]) -> Graph:
    """Scores of an input."""
    classes = len(multiplier)
    op = Scores("scores", ("x",), np.arange(classes), np.array(multiplier), np.array(offset))
    return Graph((Input("x", (), TensorType((classes,), source)), op))


def argmax_of(source: Domain, classes: int) -> Graph:
    """The best of an input's scores."""
    return Graph((Input("x", (), TensorType((classes,), source)), ArgMax("argmax", ("x",))))


def span_of(graph: Graph) -> Span:
    """All ops behind the input."""
    results = tuple(graph.types[op.name] for op in graph.ops[1:])
    return Span(graph.ops[1:], (graph.types[graph.input.name],), results)


def requantized() -> list[Graph]:
    """Every kind of source, sign and result; channels, height and width differ."""
    rng = np.random.default_rng(11)
    sums, counts, wide = Domain(-90, 101), Domain(-33, 33, 2), Domain(-70000, 50000)
    return [
        thresholds_on((20, 2, 3), counts, scattered(rng, 20, counts, 1), [1, -1], BIPOLAR),
        thresholds_on((7, 3, 2), sums, scattered(rng, 1, sums, 3), [-1], Domain(-2, 1)),
        thresholds_on((33, 2, 1), wide, scattered(rng, 33, wide, 6), [1, 1, -1], Domain(-3, 3)),
        thresholds_on((5, 3, 2), sums, even(rng, 5, sums, 15), [1], Domain(0, 15)),
        thresholds_on((18, 1, 2), wide, even(rng, 18, wide, 63), [1, -1], Domain(-32, 31)),
        thresholds_on((6, 2, 3), counts, even(rng, 1, counts, 14), [1], Domain(-7, 7)),
    ]


def heads() -> list[Graph]:
    """Scores with one multiplier and with one a class, and wide scores to choose from."""
    return [
        scores_of(Domain(-300, 300, 2), [1] * 10, list(range(-40, 60, 10))),
        scores_of(Domain(-300, 290), [-3] * 21, list(range(0, 42, 2))),
        scores_of(Domain(0, 200), [77, -500, 31, 1, 0, 9, 1023], [5, 60000, -90, 0, 7, 1 << 20, -3]),
        argmax_of(Domain(-70000, 60000), 10),
        argmax_of(Domain(0, (1 << 20) - 1), 5),
    ]


REQUANTIZED = (*requantized(), *heads())
