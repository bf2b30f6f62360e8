"""The contract of every layer unit, over the registry: a new unit file is tested before its author writes a test."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from alone import STALLS, Alone
from branched import WIRED, branched
from costs import check_cost
from layers import LAYERS
from lut_networks import VOTES
from maps import DEPTHWISE, POOLS
from networks import binary_mlp
from requantized import REQUANTIZED

from icepop.compiler.errors import PlanError
from icepop.compiler.graph import Graph
from icepop.compiler.ops.base import Op
from icepop.compiler.ops.gather import Gather
from icepop.compiler.ops.input import Input
from icepop.compiler.planner.plan import Folding, Resources, Span
from icepop.compiler.planner.search import search
from icepop.compiler.types import TensorType
from icepop.hdl.accelerator import Accelerator
from icepop.hdl.shared_rom import SharedRom
from icepop.hdl.units.base import LayerUnit
from icepop.hdl.units.registry import layer_units, unit_library
from icepop.sim.prove import simulate

UNBOUNDED = Resources(cells=10**9, ebr=10**9)
KINDS = {kind.__name__: kind for kind in layer_units()}
SHARING = ("AffineScores", "DepthwiseConv", "MatrixVector", "MultiplyAddShift", "ThresholdCompare", "ThresholdSearch")
"""Units whose constants may be in a memory that others read too."""

POOL = [
    *(
        binary_mlp(np.random.default_rng(seed), sizes)
        for seed, sizes in enumerate([[33, 17, 5], [16, 8, 3], [7, 40, 10]])
    ),
    *DEPTHWISE,
    *POOLS,
    *LAYERS,
    *REQUANTIZED,
    *VOTES,
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


def design_of(kind: type[LayerUnit], span: Span, folding: Folding) -> Alone | Accelerator:
    """A unit alone; of several inputs, an accelerator that cuts them out of one."""
    if len(span.inputs) == 1:
        return Alone(span, kind(span, folding), samples=6)
    graph = Graph((*sources(span), *span.ops))
    pins, units = {span.name: folding}, {span.name: kind.__name__}
    plan = search(graph, graph.input.name, unit_library(), "test", UNBOUNDED, pins=pins, units=units)
    return Accelerator(graph, plan, taps=True)


def sources(span: Span) -> list[Op]:
    """Ops that give the inputs of a span, as parts of a vector that holds all of them."""
    assert len({type.domain for type in span.inputs}) == 1, "branches of the pool have one domain"
    sizes = [type.length for type in span.inputs]
    ops: list[Op] = [Input("whole", (), TensorType((sum(sizes),), span.inputs[0].domain))]
    for name, type, start in zip(span.ops[0].inputs, span.inputs, np.cumsum([0, *sizes]), strict=False):
        ops.append(Gather(name, ("whole",), start + np.arange(type.length).reshape(type.shape)))
    return ops


def cases(kind: type[LayerUnit], total: int) -> list[tuple[Span, Folding]]:
    """A random choice of so many spans and foldings, the same every time; as many of each span as can be."""
    rng = np.random.default_rng(1)
    found = spans(kind)
    chosen = []
    for span in found:
        foldings = list(kind.foldings(span))
        # foldings that divide nothing are allowed too, though the search does not offer them
        more = [folding for folding in (Folding(3, 5), Folding(2, 7), Folding(3, 3)) if takes(kind, span, folding)]
        foldings = [folding for folding in foldings + more if placed(kind, span, folding)]
        order = rng.permutation(len(foldings))
        chosen += [(span, foldings[k]) for k in islice(order, -(-total // len(found)))]
    return [chosen[k] for k in rng.permutation(len(chosen))[:total]]


def spaced_cases(kind: type[LayerUnit], total: int) -> list[tuple[Span, Folding]]:
    """Some of the same with constants that are shared, as often as they can be read, as seldom, or in between."""
    rng = np.random.default_rng(4)
    found = []
    for span, folding in cases(kind, 12 * total):
        most = kind(span, folding).most_spacing
        if most >= 2:
            spacing = int(rng.choice([2, rng.integers(2, min(most, 12) + 1), min(most, 12)]))
            found.append((span, replace(folding, spacing=spacing)))
    return [found[k] for k in rng.permutation(len(found))[:total]]


def takes(kind: type[LayerUnit], span: Span, folding: Folding) -> bool:
    """Whether a unit can be folded so."""
    if folding.pe > span.results[0].length or folding.simd > span.inputs[0].length:
        return False
    try:
        unit = kind(span, folding)
    except PlanError:
        return False
    return (unit.output.lanes, unit.input.lanes) == (folding.pe, folding.simd)


def placed(kind: type[LayerUnit], span: Span, folding: Folding) -> bool:
    """Whether a unit can stand where it is tried: at the end of a pipeline pixels have no gaps."""
    return len(span.inputs) == 1 or (folding.pe == folding.simd and kind(span, folding).output.gapless)


@pytest.mark.parametrize("name", KINDS)
def test_the_pool_has_a_span_for_every_unit(name: str) -> None:
    assert spans(KINDS[name])


@pytest.mark.parametrize("name", KINDS)
def test_results_and_cycles_are_exact_at_every_folding(name: str) -> None:
    rng = np.random.default_rng(2)
    for span, folding in cases(KINDS[name], 40):
        check_run(design_of(KINDS[name], span, folding), rng)


@pytest.mark.parametrize("name", SHARING)
def test_results_and_cycles_are_exact_with_shared_constants(name: str) -> None:
    rng = np.random.default_rng(3)
    found = spaced_cases(KINDS[name], 20)
    assert {folding.spacing for _, folding in found} - {2}
    for span, folding in found:
        check_run(design_of(KINDS[name], span, folding), rng)


def check_run(design: Alone | Accelerator, rng: np.random.Generator) -> None:
    """Exact results and cycles, with stalls and without."""
    type = design.graph.types[design.input_op]
    domain = type.integers
    codes = rng.choice(np.arange(domain.lo, domain.hi + 1, domain.step), (6, *type.shape))
    report = simulate(design, codes, "amaranth", STALLS)
    assert report.mismatch is None, (design.plan, report.message)
    assert report.exact == 6
    assert (report.latency, report.intervals) == (design.plan.latency, (design.plan.interval,)), design.plan


@pytest.mark.parametrize("name", sorted(KINDS.keys() - set(SHARING)))
def test_other_units_share_no_constants(name: str) -> None:
    assert not spaced_cases(KINDS[name], 40)


@pytest.mark.parametrize("name", KINDS)
def test_planned_cells_are_close_and_ebr_exact(name: str) -> None:
    for span, folding in cases(KINDS[name], 3):
        check_unit_cost(KINDS[name](span, folding))


@pytest.mark.parametrize("name", SHARING)
def test_planned_cells_are_close_and_ebr_exact_with_shared_constants(name: str) -> None:
    for span, folding in spaced_cases(KINDS[name], 3):
        check_unit_cost(KINDS[name](span, folding))


@pytest.mark.nightly
@pytest.mark.parametrize("name", KINDS)
def test_planned_cells_are_close_and_ebr_exact_at_many_foldings(name: str) -> None:
    for span, folding in [*cases(KINDS[name], 60), *spaced_cases(KINDS[name], 20)]:
        check_unit_cost(KINDS[name](span, folding))


def check_unit_cost(unit: LayerUnit) -> None:
    """Cost of a unit, with the memory of its constants if these are shared."""
    memory = Resources() if unit.constants is None else SharedRom([unit.constants]).cost
    check_cost(unit, unit.cost + memory)
