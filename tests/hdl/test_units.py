"""The contract of every layer unit, over the registry: a new unit file is tested before its author writes a test."""

from itertools import islice

import numpy as np
import pytest
from lut_networks import encoded_vote, random_vote
from networks import binary_mlp

from icepop.boards.synthesis import synthesize
from icepop.compiler.graph import Graph
from icepop.compiler.ops.input import Input
from icepop.compiler.plan import Folding, Resources, Span
from icepop.compiler.search import search
from icepop.compiler.types import BIPOLAR, Domain
from icepop.hdl.accelerator import Accelerator
from icepop.hdl.units.base import LayerUnit
from icepop.hdl.units.registry import layer_units, unit_library
from icepop.sim.bench import Stall
from icepop.sim.prove import simulate

KINDS = {kind.__name__: kind for kind in layer_units()}
UNBOUNDED = Resources(cells=10**9, ebr=10**9)
STALLS = (Stall("none"), Stall("random"), Stall("bursts"))

POOL = [
    binary_mlp(np.random.default_rng(seed), sizes) for seed, sizes in enumerate([[33, 17, 5], [16, 8, 3], [7, 40, 10]])
]
POOL += [
    random_vote(np.random.default_rng(seed), bits, classes, each, domain)
    for seed, (bits, classes, each, domain) in enumerate(
        [(40, 10, 7, Domain(0, 1)), (19, 3, 5, BIPOLAR), (60, 5, 12, Domain(0, 1)), (9, 2, 4, BIPOLAR)]
    )
]
"""Graphs whose ops the units are tried on; a new unit needs one here that it matches."""
POOL += [
    encoded_vote(np.random.default_rng(seed), domain, elements, classes, each)
    for seed, (domain, elements, classes, each) in enumerate(
        [(Domain(0, 31), 16, 10, 7), (Domain(-128, 127), 9, 3, 4), (Domain(0, 255), 21, 4, 6)]
    )
]


def spans(kind: type[LayerUnit]) -> list[Span]:
    """Every run of ops in the pool that a unit takes."""
    found = []
    for graph in POOL:
        types = [graph.types[op.name] for op in graph.ops]
        for k in range(1, len(graph.ops)):
            count = kind.matches(graph.ops[k:], types[k - 1 :])
            if count:
                found.append(Span(graph.ops[k : k + count], tuple(types[k - 1 : k + count])))
    return found


def alone(span: Span, folding: Folding) -> Accelerator:
    """Accelerator of nothing but a span."""
    graph = Graph((Input(span.ops[0].inputs[0], (), span.types[0]), *span.ops))
    pins = {span.name: folding} if folding != Folding() else {}
    return Accelerator(graph, search(graph, graph.input.name, unit_library(), "test", UNBOUNDED, pins=pins), taps=True)


def cases(kind: type[LayerUnit], each: int) -> list[tuple[Span, Folding]]:
    """A random choice of foldings for each span, the same every time."""
    rng = np.random.default_rng(1)
    chosen = []
    for span in spans(kind):
        foldings = list(kind.foldings(span))
        # where rows and columns fold, foldings that divide nothing are allowed too, though the search offers none
        if any(folding.pe > 1 for folding in foldings):
            foldings += [Folding(3, 5), Folding(2, 7)]
        order = rng.permutation(len(foldings))
        chosen += [(span, foldings[k]) for k in islice(order, each)]
    return chosen


@pytest.mark.parametrize("name", KINDS)
def test_the_pool_has_a_span_for_every_unit(name: str) -> None:
    assert spans(KINDS[name])


@pytest.mark.parametrize("name", KINDS)
def test_results_and_cycles_are_exact_at_every_folding(name: str) -> None:
    rng = np.random.default_rng(2)
    for span, folding in cases(KINDS[name], each=5):
        design = alone(span, folding)
        domain = span.types[0].integers
        codes = rng.choice(np.arange(domain.lo, domain.hi + 1, domain.step), (6, *span.types[0].shape))
        report = simulate(design, codes, "amaranth", STALLS)
        assert report.mismatch is None, (folding, report.message)
        assert report.exact == 6
        assert (report.latency, report.intervals) == (design.plan.latency, (design.plan.interval,)), folding


@pytest.mark.parametrize("name", KINDS)
def test_planned_cells_are_close_and_ebr_exact(name: str) -> None:
    for span, folding in cases(KINDS[name], each=1):
        check_cost(KINDS[name](span, folding))


@pytest.mark.nightly
@pytest.mark.parametrize("name", KINDS)
def test_planned_cells_are_close_and_ebr_exact_at_many_foldings(name: str) -> None:
    for span, folding in cases(KINDS[name], each=12):
        check_cost(KINDS[name](span, folding))


def check_cost(unit: LayerUnit) -> None:
    """Cells within 15 % or 20 of place and route, EBR exact."""
    measured = synthesize(unit, "unit")
    assert unit.cost.ebr == measured.ebr
    assert abs(unit.cost.cells - measured.cells) <= max(20, 0.15 * measured.cells), (unit.folding, unit.cost, measured)
