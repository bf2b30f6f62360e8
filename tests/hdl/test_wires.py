import numpy as np

from icepop.compiler.graph import Graph
from icepop.compiler.ops.gather import Gather
from icepop.compiler.ops.input import Input
from icepop.compiler.planner.plan import Folding, Resources
from icepop.compiler.planner.search import search
from icepop.compiler.types import Domain, TensorType
from icepop.hdl.accelerator import Accelerator
from icepop.hdl.units.registry import unit_library
from icepop.sim.bench import Stall
from icepop.sim.prove import simulate


def test_a_design_of_nothing_but_wires_is_simulated() -> None:
    type = TensorType((4, 2, 3), Domain(0, 3))
    index = np.arange(24).reshape(type.shape)[[2, 0, 3, 1]]
    graph = Graph((Input("x", (), type), Gather("order", ("x",), index)))
    plan = search(graph, "x", unit_library(), "b", Resources(cells=9, ebr=9), pins={"order": Folding(4, 4)})
    codes = np.random.default_rng(0).integers(0, 4, (3, *type.shape))
    report = simulate(Accelerator(graph, plan), codes, stalls=[Stall(), Stall("random")])
    assert (report.exact, report.latency, report.intervals) == (3, 5, (6,))
    assert plan.cost == Resources()
