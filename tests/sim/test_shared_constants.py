# amaranth: UnusedElaboratable=no
"""Layers that share a memory for their constants are exact in every simulator, and as a netlist."""

import numpy as np
import pytest
from networks import mixed_mlp
from random_designs import check, random_plan

from icepop.hdl.accelerator import Accelerator
from icepop.sim.bench import Stall
from icepop.sim.prove import UNSTALLED

NEEDS = {"icarus": "iverilog", "netlist": "iverilog", "cxxrtl": "c++", "verilator_cpp": "c++"}


@pytest.mark.parametrize("backend", NEEDS)
def test_exact_and_as_planned(backend, need):
    need(NEEDS[backend])
    rng = np.random.default_rng([17, 3])
    graph = mixed_mlp(rng, [9, 20, 18, 4])
    plan = random_plan(rng, graph, sharing=True)
    assert plan.shared is not None
    assert len(plan.shared.stages) > 1
    assert plan.shared.cost.ebr > 0
    check(Accelerator(graph, plan), rng, backend, 5, (Stall("random"), UNSTALLED))
