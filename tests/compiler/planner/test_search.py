"""The search against a brute force over every choice, with made-up units; and with the real ones."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise, product
from math import gcd

import numpy as np
import pytest
from branched import branched
from messages import says
from networks import binary_mlp

from icepop.compiler.errors import PlanError
from icepop.compiler.graph import Graph
from icepop.compiler.ops.argmax import ArgMax
from icepop.compiler.ops.base import Op
from icepop.compiler.ops.dense import Dense
from icepop.compiler.ops.input import Input
from icepop.compiler.ops.max_pool import MaxPool
from icepop.compiler.ops.threshold import Threshold
from icepop.compiler.ops.window import Window
from icepop.compiler.planner.flow import Node
from icepop.compiler.planner.goal import FILL, Goal
from icepop.compiler.planner.layers import Unit, UnitLibrary
from icepop.compiler.planner.links import waiting
from icepop.compiler.planner.plan import Folding, Plan, Resources, Span
from icepop.compiler.planner.schedule import schedule
from icepop.compiler.planner.search import EBR_PRICE, search
from icepop.compiler.planner.timing import Inlet, Timing, streaming
from icepop.compiler.types import BIPOLAR, Beats, Domain, TensorType
from icepop.hdl.units.registry import unit_library

UNBOUNDED = Resources(cells=10**9, ebr=10**9)


@dataclass(frozen=True)
class Engine:
    """A made-up dense unit, whose cost follows no rule."""

    span: Span
    folding: Folding

    @staticmethod
    def matches(span: Span) -> int:
        if not isinstance(span.ops[0], Dense):
            return 0
        return 1 + (len(span.ops) > 1 and isinstance(span.ops[1], Threshold))

    @staticmethod
    def foldings(span: Span) -> Iterator[Folding]:
        for pe in (1, 2, 3, 6):
            for simd in (1, 2, 4, 5):
                yield Folding(pe, simd)

    @property
    def inputs(self) -> tuple[Beats, ...]:
        return (Beats.of(self.span.input, self.folding.simd),)

    @property
    def output(self) -> Beats:
        return Beats.of(self.span.result, self.folding.pe)

    @cached_property
    def timing(self) -> Timing:
        depth, groups = self.inputs[0].count, self.output.count
        frees = np.where(np.arange(groups) < groups - 1, 0, depth)
        inlet = Inlet(np.full(groups, depth), 2 * depth, frees)
        return Timing((inlet,), np.full(groups, depth), np.ones(groups, bool), 2)

    @cached_property
    def cost(self) -> Resources:
        rng = np.random.default_rng([*self.span.name.encode(), self.folding.pe, self.folding.simd])
        return Resources(cells=int(rng.integers(10, 200)), ebr=int(rng.integers(0, 4)))


@dataclass(frozen=True)
class Judge(Engine):
    """A made-up head."""

    @staticmethod
    def matches(span: Span) -> int:
        return int(isinstance(span.ops[0], ArgMax))

    @staticmethod
    def foldings(span: Span) -> Iterator[Folding]:
        yield Folding(1, 1)
        yield Folding(1, 2)


@dataclass(frozen=True)
class Box:
    """A made-up gearbox that goes by way of the common divisor; from more lanes it needs time between two beats."""

    inputs: tuple[Beats, ...]
    output: Beats

    @cached_property
    def timing(self) -> Timing:
        lanes = gcd(self.inputs[0].lanes, self.output.lanes)
        parts = -(-self.inputs[0].length // lanes)
        taken = np.arange(parts) // (self.inputs[0].lanes // lanes) + 1
        whole = self.output.lanes // lanes
        emits = (np.arange(1, parts + 1) % whole == 0) | (np.arange(1, parts + 1) == parts)
        return Timing((Inlet(taken),), np.ones(parts, np.int64), emits, 1)

    @property
    def cost(self) -> Resources:
        return Resources(cells=3 * (self.inputs[0].lanes + self.output.lanes))


def join(source: Beats, lanes: int) -> list[Unit]:
    return [] if source.lanes == lanes else [Box((source,), replace(source, lanes=lanes))]


def fork(beats: Beats, depths: Sequence[int]) -> Unit:
    """A made-up fork, whose cost is its places."""
    return Copies((beats,), beats, tuple(depths))


@dataclass(frozen=True)
class Copies:
    inputs: tuple[Beats, ...]
    output: Beats
    depths: tuple[int, ...]

    @property
    def timing(self) -> Timing:
        return streaming(self.output.count)

    @property
    def cost(self) -> Resources:
        return Resources(cells=self.output.width * sum(self.depths))


LIBRARY = UnitLibrary([Judge, Engine], join, fork)
NETWORK = binary_mlp(np.random.default_rng(0), [12, 6, 6, 4])
LAYERS = ("fc0", "fc1", "fc2", "argmax")


def engines(graph: Graph) -> list[list[Engine]]:
    """Every unit for every layer."""
    types = graph.types
    runs = [("x", "fc0", "act0"), ("act0", "fc1", "act1"), ("act1", "fc2"), ("fc2", "argmax")]
    by_name = {op.name: op for op in graph.ops}
    result: list[list[Engine]] = []
    for names in runs:
        ops = tuple(by_name[name] for name in names[1:])
        span = Span(ops, (types[names[0]],), tuple(types[name] for name in names[1:]))
        kind = Judge if names[1] == "argmax" else Engine
        result.append([kind(span, folding) for folding in kind.foldings(span)])
    return result


def together(unit: Unit, lanes: int) -> int:
    """Interval of a unit with the gearbox behind it, which it may have to wait for."""
    nodes = [Node(each.timing, ((k - 1, 0),)) for k, each in enumerate([unit, *join(unit.output, lanes)])]
    return schedule(nodes, unit.inputs[0].count, -(-unit.output.length // lanes)).interval


def brute_force(choices: list[list[Engine]]) -> list[tuple[int, Resources, tuple[Folding, ...]]]:
    """Interval, cost and foldings of every pipeline."""
    pairs = {(a.span.name, a.folding, n): together(a, n) for units in choices for a in units for n in range(1, 7)}
    found = []
    for units in product(*choices):
        boxes = [(a, box) for a, b in pairwise(units) for box in join(a.output, b.inputs[0].lanes)]
        parts: list[Unit] = [*units, *(box for _, box in boxes)]
        cost = Resources.total([part.cost for part in parts])
        interval = max(
            *(part.timing.interval for part in parts),
            *(pairs[a.span.name, a.folding, b.inputs[0].lanes] for a, b in pairwise(units)),
        )
        found.append((interval, cost, tuple(unit.folding for unit in units)))
    return found


ALL = brute_force(engines(NETWORK))
INTERVALS = sorted({interval for interval, _, _ in ALL})


def price(cost: Resources, ebr: int) -> int:
    return cost.cells + ebr * cost.ebr


def plan(interval: int | None = None, budget: Resources = UNBOUNDED, **pins: Folding) -> Plan:
    return search(NETWORK, "x", LIBRARY, "board", budget, interval, pins)


def foldings(plan: Plan) -> dict[str, Folding]:
    return {name: pin.folding for name, pin in plan.pins.items()}


@pytest.mark.parametrize("interval", [INTERVALS[0], INTERVALS[2], INTERVALS[len(INTERVALS) // 2], 19, 50, 10**6])
def test_the_cheapest_plan_that_reaches_an_interval(interval: int) -> None:
    found = plan(interval)
    least = min(price(cost, EBR_PRICE) for reached, cost, _ in ALL if reached <= interval)
    assert found.interval <= interval
    assert price(found.cost, EBR_PRICE) == least
    assert (found.interval, found.cost, tuple(foldings(found).values())) in ALL


def test_the_fastest_plan() -> None:
    found = plan()
    assert found.interval == INTERVALS[0]
    assert price(found.cost, EBR_PRICE) == min(price(c, EBR_PRICE) for i, c, _ in ALL if i == INTERVALS[0])


@pytest.mark.parametrize("cells", [150, 250, 400, 600])
@pytest.mark.parametrize("ebr", [0, 2, 5])
def test_the_fastest_plan_that_fits(cells: int, ebr: int) -> None:
    """It leaves 15 % of the cells free; nothing that is cheapest at some price of an EBR is faster and fits."""
    budget = Resources(cells=cells, ebr=ebr)

    def best(interval: int) -> list[Resources]:
        reaching = [cost for reached, cost, _ in ALL if reached <= interval]
        return [min(reaching, key=lambda cost: price(cost, ebr_price)) for ebr_price in (16, 64, 176, 700, 2800)]

    fitting = [interval for interval in INTERVALS if any(Goal("board", budget).fits(cost) for cost in best(interval))]
    if not fitting:
        with pytest.raises(PlanError, match=r"^the network needs"):
            plan(budget=budget)
        return
    found = plan(budget=budget)
    assert found.cost.ebr <= ebr
    assert found.cost.cells <= FILL * cells
    assert found.interval <= fitting[0]


def test_pins_are_respected() -> None:
    free = foldings(plan(60))
    for name, folding in [("fc0", Folding(2, 4)), ("fc1", Folding(6, 1)), ("argmax", Folding(1, 2))]:
        found = plan(60, **{name: folding})
        assert foldings(found)[name] == folding
        k = LAYERS.index(name)
        least = min(price(c, EBR_PRICE) for i, c, f in ALL if i <= 60 and f[k] == folding)
        assert price(found.cost, EBR_PRICE) == least
    assert foldings(plan(60, **free)) == free


def test_a_pinned_folding_need_not_be_one_that_is_offered() -> None:
    assert foldings(plan(fc0=Folding(5, 7)))["fc0"] == Folding(5, 7)


def test_a_plan_names_every_stage_and_adds_them_up() -> None:
    found = plan(fc0=Folding(1, 4), fc1=Folding(6, 2), fc2=Folding(2, 6), argmax=Folding(1, 2))
    assert [(stage.name, stage.unit, stage.ops, stage.folding) for stage in found.stages] == [
        ("fc0", "Engine", ("fc0", "act0"), Folding(1, 4)),
        ("to fc1", "Box", (), Folding(2, 1)),
        ("fc1", "Engine", ("fc1", "act1"), Folding(6, 2)),
        ("fc2", "Engine", ("fc2",), Folding(2, 6)),
        ("argmax", "Judge", ("argmax",), Folding(1, 2)),
    ]
    assert (found.board, found.start) == ("board", "x")
    assert found.interval == max(3 * 6, 6, 3 * 1, 2, 2)
    # fc0's 3 beats have come by cycle 2; its sixth result ends 18 cycles later and is offered 2 after that; the gearbox
    # takes a cycle; each unit buffers a cycle, takes its steps, and offers 2 later
    assert found.latency == (2 + 18 + 2) + 1 + (3 + 1 + 1) + (1 + 1 + 2) + (2 + 2)
    assert found.cost == Resources.total([stage.cost for stage in found.stages])


@pytest.mark.parametrize(
    ("pins", "message"),
    [
        ({"fc9": Folding()}, "the plan folds 'fc9', which is no stage of this network"),
        ({"act0": Folding()}, "the plan folds 'act0', which is no stage of this network"),
        ({"fc0": Folding(7, 1)}, "layer 'fc0' cannot be folded 7x1: pe must be 1 to 6 and simd 1 to 12"),
        ({"fc0": Folding(1, 13)}, "layer 'fc0' cannot be folded 1x13: pe must be 1 to 6 and simd 1 to 12"),
        ({"fc1": Folding(0, 1)}, "layer 'fc1' cannot be folded 0x1: pe must be 1 to 6 and simd 1 to 6"),
        ({"fc1": Folding(1, -1)}, "layer 'fc1' cannot be folded 1x-1: pe must be 1 to 6 and simd 1 to 6"),
    ],
)
def test_pins_that_cannot_be(pins: dict[str, Folding], message: str) -> None:
    with says(PlanError, message):
        plan(**pins)


@pytest.mark.parametrize("folding", [Folding(4, 3), Folding(3, 4)])
def test_lanes_stay_within_a_pixel(folding: Folding) -> None:
    pool = MaxPool("pool", ("x",), Window((2,), (2,), (0,), (0,), (1,)), np.ones(3, np.int64))
    graph = Graph((Input("x", (), TensorType((3, 4), BIPOLAR)), pool))
    with says(PlanError, f"layer 'pool' cannot be folded {folding}: pe must be 1 to 3 and simd 1 to 3"):
        search(graph, "x", unit_library(), "board", UNBOUNDED, pins={"pool": folding})


def test_gaps_at_the_ends() -> None:
    """Channels 3 by 2 leave the last lane of every second beat empty, which only streams between layers may have."""
    pool = MaxPool("pool", ("x",), Window((2,), (2,), (0,), (0,), (1,)), np.ones(3, np.int64))
    graph = Graph((Input("x", (), TensorType((3, 4), BIPOLAR)), pool))
    with says(
        PlanError,
        "the given foldings leave gaps at the ends of the pipeline: simd must divide the channels of what is streamed "
        "in, and pe those of the result, whose pixels must be 1",
    ):
        search(graph, "x", unit_library(), "board", UNBOUNDED, pins={"pool": Folding(2, 2)})


@pytest.mark.parametrize("seed", range(20))
def test_a_unit_waits_for_the_gearbox_behind_it(seed: int) -> None:
    """What gives beats in bursts takes longer than alone, though the gearbox would keep up with evenly spaced ones."""
    rng = np.random.default_rng(seed)
    cycles = rng.integers(1, 9, rng.integers(1, 6))
    given, ratio = len(cycles), int(rng.integers(2, 5))
    before = Timing((Inlet(np.arange(1, given + 1)),), cycles, np.ones(given, bool), 1)
    behind = Timing((Inlet(np.repeat(np.arange(1, given + 1), ratio)),), *np.ones((2, given * ratio), np.int64), 1)
    nodes = [Node(before, ((-1, 0),)), Node(behind, ((0, 0),))]
    assert max(waiting(before.gaps, behind.pace), behind.interval) == schedule(nodes, given, given * ratio).interval


def test_a_unit_that_takes_no_such_folding() -> None:
    message = "layer 'argmax' cannot be folded 1x2: ArgmaxScan takes no such folding; try 1x1"
    with says(PlanError, message):
        search(NETWORK, "x", unit_library(), "board", UNBOUNDED, pins={"argmax": Folding(1, 2)})


@pytest.mark.parametrize(
    ("interval", "pins", "remedy"),
    [
        (None, {}, "train a smaller network"),
        (90, {}, "allow more cycles with --interval, or train a smaller network"),
        (None, {"fc0": Folding(2, 2)}, "fold the plan's layers more, or train a smaller network"),
        (
            90,
            {"fc0": Folding(2, 2)},
            "allow more cycles with --interval, or fold the plan's layers more, or train a smaller network",
        ),
    ],
)
def test_a_network_that_does_not_fit(interval: int | None, pins: dict[str, Folding], remedy: str) -> None:
    """What it needs, what there is, what to change."""
    allowed = [(i, cost) for i, cost, f in ALL if f[0] == pins.get("fc0", f[0])]
    limit = interval or max(i for i, _ in allowed)
    allowed = [cost for i, cost in allowed if i <= limit]
    need = min(allowed, key=lambda cost: price(cost, EBR_PRICE))
    message = (
        f"the network needs {need.ebr} EBR, {need.cells} logic cells and {need.lut4} LUT4 for an interval of at most "
        f"{limit} cycles, but board has 0 EBR and 8 logic cells to fill; {remedy}"
    )
    with says(PlanError, message):
        plan(interval, Resources(cells=10), **pins)


def test_what_a_network_needs_is_told_with_its_forks_and_fifos() -> None:
    """The layers alone would fit."""
    graph = branched(np.random.default_rng(0), ("residual",), count=1)
    whole = search(graph, "x", unit_library(), "board", UNBOUNDED, even=False)
    layers = Resources.total([stage.cost for stage in whole.stages if stage.ops])
    budget = Resources(cells=int(whole.cost.cells / FILL), ebr=whole.cost.ebr)
    assert layers.cells < int(FILL * budget.cells) < whole.cost.cells
    message = (
        f"the network needs {whole.cost.ebr} EBR, {whole.cost.cells} logic cells and {whole.cost.lut4} LUT4 for an "
        f"interval of at most {whole.interval} cycles, but board has {budget.ebr} EBR and {int(FILL * budget.cells)} "
        "logic cells to fill; allow more cycles with --interval, or train a smaller network"
    )
    with says(PlanError, message):
        search(graph, "x", unit_library(), "board", budget, whole.interval)


@pytest.mark.parametrize("interval", [60, 70])
def test_an_interval_that_only_faster_units_reach(interval: int) -> None:
    """The cheapest units before the branches leave a join none; those of a tighter bound do not."""
    rng = np.random.default_rng(90)
    graph = branched(rng, count=int(rng.integers(1, 4)), head=bool(rng.random() < 0.5))
    plan = search(graph, graph.input.name, unit_library(), "test", Resources(*[10**9] * 7), interval)
    assert plan.interval <= interval


def test_an_interval_that_no_folding_reaches() -> None:
    with says(
        PlanError, f"no folding reaches an interval of {INTERVALS[0] - 1} cycles; ask for {INTERVALS[0]} or more"
    ):
        plan(INTERVALS[0] - 1)
    # a gearbox may be what is too slow
    pins = {"fc0": Folding(6, 6), "fc1": Folding(6, 4), "fc2": Folding(2, 6), "argmax": Folding(1, 2)}
    with says(PlanError, "no folding reaches an interval of 2 cycles; ask for 3 or more"):
        plan(2, **pins)
    assert plan(3, **pins).interval == 3


def test_an_op_without_a_unit() -> None:
    graph = Graph((Input("x", (), TensorType((4,), Domain(0, 3))), Dense("fc", ("x",), np.ones((3, 4), np.int64))))
    with says(PlanError, "layer 'fc' (Dense on [0, 3]) has no hardware unit; units are: Judge"):
        search(graph, "x", UnitLibrary([Judge], join, fork), "board", UNBOUNDED)


def test_a_result_that_nothing_reads() -> None:
    ops: tuple[Op, ...] = (
        Input("x", (), TensorType((4,), BIPOLAR)),
        Dense("left", ("x",), np.ones((3, 4), np.int64)),
        Dense("right", ("x",), np.ones((3, 4), np.int64)),
    )
    with says(PlanError, "layer 'left' gives a result that nothing reads; remove it from the model"):
        search(Graph(ops), "x", LIBRARY, "board", UNBOUNDED)


BOARD = Resources(cells=5280, ebr=30)
DIGITS = binary_mlp(np.random.default_rng(0), [192, 128, 10])


@pytest.mark.parametrize("interval", [100, 400, 2000, None])
def test_real_units_meet_interval_and_budget(interval: int | None) -> None:
    found = search(DIGITS, "x", unit_library(), "icebreaker", BOARD, interval)
    assert interval is None or found.interval <= interval
    assert Goal("icebreaker", BOARD).fits(found.cost)
    assert list(found.pins) == ["fc0", "fc1", "argmax"]


def test_more_cycles_cost_less() -> None:
    plans = [
        search(DIGITS, "x", unit_library(), "icebreaker", UNBOUNDED, interval) for interval in (50, 200, 1000, 5000)
    ]
    prices = [price(found.cost, EBR_PRICE) for found in plans]
    assert prices == sorted(prices, reverse=True)
    assert prices[0] > 2 * prices[-1]


def test_units_are_pinned_too() -> None:
    with says(PlanError, "layer 'fc0' cannot be computed by Judge but by Engine; change the plan's unit"):
        search(NETWORK, "x", LIBRARY, "board", UNBOUNDED, units={"fc0": "Judge"})


def test_no_more_lut_than_allowed() -> None:
    free = search(DIGITS, "x", unit_library(), "icebreaker", BOARD)
    few = search(DIGITS, "x", unit_library(), "icebreaker", BOARD, max_lut=300)
    assert few.cost.lut4 <= 300 < free.cost.lut4
    assert few.interval > free.interval
    with pytest.raises(PlanError, match=r"and 50 LUT4 are allowed; allow more with --max-lut, or train a smaller"):
        search(DIGITS, "x", unit_library(), "icebreaker", BOARD, max_lut=50)
