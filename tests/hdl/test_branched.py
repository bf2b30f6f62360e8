"""Whole branched graphs through search and accelerator: golden results, planned cycles, no standstill under stalls."""

from collections.abc import Callable

import numpy as np
import pytest
from branched import BLOCKS, WIRED, Author, branched
from maps import window
from random_designs import UNBOUNDED, check, random_plan

from icepop.compiler.graph import Graph
from icepop.compiler.ops.add import Add
from icepop.compiler.ops.base import Op
from icepop.compiler.ops.concat import Concat
from icepop.compiler.ops.conv import Conv
from icepop.compiler.ops.input import Input
from icepop.compiler.ops.threshold import Threshold
from icepop.compiler.planner.plan import Folding
from icepop.compiler.planner.search import search
from icepop.compiler.types import BIPOLAR, Domain, TensorType
from icepop.hdl.accelerator import Accelerator
from icepop.hdl.units.registry import unit_library
from icepop.sim.backends import verilator_cpp
from icepop.sim.bench import Stall
from icepop.sim.prove import UNSTALLED, simulate


def random_design(seed: int, most: int = 3) -> tuple[Accelerator, np.random.Generator]:
    """Up to so many blocks, with or without a head, at random foldings."""
    rng = np.random.default_rng(seed)
    graph = branched(rng, count=int(rng.integers(1, most + 1)), head=bool(rng.random() < 0.5))
    return Accelerator(graph, random_plan(rng, graph), taps=True), rng


