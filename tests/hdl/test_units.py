"""The contract of every layer unit, over the registry: a new unit file is tested before its author writes a test."""

from itertools import islice

import numpy as np
import pytest
from branched import WIRED, branched
from networks import binary_mlp

from icepop.boards.synthesis import synthesize
from icepop.compiler.errors import PlanError
from icepop.compiler.graph import Graph
from icepop.compiler.ops.base import Op
from icepop.compiler.ops.gather import Gather
from icepop.compiler.ops.input import Input
from icepop.compiler.plan import Folding, Resources, Span
from icepop.compiler.search import search
from icepop.compiler.types import TensorType
from icepop.hdl.accelerator import Accelerator
from icepop.hdl.units.base import LayerUnit
from icepop.hdl.units.registry import layer_units, unit_library
from icepop.sim.bench import Stall
from icepop.sim.prove import simulate

KINDS = {kind.__name__: kind for kind in layer_units()}
UNBOUNDED = Resources(cells=10**9, ebr=10**9)
STALLS = (Stall("none"), Stall("random"), Stall("bursts"))

POOL = [
    *(
        binary_mlp(np.random.default_rng(seed), sizes)
        for seed, sizes in enumerate([[33, 17, 5], [16, 8, 3], [7, 40, 10]])
    ),
    *(branched(np.random.default_rng(seed), WIRED, head=False) for seed in (0, 1, 4)),
]
"""Graphs whose ops the units are tried on; a new unit needs one here that it matches."""


def spans(kind: type[LayerUnit]) -> list[Span]:
    """Every run of ops in the pool that a unit takes."""
    found = []
    for graph in POOL:
        for k in range(1, len(graph.ops)):
            ops = graph.ops[k:]
            inputs = tuple(graph.types[name] for name in ops[0].inputs)
            run = Span(ops, inputs, tuple(graph.types[op.name] for op in ops))
            if count := kind.matches(run):
                found.append(run.first(count))
    return found


def alone(span: Span, folding: Folding) -> Accelerator:
    """Accelerator of nothing but a span; several inputs are cut out of one."""
    graph = Graph((*sources(span), *span.ops))
    pins = {span.name: folding} if folding != Folding() else {}
    return Accelerator(graph, search(graph, graph.input.name, unit_library(), "test", UNBOUNDED, pins=pins), taps=True)


def sources(span: Span) -> list[Op]:
    """Ops that give the inputs of a span: its only one, or parts of a vector that holds all of them."""
    if len(span.inputs) == 1:
        return [Input(span.ops[0].inputs[0], (), span.input)]
    assert len({type.domain for type in span.inputs}) == 1, "branches of the pool have one domain"
    sizes = [type.length for type in span.inputs]
    ops: list[Op] = [Input("whole", (), TensorType((sum(sizes),), span.inputs[0].domain))]
    for name, type, start in zip(span.ops[0].inputs, span.inputs, np.cumsum([0, *sizes]), strict=False):
        ops.append(Gather(name, ("whole",), start + np.arange(type.length).reshape(type.shape)))
    return ops


def takes(kind: type[LayerUnit], span: Span, folding: Folding) -> bool:
    """Whether a unit can be folded so at the end of a pipeline, where pixels have no gaps."""
    try:
        unit = kind(span, folding)
    except PlanError:
        return False
    folded = folding in (Folding(), Folding(unit.output.lanes, unit.input.lanes))
    return folded and unit.output.gapless


def cases(kind: type[LayerUnit], each: int) -> list[tuple[Span, Folding]]:
    """A random choice of foldings for each span, the same every time."""
    rng = np.random.default_rng(1)
    chosen = []
    for span in spans(kind):
        foldings = list(kind.foldings(span))
        # foldings that divide nothing are allowed too, though the search does not offer them
        more = [f for f in (Folding(3, 5), Folding(2, 7)) if foldings != [Folding()]]
        foldings = [each for each in foldings + more if takes(kind, span, each)]
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
        type = design.graph.types[design.input_op]
        domain = type.integers
        codes = rng.choice(np.arange(domain.lo, domain.hi + 1, domain.step), (6, *type.shape))
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
