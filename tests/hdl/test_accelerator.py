from collections.abc import Callable

import numpy as np
import pytest
from networks import binary_mlp, folded

from icepop.compiler.errors import PlanError
from icepop.compiler.plan import Resources
from icepop.compiler.search import search
from icepop.hdl.accelerator import Accelerator
from icepop.hdl.units.registry import unit_library
from icepop.sim.backends import verilator_cpp
from icepop.sim.prove import simulate

UNBOUNDED = Resources(cells=10**9, ebr=10**9)


def random_design(seed: int) -> tuple[Accelerator, np.random.Generator]:
    """A random network at random foldings that can be joined."""
    rng = np.random.default_rng(seed)
    sizes = [int(size) for size in rng.integers(1, 40, rng.integers(2, 4))] + [int(rng.integers(2, 12))]
    graph = binary_mlp(rng, sizes)
    while True:
        try:
            plan = search(graph, "x", unit_library(), "test", UNBOUNDED, pins=folded(rng, graph))
        except PlanError:
            continue
        return Accelerator(graph, plan, taps=True), rng


def check(design: Accelerator, rng: np.random.Generator, backend: str, samples: int = 12) -> None:
    """Every layer of a random design is exact, and as fast as planned."""
    codes = rng.choice([-1, 1], (samples, design.input.length))
    report = simulate(design, codes, backend)
    assert report.mismatch is None, report.message
    assert report.exact == samples
    assert (report.latency, report.intervals) == (design.plan.latency, (design.plan.interval,))


@pytest.mark.parametrize("seed", range(12))
def test_random_networks_are_exact_and_as_fast_as_planned(seed: int) -> None:
    check(*random_design(seed), "amaranth")


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(100, 400))
def test_many_random_networks_are_exact_and_as_fast_as_planned(seed: int) -> None:
    check(*random_design(seed), "amaranth")


@pytest.mark.nightly
@pytest.mark.parametrize("first", range(400, 600, 40))
def test_random_networks_are_exact_on_many_samples(first: int, need: Callable[[str], None]) -> None:
    """For a dozen samples a design is not worth compiling; for two thousand it is."""
    need("c++")
    designs = [random_design(seed) for seed in range(first, first + 40)]
    verilator_cpp.prepare([design for design, _ in designs])
    for design, rng in designs:
        check(design, rng, "verilator_cpp", 2000)


def test_taps_follow_the_pipeline_and_end_at_the_output() -> None:
    design, _ = random_design(0)
    assert [tap.op for tap in design.taps] == [stage.ops[-1] for stage in design.plan.stages if stage.ops]
    assert design.taps[-1].op == design.graph.output.name


def test_without_taps_there_are_only_the_two_streams() -> None:
    design, _ = random_design(1)
    assert set(Accelerator(design.graph, design.plan).signature.members) == {"i", "o"}
