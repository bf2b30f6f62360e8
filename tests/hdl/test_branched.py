"""Whole branched graphs through search and accelerator: golden results, planned cycles, no standstill under stalls."""

import numpy as np
import pytest
from branched import BLOCKS, WIRED, branched

from icepop.compiler.plan import Resources
from icepop.compiler.search import search
from icepop.hdl.accelerator import Accelerator
from icepop.hdl.units.registry import unit_library
from icepop.sim.bench import Stall
from icepop.sim.prove import simulate

UNBOUNDED = Resources(cells=10**9, ebr=10**9)


@pytest.mark.parametrize("seed", range(12))
def test_a_branched_graph_is_exact_and_as_planned(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = branched(rng, WIRED, count=int(rng.integers(1, 4)), head=False)
    design = Accelerator(graph, search(graph, "x", unit_library(), "test", UNBOUNDED), taps=True)
    domain = graph.types["x"].integers
    codes = domain.lo + domain.step * rng.integers(0, domain.size, (5, *graph.types["x"].shape))
    report = simulate(design, codes, "amaranth", (Stall("none"), Stall("random"), Stall("bursts")))
    assert report.mismatch is None, report.message
    assert report.exact == 5
    assert (report.latency, report.intervals) == (design.plan.latency, (design.plan.interval,))


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
    assert len(BLOCKS) == 8
    assert ops == {"Input", "Conv", "MaxPool", "SumPool", "Threshold", "Add", "Concat", "Gather", "Dense", "ArgMax"}