@pytest.mark.parametrize("seed", range(6))
def test_a_branched_graph_is_exact_and_as_planned(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = branched(rng, WIRED, count=int(rng.integers(1, 4)), head=False)
    plan = search(graph, "x", unit_library(), "test", UNBOUNDED)
    stalls = (Stall("none"), Stall("random"), Stall("bursts"))
    check(Accelerator(graph, plan, taps=True), rng, "amaranth", 5, stalls)


@pytest.mark.parametrize("seed", range(8))
def test_graphs_over_all_ops_are_exact_and_as_planned(seed: int) -> None:
    check(*random_design(seed, most=1), "amaranth", 4)


@pytest.mark.nightly
@pytest.mark.parametrize("first", range(1000, 1320, 20))
def test_many_graphs_over_all_ops_are_exact(first: int, need: Callable[[str], None]) -> None:
    need("c++")
    designs = [random_design(seed) for seed in range(first, first + 20)]
    verilator_cpp.prepare([design for design, _ in designs])
    for design, rng in designs:
        check(design, rng, "verilator_cpp", 20, (Stall("random"), UNSTALLED))


@pytest.mark.parametrize("seed", range(4))
def test_a_join_that_takes_much_of_a_branch_first_does_not_stand_still(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = branched(rng, ("stacked",), count=1, head=False)
    check(Accelerator(graph, random_plan(rng, graph), taps=True), rng, "amaranth", 5)


def test_an_interval_that_settles_late_is_the_settled_one() -> None:
    """Of this plan the first four intervals are 25 cycles, all others 24."""
    rng = np.random.default_rng(189)
    blocks = [block for block in BLOCKS if block != "windows"]
    graph = branched(rng, blocks, count=int(rng.integers(1, 4)), head=bool(rng.random() < 0.5))
    lanes = {"sumpool1": 2, "threshold2": 2, "conv3": 2, "concat5": 2, "gather6": 1}
    pins = {name: Folding(count, count) for name, count in lanes.items()} | {
        "dense7": Folding(2, 2, buffer="registers")
    }
    plan = search(graph, "x", unit_library(), "test", UNBOUNDED, pins=pins, units={"sumpool1": "WindowPool"})
    assert plan.interval == max(stage.interval for stage in plan.stages) == 24
    check(Accelerator(graph, plan, taps=True), rng, "amaranth", 12)


def test_a_slow_stage_that_began_early_holds_up_later_samples() -> None:
    """A convolution of 27 cycles beside six others of 24, whose results it awaits: 12 samples come faster."""
    rng = np.random.default_rng(0)
    bit, one = Domain(0, 1), np.ones(4, np.int64)
    ops: list[Op] = [Input("x", (), TensorType((4, 3, 2), bit))]
    sources = ["x", *(f"b{k}" for k in range(6))]
    layers = [(name, source, 1, 0) for name, source in zip(sources[1:], sources, strict=False)]
    for name, source, size, pad in (*layers, ("a", "x", 3, 1)):
        weights = rng.choice([-1, 1], (4, 4, size, size))
        ops.append(Conv(f"{name} sums", (source,), weights, window((size, size), before=pad, after=pad)))
        ops.append(Threshold(name, (f"{name} sums",), one[:, None], one, bit))
    graph = Graph((*ops, Concat("join", ("b5", "a"), 0, (1, 1))))
    pins = {f"{name} sums": Folding(1, 4) for name in sources[1:]} | {"a sums": Folding(4, 4, pixels=2)}
    plan = search(graph, "x", unit_library(), "test", UNBOUNDED, pins=pins)
    assert plan.interval == 27
    assert plan.first_intervals == (*[24] * 12, 25, *[27] * 18)
    for samples, intervals in ((2, (24,)), (12, (24,)), (16, (24, 25, 27)), (40, (27,))):
        codes = rng.integers(0, 2, (samples, 4, 3, 2))
        report = simulate(Accelerator(graph, plan, taps=True), codes, "amaranth", [UNSTALLED])
        assert (report.message, report.exact, report.intervals) == (None, samples, intervals)
        assert report.as_planned


@pytest.mark.parametrize("seed", range(3))
def test_a_channel_may_have_several_kernels_of_its_own(seed: int) -> None:
    rng = np.random.default_rng(seed)
    author = Author(rng, TensorType((2, 4, 3), BIPOLAR))
    window = author.window((4, 3), 3, padded=True)
    author.add(Conv, "x", weights=author.weights(4, 1, *window.kernel), window=window, groups=2)
    graph = Graph(tuple(author.ops))
    check(Accelerator(graph, random_plan(rng, graph), taps=True), rng, "amaranth", 4)


@pytest.mark.parametrize("seed", range(4))
def test_lanes_without_a_row_are_zeros(seed: int) -> None:
    """Three rows by two: a sum of the lane that is none lies beyond the domain, and would pass any threshold."""
    rng = np.random.default_rng(seed)
    author = Author(rng, TensorType((4, 3, 2), Domain(0, 3)))
    window = author.window((3, 2), 1, padded=False)
    first = author.add(Conv, "x", weights=rng.choice([-1, 1], (3, 4, 1, 1)), window=window)
    level = author.quantized(first, Domain(-2, 1))
    window = author.window(author.types[level].shape[1:], 1, padded=False)
    author.add(Conv, level, weights=rng.choice([-1, 1], (4, 3, 1, 1)), window=window)
    graph = Graph(tuple(author.ops))
    pins = {first: Folding(2, 1), level: Folding(2, 2), author.ops[-1].name: Folding(2, 2)}
    plan = search(graph, "x", unit_library(), "test", UNBOUNDED, pins=pins)
    check(Accelerator(graph, plan, taps=True), rng, "amaranth", 6)


def test_both_branches_of_a_join_may_need_a_queue() -> None:
    ops: list[Op] = [Input("x", (), TensorType((2, 3, 4), Domain(-7, 8)))]
    for branch in ("a", "b"):
        source = "x"
        for k in range(5):
            cuts = np.tile(np.arange(-6, 9), (2, 1))
            ops.append(Threshold(f"{branch}{k}", (source,), cuts, np.ones(2, np.int64), Domain(-7, 8)))
            source = f"{branch}{k}"
    graph = Graph((*ops, Add("sum", ("a4", "b4"), np.ones((2, 2), np.int64))))
    plan = search(graph, "x", unit_library(), "test", UNBOUNDED)
    names = [stage.name for stage in plan.stages]
    assert len(set(names)) == len(names)
    assert sum(name.startswith("queue behind") for name in names) >= 2
    codes = np.random.default_rng(0).integers(-7, 9, (5, 2, 3, 4))
    report = simulate(Accelerator(graph, plan, taps=True), codes, "amaranth")
    assert (report.message, report.exact, report.as_planned) == (None, 5, True)


@pytest.mark.parametrize("seed", range(100))
def test_the_author_writes_graphs_whose_values_fit_their_types(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = branched(rng)
    domain = graph.types["x"].integers
    codes = domain.lo + domain.step * rng.integers(0, domain.size, (4, *graph.types["x"].shape))
    for name, values in graph.run(codes).items():
        assert graph.types[name].integers.contains(values), name


def test_every_block_is_met() -> None:
    ops = {type(op).__name__ for seed in range(60) for op in branched(np.random.default_rng(seed)).ops}
    assert len(BLOCKS) == 10
    assert ops == {"Input", "Conv", "MaxPool", "SumPool", "Threshold", "Add", "Concat", "Gather", "Dense", "ArgMax"}
