"""Several neighbouring windows at once, alone and in pipelines."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from alone import STALLS, Alone
from branched import Author
from costs import check_cost
from layers import BIPOLAR, POINT, SIGNED, SMALL, TERNARY, UNSIGNED, conv, dense, span_of, weights
from maps import depthwise, graph, window
from messages import says
from random_designs import UNBOUNDED, check, random_plan

from icepop.compiler.errors import PlanError
from icepop.compiler.graph import Graph
from icepop.compiler.ops.conv import Conv
from icepop.compiler.ops.threshold import Threshold
from icepop.compiler.planner.plan import Folding, Plan
from icepop.compiler.planner.saved import read_plan
from icepop.compiler.planner.search import search
from icepop.compiler.types import TensorType
from icepop.hdl.accelerator import Accelerator
from icepop.hdl.units.depthwise_conv import DepthwiseConv
from icepop.hdl.units.matrix_vector import MatrixVector
from icepop.hdl.units.registry import unit_library
from icepop.sim.backends import verilator_cpp
from icepop.sim.bench import Stall
from icepop.sim.prove import UNSTALLED, simulate

SAME = window((3, 3), 1, 1, 1)
NETWORKS = [
    conv(6, (3, 5, 8), BIPOLAR, BIPOLAR, SAME, BIPOLAR),
    conv(5, (4, 5, 6), BIPOLAR, BIPOLAR, window((3, 2))),
    conv(4, (2, 6, 13), UNSIGNED, SMALL, window((3, 2), 2, 1, 0), BIPOLAR),
    conv(3, (2, 4, 9), SIGNED, TERNARY, window((2, 3), 2, 1, 1)),
    conv(3, (2, 17), SIGNED, TERNARY, window((3,), 2, 1, 2, 2)),
    conv(4, (1, 19), BIPOLAR, SMALL, window((5,)), BIPOLAR),
    depthwise((5, 6, 8), BIPOLAR, BIPOLAR, window((3, 3), 1, 1, 1), True),
    depthwise((3, 7, 9), SIGNED, TERNARY, window((3, 2), 2, 1, 0), False),
    depthwise((2, 12), UNSIGNED, BIPOLAR, window((4,), 1, 0, 1), True),
]
"""With and without padding and thresholds; strides 1 and 2; two axes and one; windows of a row: 8, 5, 6, 5, 8, 15, 8,
5, 10.
"""


def unit_of(network: Graph, folding: Folding) -> MatrixVector | DepthwiseConv:
    """The layer's unit."""
    span = span_of(network)
    return (DepthwiseConv if DepthwiseConv.matches(span) else MatrixVector)(span, folding)


def offered(network: Graph) -> list[Folding]:
    """All foldings that the layer's unit offers."""
    span = span_of(network)
    return list((DepthwiseConv if DepthwiseConv.matches(span) else MatrixVector).foldings(span))


def foldings(network: Graph) -> list[Folding]:
    """Some of those that are offered with several windows, and a row at once, which is not worthwhile."""
    several = [folding for folding in offered(network) if folding.pixels > 1]
    some = np.random.default_rng(6).permutation(len(several))[:4]
    channels, simd = span_of(network).result.shape[0], max(folding.simd for folding in several)
    return [*(several[k] for k in some), Folding(channels, simd, pixels=span_of(network).result.shape[-1])]


def pipeline(simd: int, pixels: int, columns: int = 7) -> tuple[Graph, Plan]:
    """Two convolutions, the first of which gives several pixels a beat."""
    first = Conv("first", ("x",), weights(BIPOLAR, 6, 2, 3, 3), SAME)
    level = Threshold("act", ("first",), np.arange(-3, 3)[:, None], np.ones(6, np.int64), BIPOLAR)
    second = Conv("second", ("act",), weights(BIPOLAR, 4, 6, 2, 2), window((2, 2), 2))
    network = graph((2, 4, columns), BIPOLAR, first, level, second)
    pins = {"first": Folding(6, 2, pixels=pixels), "second": Folding(2, simd)}
    return network, search(network, "x", unit_library(), "test", UNBOUNDED, pins=pins)


