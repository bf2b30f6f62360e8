"""What waits in an evenly paced pipeline, beside the same pipeline followed beat by beat."""

from dataclasses import replace

import numpy as np
import pytest
from branched import branched
from random_designs import random_plan

from icepop.compiler.graph import Graph
from icepop.compiler.ops.base import Op
from icepop.compiler.ops.concat import Concat
from icepop.compiler.ops.conv import Conv
from icepop.compiler.ops.gather import Gather
from icepop.compiler.ops.input import Input
from icepop.compiler.ops.max_pool import MaxPool
from icepop.compiler.ops.threshold import Threshold
from icepop.compiler.ops.window import Window
from icepop.compiler.planner.binding import bind
from icepop.compiler.planner.chains import ChainFinder
from icepop.compiler.planner.flow import Node
from icepop.compiler.planner.goal import FILL
from icepop.compiler.planner.layers import cut
from icepop.compiler.planner.pacing import AT_ONCE, Hold, paced
from icepop.compiler.planner.pipeline import compose
from icepop.compiler.planner.plan import Folding, Plan, Resources
from icepop.compiler.planner.schedule import schedule
from icepop.compiler.planner.search import EBR_PRICE, search
from icepop.compiler.planner.timing import Inlet, Timing, streaming
from icepop.compiler.types import BIPOLAR, Domain, TensorType
from icepop.hdl.units.registry import unit_library

ENDLESS = Resources(*[10**9] * 7)
SAMPLES = 4
INTERVAL = 24


def bursts() -> Timing:
    """Takes twelve beats of two cycles each and gives one after each of the last four."""
    return streaming(12, np.arange(12) >= 8)


def slow(capacity: int = 0) -> Timing:
    """Takes four beats of six cycles each, from a buffer or from the stream."""
    beats = np.arange(1, 5)
    inlet = Inlet(beats, capacity, beats) if capacity else Inlet(beats)
    return Timing((inlet,), np.full(4, 6), np.ones(4, bool), 1)


@pytest.mark.parametrize("capacity", [0, 1, 2, 4])
def test_what_waits_is_what_an_endless_fifo_held(capacity: int) -> None:
    """The flow with a FIFO of no limit between the two, and the same without one, paced."""
    first, second = bursts(), slow(capacity)
    ((alone,), (held,)) = paced([Node(first, ((-1, 0),)), Node(second, ((0, 0),))], 12, INTERVAL, SAMPLES)
    assert alone == AT_ONCE
    # a beat comes every 2 cycles at the end of a sample, and each takes 6
    offered = np.arange(4) * 2
    taken = np.arange(4) * 6 + (1 if capacity else 0)
    ends = taken + 5
    leaves = ends if capacity else taken
    most = max(k + 1 - int((leaves[: k + 1] < offered[k]).sum()) for k in range(4))
    waits = leaves - offered if not capacity else leaves[: 4 - capacity] + 1 - offered[capacity:]
    assert held == Hold(max(0, most - capacity), max(0, *waits, 0))


def planned(pooled: bool, budget: Resources = ENDLESS) -> Plan:
    """Two convolutions that each take all the time there is, with a pool between them or not."""
    pool = Window((2, 2), (2, 2), (0, 0), (0, 0), (1, 1))
    point = Window((1, 1), (1, 1), (0, 0), (0, 0), (1, 1))
    weights = np.random.default_rng(0).choice([-1, 1], (4, 4, 1, 1))
    ops: list[Op] = [Input("x", (), TensorType((4, 8, 8), BIPOLAR)), Conv("first", ("x",), weights, point)]
    if pooled:
        ops.append(MaxPool("pool", ("first",), pool, np.ones(4, np.int64)))
    ops.append(Conv("second", (ops[-1].name,), weights, point))
    pins = {"first": Folding(2, 2), "second": Folding(1, 1) if pooled else Folding(2, 2)}
    return search(Graph(tuple(ops)), "x", unit_library(), "test", budget, pins=pins)


@pytest.mark.parametrize("pooled", [False, True])
def test_a_stage_that_gives_bursts_gets_a_fifo(pooled: bool) -> None:
    """A pool gives all its pixels in every other row, and would hold up the convolution before it."""
    plan = planned(pooled)
    assert plan.interval == max(stage.interval for stage in plan.stages) == 256
    assert any(stage.name.startswith("queue") for stage in plan.stages) == pooled


def test_without_room_for_the_fifo_the_plan_is_slower() -> None:
    wanted = planned(True)
    cells = int(wanted.cost.cells / FILL)  # one too few
    plan = planned(True, replace(ENDLESS, cells=cells))
    assert not any(stage.name.startswith("queue") for stage in plan.stages)
    assert plan.interval > wanted.interval


@pytest.mark.parametrize("seed", range(12))
def test_no_stage_holds_up_the_slowest(seed: int) -> None:
    """Of branched pipelines nearly all are as fast as their slowest stage; of these all."""
    rng = np.random.default_rng(seed)
    plan = random_plan(rng, branched(rng, count=int(rng.integers(1, 4)), head=bool(rng.random() < 0.5)))
    assert plan.interval == max(stage.interval for stage in plan.stages)


def slowly(nodes: list[Node], beats: int, cycles: int) -> list[Node]:
    """The same network, whose input beats come so many cycles after each other."""
    inlet = Inlet(np.arange(1, beats + 1))
    source = Node(Timing((inlet,), np.full(beats, cycles), np.ones(beats, bool), 1), ((-1, 0),))
    return [source, *(replace(node, sources=tuple((k + 1, port) for k, port in node.sources)) for node in nodes)]


@pytest.mark.parametrize("even", [False, True])
def test_a_fifo_that_ends_a_run_of_readys_holds_what_waits_for_a_join(even: bool) -> None:
    """Two parts of a map, one of them pooled, joined again: a pool gives nothing for a row and more."""
    window = Window((3, 3), (1, 1), (1, 1), (1, 1), (1, 1))
    halves, levels = np.arange(100).reshape(2, 2, 5, 5), np.array([1, 2, 4, 7, 8, 11, 13])
    weights = np.random.default_rng(0).choice([-1, 1], (3, 4, 2, 2))
    point = Window((2, 2), (1, 1), (0, 0), (0, 0), (1, 1))
    graph = Graph(
        (
            Input("x", (), TensorType((4, 5, 5), Domain(0, 15))),
            Gather("second", ("x",), halves[1]),
            MaxPool("pool", ("second",), window, np.ones(2, np.int64)),
            Gather("first", ("x",), halves[0]),
            Threshold("coarse", ("first",), np.tile(levels, (2, 1)), np.ones(2, np.int64), Domain(0, 7)),
            Threshold("pooled", ("pool",), np.tile(levels, (2, 1)), np.ones(2, np.int64), Domain(0, 7)),
            Concat("join", ("pooled", "coarse"), 0, (1, 1)),
            Conv("conv", ("join",), weights, point),
        )
    )
    library = unit_library()
    layers = cut(graph, "x", library)
    placed = ChainFinder(layers, [bind(layer, {}, {}) for layer in layers], library).cheapest(768, EBR_PRICE)
    assert placed is not None
    draft = compose(placed, library, even)
    queued = {feed for stage in draft.stages if len(stage.feeds) > 1 for feed in stage.feeds}
    assert any(feed.stage.startswith("queue") for feed in queued)
    inputs, outputs = draft.units[0].inputs[0].count, draft.units[-1].output.count
    for cycles in (1, 3, 30):
        schedule(slowly(draft.nodes, inputs, cycles), inputs, outputs, 3)
