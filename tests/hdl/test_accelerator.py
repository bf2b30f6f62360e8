"""Dense networks through search and accelerator: every layer exact, planned cycles, at random foldings."""

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from networks import binary_mlp, mixed_mlp, random_sizes
from random_designs import UNBOUNDED, check, random_plan

from icepop.compiler.planner.plan import Folding
from icepop.compiler.planner.search import search
from icepop.hdl.accelerator import Accelerator
from icepop.hdl.units.registry import unit_library
from icepop.sim.backends import verilator_cpp
from icepop.sim.bench import Stall
from icepop.sim.prove import UNSTALLED, simulate


def random_design(seed: int) -> tuple[Accelerator, np.random.Generator]:
    """A random binary network at random foldings."""
    rng = np.random.default_rng(seed)
    sizes = [int(size) for size in rng.integers(1, 40, rng.integers(2, 4))] + [int(rng.integers(2, 12))]
    graph = binary_mlp(rng, sizes)
    return Accelerator(graph, random_plan(rng, graph), taps=True), rng


def mixed_design(seed: int, largest: int = 24) -> tuple[Accelerator, np.random.Generator]:
    """A random network in mixed precisions at random foldings."""
    rng = np.random.default_rng(seed)
    graph = mixed_mlp(rng, random_sizes(rng, largest))
    return Accelerator(graph, random_plan(rng, graph), taps=True), rng


def sharing_design(seed: int, largest: int = 24) -> tuple[Accelerator, np.random.Generator]:
    """A random network whose layers share a memory for their constants."""
    rng = np.random.default_rng([17, seed])
    graph = mixed_mlp(rng, rng.integers(2, largest + 1, rng.integers(3, 5)).tolist())
    return Accelerator(graph, random_plan(rng, graph, sharing=True), taps=True), rng


@pytest.mark.parametrize("seed", range(6))
def test_random_networks_are_exact_and_as_fast_as_planned(seed: int) -> None:
    check(*random_design(seed), "amaranth", 6)


@pytest.mark.parametrize("seed", range(8))
def test_networks_in_mixed_precisions_are_exact_and_as_fast_as_planned(seed: int) -> None:
    check(*mixed_design(seed, largest=12), "amaranth", 4)


def test_networks_that_share_constants_are_exact_and_as_fast_as_planned() -> None:
    designs = [sharing_design(seed, largest=12) for seed in range(10)]
    assert sum(design.plan.shared is not None and len(design.plan.shared.stages) > 1 for design, _ in designs) >= 5
    for design, rng in designs:
        check(design, rng, "amaranth", 4)


@pytest.mark.nightly
@pytest.mark.parametrize("first", range(0, 200, 20))
def test_many_networks_that_share_constants_are_exact(first: int, need: Callable[[str], None]) -> None:
    need("c++")
    designs = [sharing_design(seed) for seed in range(first, first + 20)]
    verilator_cpp.prepare([design for design, _ in designs])
    for design, rng in designs:
        check(design, rng, "verilator_cpp", 20, (Stall("random"), UNSTALLED))


@pytest.mark.nightly
@pytest.mark.parametrize("first", range(1000, 1320, 20))
def test_many_networks_in_mixed_precisions_are_exact(first: int, need: Callable[[str], None]) -> None:
    need("c++")
    designs = [mixed_design(seed) for seed in range(first, first + 20)]
    verilator_cpp.prepare([design for design, _ in designs])
    for design, rng in designs:
        check(design, rng, "verilator_cpp", 20, (Stall("random"), UNSTALLED))


@pytest.mark.nightly
@pytest.mark.parametrize("first", range(400, 600, 40))
def test_random_networks_are_exact_on_many_samples(first: int, need: Callable[[str], None]) -> None:
    """For a dozen samples a design is not worth compiling; for two thousand it is."""
    need("c++")
    designs = [random_design(seed) for seed in range(first, first + 40)]
    verilator_cpp.prepare([design for design, _ in designs])
    for design, rng in designs:
        check(design, rng, "verilator_cpp", 2000)


def test_lanes_without_a_row_are_zeros_whatever_comes_in() -> None:
    """Of 3 rows by 2 the last lane is none; of 5 columns by 2, too, and what a row counts there is its own."""
    rng = np.random.default_rng(0)
    graph = binary_mlp(rng, [5, 3, 4])
    pins = {"fc0": Folding(2, 2), "fc1": Folding(1, 2), "argmax": Folding(1, 1)}
    plan = search(graph, "x", unit_library(), "test", UNBOUNDED, pins=pins)
    codes = np.array(list(product([-1, 1], repeat=5)))
    report = simulate(Accelerator(graph, plan, taps=True), codes, "amaranth")
    assert (report.message, report.exact, report.as_planned) == (None, 32, True)


def test_taps_follow_the_pipeline_and_end_at_the_output() -> None:
    design, _ = random_design(0)
    assert [tap.op for tap in design.taps] == [stage.ops[-1] for stage in design.plan.stages if stage.ops]
    assert design.taps[-1].op == design.graph.output.name


def test_without_taps_there_are_only_the_two_streams() -> None:
    design, _ = random_design(1)
    assert set(Accelerator(design.graph, design.plan).signature.members) == {"i", "o"}