@pytest.mark.parametrize("network", NETWORKS)
def test_results_and_cycles_are_exact(network: Graph) -> None:
    span = span_of(network)
    domain = span.input.integers
    values = np.arange(domain.lo, domain.hi + 1, domain.step)
    for folding in foldings(network):
        unit = unit_of(network, folding)
        design = Alone(span, unit, samples=4)
        codes = np.random.default_rng(3).choice(values, (4, *span.input.shape))
        report = simulate(design, codes, "amaranth", STALLS)
        assert (report.message, report.exact) == (None, 4), folding
        assert (report.latency, report.intervals) == (design.plan.latency, (design.plan.interval,)), folding
        *rows, columns = span.result.shape[1:]
        steps = np.prod(rows) * -(-columns // folding.pixels) * unit.tiling.depth
        assert unit.timing.interval == max(steps, unit.input.count), folding


@pytest.mark.parametrize("network", NETWORKS)
def test_several_windows_are_offered_where_they_raise_the_rate(network: Graph) -> None:
    rows = span_of(network).result.shape[0]
    several = [folding for folding in offered(network) if folding.pixels > 1]
    assert 2 in {folding.pixels for folding in several}
    assert {folding.pe for folding in several} == {rows}
    for simd in {folding.simd for folding in several}:
        units = [unit_of(network, each) for each in offered(network) if (each.pe, each.simd) == (rows, simd)]
        intervals = {unit.folding.pixels: unit.timing.interval for unit in units}
        assert list(intervals.values()) == sorted(set(intervals.values()), reverse=True)
        # behind the unit pixels pass one a cycle
        assert all(unit.tiling.depth >= unit.folding.pixels for unit in units)


@pytest.mark.parametrize(
    ("network", "folding"),
    [
        (NETWORKS[0], Folding(6, 3, pixels=2)),
        (NETWORKS[1], Folding(5, 2, weights="ebr", pixels=3)),
        (NETWORKS[3], Folding(3, 2, pixels=4)),
        (conv(5, (4, 5, 3), BIPOLAR, BIPOLAR, SAME), Folding(5, 2, weights="ebr", pixels=3)),
        (conv(12, (1, 8, 14), SIGNED, BIPOLAR, window((3, 3)), BIPOLAR), Folding(12, 1, pixels=4)),
        (NETWORKS[6], Folding(5, 5, pixels=4)),
        (NETWORKS[7], Folding(3, 3, pixels=3)),
    ],
)
def test_planned_cells_are_close_and_ebr_exact(network: Graph, folding: Folding) -> None:
    unit = unit_of(network, folding)
    check_cost(unit, unit.cost)


@pytest.mark.parametrize(("simd", "pixels", "boxes"), [(6, 2, 1), (3, 7, 1), (4, 3, 2), (1, 4, 1), (5, 2, 2)])
def test_a_beat_of_several_pixels_comes_apart(simd: int, pixels: int, boxes: int) -> None:
    network, plan = pipeline(simd, pixels)
    assert sum(stage.unit in ("Pack", "Unpack") for stage in plan.stages) == boxes
    check(Accelerator(network, plan, taps=True), np.random.default_rng(4), "amaranth", 5, STALLS)


def windows_and_more(seed: int) -> tuple[Accelerator, np.random.Generator]:
    """Windows on a map wide enough for several at once, what reads their pixels, and scores; at random foldings."""
    rng = np.random.default_rng(seed)
    author = Author(rng, TensorType((int(rng.integers(1, 4)), *rng.permutation([4, 5, 6, 8])[:2].tolist()), BIPOLAR))
    x = author.windows(author.windows("x"))
    author.head(getattr(author, str(rng.choice(["windows", "residual", "max_pool", "crossed", "split", "shuffle"])))(x))
    network = Graph(tuple(author.ops))
    return Accelerator(network, random_plan(rng, network), taps=True), rng


def test_random_plans_have_several_pixels() -> None:
    stages = [stage for seed in range(20) for stage in windows_and_more(seed)[0].plan.stages]
    assert sum(stage.folding.pixels > 1 for stage in stages) >= 10


@pytest.mark.parametrize("seed", range(8))
def test_random_networks_of_windows_are_exact_and_as_planned(seed: int) -> None:
    check(*windows_and_more(seed), "amaranth", 4)


@pytest.mark.nightly
@pytest.mark.parametrize("first", range(1000, 1160, 20))
def test_many_networks_of_windows_are_exact(first: int, need: Callable[[str], None]) -> None:
    need("c++")
    designs = [windows_and_more(seed) for seed in range(first, first + 20)]
    verilator_cpp.prepare([design for design, _ in designs])
    for design, rng in designs:
        check(design, rng, "verilator_cpp", 20, (Stall("random"), UNSTALLED))


def test_a_saved_plan_keeps_the_pixels(tmp_path: Path) -> None:
    network, plan = pipeline(4, 3)
    path = tmp_path / "plan.json"
    path.write_text(plan.to_json())
    pins = read_plan(path).pins
    assert pins["first"].folding == Folding(6, 2, pixels=3)
    foldings = {name: pin.folding for name, pin in pins.items()}
    again = search(network, "x", unit_library(), "test", UNBOUNDED, pins=foldings)
    assert again == plan


@pytest.mark.parametrize(
    ("network", "folding", "rows"),
    [
        (NETWORKS[0], Folding(3, 3, pixels=2), 6),
        (NETWORKS[0], Folding(6, 3, pixels=9), 6),
        (NETWORKS[0], Folding(6, 3, pixels=0), 6),
        (NETWORKS[4], Folding(3, 2, pixels=-2), 3),
        (dense(7, (12,), SIGNED, SMALL), Folding(7, 12, pixels=2), 7),
        (conv(6, (5, 2, 3), BIPOLAR, BIPOLAR, POINT), Folding(6, 5, pixels=2), 6),
        (conv(8, (4, 5, 3), BIPOLAR, BIPOLAR, SAME, None, 2), Folding(4, 2, pixels=2), 4),
    ],
)
def test_windows_that_cannot_be_computed_at_once(network: Graph, folding: Folding, rows: int) -> None:
    message = (
        f"layer 'layer' cannot be folded {folding}: pixels must be 1, or up to those of a row where a convolution with "
        f"windows and without groups computes all of its {rows} rows at once"
    )
    with says(PlanError, message):
        MatrixVector(span_of(network), folding)


@pytest.mark.parametrize("folding", [Folding(3, 3, pixels=2), Folding(5, 5, pixels=9), Folding(5, 5, pixels=0)])
def test_channels_that_cannot_be_computed_several_pixels_at_once(folding: Folding) -> None:
    message = (
        f"layer 'conv' cannot be folded {folding}: pixels must be 1, or up to those of a row where pe and simd are the "
        "5 channels"
    )
    with says(PlanError, message):
        DepthwiseConv(span_of(NETWORKS[6]), folding)


def test_several_pixels_are_no_pipeline_s_result() -> None:
    """The link and whoever takes results get one pixel after the other."""
    message = (
        "the given foldings leave gaps at the ends of the pipeline: simd must divide the channels of what is streamed "
        "in, and pe those of the result, whose pixels must be 1"
    )
    with says(PlanError, message):
        search(NETWORKS[0], "x", unit_library(), "test", UNBOUNDED, pins={"layer": Folding(6, 3, pixels=2)})


def test_a_unit_without_windows_takes_one_pixel() -> None:
    wanted = Folding(2, 2, pixels=2)
    pool = graph((2, 4, 6), SIGNED, Threshold("act", ("x",), np.array([[0], [1]]), np.ones(2, np.int64), BIPOLAR))
    message = "layer 'act' cannot be folded 2x2, 2 pixels: ThresholdCompare takes no such folding; try 2x2"
    with says(PlanError, message):
        search(pool, "x", unit_library(), "test", UNBOUNDED, pins={"act": wanted}, units={"act": "ThresholdCompare"})
