# amaranth: UnusedElaboratable=no
"""The bench on a real accelerator: exact when it is right, and a single flipped weight is found."""

from dataclasses import replace

import numpy as np
import pytest

from icepop.compiler.graph import Graph
from icepop.compiler.ops.argmax import ArgMax
from icepop.compiler.ops.dense import Dense
from icepop.compiler.ops.input import Input
from icepop.compiler.ops.threshold import Threshold
from icepop.compiler.planner.plan import Resources
from icepop.compiler.planner.search import search
from icepop.compiler.types import BIPOLAR, TensorType
from icepop.hdl.accelerator import Accelerator
from icepop.hdl.units.registry import unit_library
from icepop.sim.bench import Stall
from icepop.sim.prove import UNSTALLED, simulate

UP5K = Resources(lut4=5280, ff=5280, carry=5280, cells=5280, ebr=30)


@pytest.fixture(scope="module")
def graph():
    rng = np.random.default_rng(0)
    weights = [rng.choice([-1, 1], shape) for shape in ((12, 24), (5, 12))]
    return Graph(
        (
            Input("bits", (), TensorType((24,), BIPOLAR)),
            Dense("fc1", ("bits",), weights[0]),
            Threshold("act1", ("fc1",), rng.integers(-5, 5, (12, 1)), np.ones(12, np.int64), BIPOLAR),
            Dense("fc2", ("act1",), weights[1]),
            ArgMax("class", ("fc2",)),
        )
    )


@pytest.fixture(scope="module")
def bits():
    return np.random.default_rng(1).choice([-1, 1], (25, 24))


@pytest.mark.parametrize("interval", [12, 60, 300])
def test_exact_and_as_planned(graph, bits, interval):
    plan = search(graph, "bits", unit_library(), "icebreaker", UP5K, interval=interval)
    stalls = [Stall("random"), Stall("bursts", 0.7), UNSTALLED]
    report = simulate(Accelerator(graph, plan, taps=True), bits, stalls=stalls)
    assert (report.exact, report.message, report.as_planned) == (25, None, True)
    assert (report.interval, report.latency) == (plan.interval, plan.latency)


def test_one_flipped_weight_is_found_in_its_layer(graph, bits):
    plan = search(graph, "bits", unit_library(), "icebreaker", UP5K, interval=60)
    weights = graph.ops[3].weights.copy()
    weights[3, 7] *= -1
    broken = Graph((*graph.ops[:3], replace(graph.ops[3], weights=weights), graph.ops[4]))
    design = Accelerator(broken, plan, taps=True)
    design.graph = graph
    mismatch = simulate(design, bits, stalls=[UNSTALLED]).mismatch
    assert (mismatch.op, mismatch.sample, mismatch.index) == ("fc2", 0, (3,))
