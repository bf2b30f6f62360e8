"""`MatrixVector` with inputs held still, which the search offers for long vectors only."""

import numpy as np
import pytest
from alone import STALLS, Alone
from costs import check_cost
from layers import BIPOLAR, POINT, SIGNED, SMALL, TERNARY, conv, dense, span_of
from maps import window
from messages import says

from icepop.compiler.errors import PlanError
from icepop.compiler.graph import Graph
from icepop.compiler.planner.plan import Folding
from icepop.hdl.units.matrix_vector import MatrixVector
from icepop.sim.prove import simulate

NETWORKS = [
    dense(17, (33,), BIPOLAR, BIPOLAR, BIPOLAR),
    dense(7, (12,), SIGNED, SMALL, BIPOLAR),
    conv(6, (5, 2, 3), BIPOLAR, BIPOLAR, POINT, BIPOLAR),
    dense(7, (12,), SIGNED, SMALL),
    dense(17, (33,), BIPOLAR, BIPOLAR),
    conv(8, (6, 2, 3), SIGNED, TERNARY, POINT),
]
FOLDINGS = [Folding(pe, simd, buffer="sums") for pe, simd in ((3, 2), (5, 4), (2, 3), (1, 1))]


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("folding", FOLDINGS, ids=str)
def test_results_and_cycles_are_exact(network: Graph, folding: Folding) -> None:
    span = span_of(network)
    design = Alone(span, MatrixVector(span, folding), samples=6)
    domain = span.input.integers
    values = np.arange(domain.lo, domain.hi + 1, domain.step)
    codes = np.random.default_rng(3).choice(values, (6, *span.input.shape))
    report = simulate(design, codes, "amaranth", STALLS)
    assert (report.message, report.exact) == (None, 6)
    assert (report.latency, report.intervals) == (design.plan.latency, (design.plan.interval,))


@pytest.mark.parametrize("network", [NETWORKS[0], NETWORKS[3]])
def test_planned_cells_are_close(network: Graph) -> None:
    unit = MatrixVector(span_of(network), FOLDINGS[0])
    check_cost(unit, unit.cost)


def test_it_is_offered_for_long_vectors() -> None:
    long, short = span_of(dense(64, (784,), BIPOLAR, BIPOLAR, BIPOLAR)), span_of(NETWORKS[0])
    assert Folding(8, 49, "binary", "", "sums") in MatrixVector.foldings(long)
    assert "sums" not in {folding.buffer for folding in MatrixVector.foldings(short)}


def test_windows_are_not_summed_in_turns() -> None:
    message = (
        "layer 'layer' cannot be folded 3x2, in sums: only a layer without windows that takes several beats and groups "
        "of rows is summed in turns; choose another buffer"
    )
    with says(PlanError, message):
        MatrixVector(span_of(conv(6, (5, 2, 3), BIPOLAR, BIPOLAR, window((2, 1)))), Folding(3, 2, buffer="sums"))


def test_no_lane_is_idle_all_the_time() -> None:
    message = "layer 'layer' cannot be folded 3x6: pe must be 1 to 6 and simd 1 to 5"
    with says(PlanError, message):
        MatrixVector(span_of(NETWORKS[2]), Folding(3, 6))
    with says(PlanError, "layer 'layer' cannot be folded 7x1: pe must be 1 to 6 and simd 1 to 5"):
        MatrixVector(span_of(NETWORKS[2]), Folding(7, 1))
