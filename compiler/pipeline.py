# amaranth: UnusedElaboratable=no
"""From chosen units to a plan: forks, the depths of their FIFOs, names, and the exact schedule of the whole."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from icepop.compiler.flow import Node
from icepop.compiler.layers import Layer, Unit, UnitLibrary
from icepop.compiler.plan import Feed, Folding, Plan, Stage
from icepop.compiler.schedule import Schedule, Standstill, schedule
from icepop.compiler.types import Beats

ONE_SAMPLE = 1

READY_UNITS = 3
"""Units through which a ready may run in one cycle at a moderate clock."""

MODERATE_HZ = 44e6
"""Clock that such runs are fast enough for on UP5K; above it each ready is a register's."""

QUEUE = 3
"""Beats of a FIFO that ends such a run: as few as pass a beat a cycle. It passes one in as many cycles alone."""

SAMPLES_HELD = 2
"""Samples that a FIFO may hold before it is no longer what a pipeline stands still for."""


@dataclass(frozen=True)
class Placed:
    """A layer's unit, and what brings its inputs to it.

    Parameters
    ----------
    layer : Layer
        What it computes.
    unit : Unit
        The unit.
    gearboxes : tuple of tuple of Unit
        For each input, units that change its lanes, first to last.
    """

    layer: Layer
    unit: Unit
    gearboxes: tuple[tuple[Unit, ...], ...]


@dataclass
class Draft:
    """Stages and their units while they are put together.

    Parameters
    ----------
    library : UnitLibrary
        Makes the forks.
    ready_units : int
        Units through which a ready may run in one cycle.
    """

    library: UnitLibrary
    ready_units: int = READY_UNITS

    def __post_init__(self) -> None:
        self.stages: list[Stage] = []
        self.units: list[Unit] = []
        self.branches: dict[str, list[Feed]] = {}

    def add(self, name: str, unit: Unit, feeds: Sequence[Feed], folding: Folding, ops: tuple[str, ...] = ()) -> Feed:
        """Append a stage; returns its output."""
        kind = type(unit).__name__
        self.stages.append(Stage(name, kind, ops, folding, unit.timing.interval, unit.cost, tuple(feeds)))
        self.units.append(unit)
        return Feed(name)

    def give(self, op: str, feed: Feed, beats: Beats, readers: int) -> None:
        """Let so many stages read the result of an op, through a fork if they are several."""
        if readers <= 1:
            self.branches[op] = [feed]
            return
        name = f"fork {op}"
        unit = self.library.fork(beats, (1,) * readers)
        self.add(name, unit, [feed], Folding(beats.lanes, beats.lanes))
        self.stages[-1] = replace(self.stages[-1], depths=(1,) * readers)
        self.branches[op] = [Feed(name, port) for port in range(readers)]

    def place(self, placed: Placed) -> Feed:
        """Append a layer behind its gearboxes."""
        name, feeds = placed.layer.span.name, []
        for k, (source, boxes) in enumerate(zip(placed.layer.sources, placed.gearboxes, strict=True)):
            feed = self.branches[source].pop(0)
            which = f" input {k}" if len(placed.gearboxes) > 1 else ""
            for number, box in enumerate(boxes):
                again = " again" if number else ""
                folding = Folding(box.output.lanes, box.inputs[0].lanes)
                feed = self.add(f"to {name}{which}{again}", box, [feed], folding)
            feeds.append(feed)
        folding = getattr(placed.unit, "folding", Folding())
        return self.add(name, placed.unit, feeds, folding, tuple(op.name for op in placed.layer.span.ops))

    def ease(self) -> bool:
        """Put a FIFO into a run of more than `ready_units` whose readys follow each other; False if there is none.

        A unit without a buffer is ready when its reader is: the cycle has to be long enough for all of the run. The
        FIFO goes where the stream is narrowest.
        """
        readers = {feed: k for k, stage in enumerate(self.stages) for feed in stage.feeds}
        runs: dict[int, list[int]] = {}
        for k in reversed(range(len(self.stages))):
            following = readers.get(Feed(self.stages[k].name))
            passes = following is not None and unbuffered(self.units[following])
            runs[k] = [k, *(runs[following] if following is not None and passes else [])]
            if self.stages[k].depths:
                runs[k] = []
            elif len(runs[k]) > self.ready_units:
                narrowest = min(runs[k][:-1], key=lambda each: self.units[each].output.width)
                self._queue(narrowest, readers[Feed(self.stages[narrowest].name)])
                return True
        return False

    def _queue(self, source: int, reader: int) -> None:
        """FIFO between two stages, named after the first: a join has several stages before it."""
        stage, beats = self.stages[reader], self.units[source].output
        name, old = f"queue behind {self.stages[source].name}", Feed(self.stages[source].name)
        gap, _ = self.units[source].timing.gaps[0]
        depth = max(1, -(-QUEUE // gap))
        unit, lanes = self.library.fork(beats, (depth,)), Folding(beats.lanes, beats.lanes)
        feeds = tuple(Feed(name) if feed == old else feed for feed in stage.feeds)
        self.stages[reader] = replace(stage, feeds=feeds)
        kind = type(unit).__name__
        made = Stage(name, kind, (), lanes, unit.timing.interval, unit.cost, (old,), (depth,))
        self.stages.insert(reader, made)
        self.units.insert(reader, unit)

    def nodes(self, depths: Sequence[tuple[int | None, ...]]) -> list[Node]:
        """Network for the schedule, with these FIFOs."""
        index = {stage.name: k for k, stage in enumerate(self.stages)}
        return [
            Node(unit.timing, tuple((index[f.stage] if f.stage else -1, f.port) for f in stage.feeds), depth)
            for stage, unit, depth in zip(self.stages, self.units, depths, strict=True)
        ]

    def run(self, depths: Sequence[tuple[int | None, ...]], samples: int) -> Schedule:
        """Schedule with these FIFOs."""
        return schedule(self.nodes(depths), self.units[0].inputs[0].count, self.units[-1].output.count, samples)


def ready_units(clock_hz: float | None) -> int:
    """Units through which a ready may run in one cycle of a clock; a moderate one where none is given."""
    return READY_UNITS if clock_hz is None or clock_hz <= MODERATE_HZ else 1


def assemble(
    placed: Sequence[Placed], start: str, board: str, library: UnitLibrary, samples: int, ready_units: int = READY_UNITS
) -> Plan:
    """Plan of a choice of units: every stage, every FIFO, and its exact interval and latency.

    Parameters
    ----------
    placed : sequence of Placed
        In graph order.
    start, board : str
        For the plan.
    library : UnitLibrary
        Makes the forks.
    samples : int
        How many samples the schedule follows.
    ready_units : int
        Units through which a ready may run in one cycle.
    """
    draft = Draft(library, ready_units)
    readers: dict[str, int] = {}
    for each in placed:
        for source in each.layer.sources:
            readers[source] = readers.get(source, 0) + 1
    draft.give(start, Feed(), placed[0].unit.inputs[0], readers[start])
    for each in placed:
        feed = draft.place(each)
        draft.give(each.layer.result, feed, each.unit.output, readers.get(each.layer.result, 0))
    while draft.ease():
        pass
    forked = any(len(stage.depths) > 1 for stage in draft.stages)
    result = deepened(draft, samples) if forked else draft.run(depths_of(draft), samples)
    return Plan(board, start, tuple(draft.stages), result.interval, result.latency, ready_units=ready_units)


def unbuffered(unit: Unit) -> bool:
    """Whether some input of a unit is only ready when its output is."""
    return any(inlet.capacity == 0 for inlet in unit.timing.inlets)


def depths_of(draft: Draft) -> list[tuple[int | None, ...]]:
    """FIFOs as the stages say."""
    return [stage.depths for stage in draft.stages]


def deepened(draft: Draft, samples: int) -> Schedule:
    """Give every FIFO the depth that the schedule needs; returns the schedule with them.

    Of the branches of a fork, the one that reaches their join last sets the pace, and needs no more than a place for
    each cycle that a beat takes through its FIFO, but where the join takes much of another branch first. The others
    hold what comes until then.
    """
    endless = [tuple(None for _ in stage.depths) for stage in draft.stages]
    first = draft.run(endless, ONE_SAMPLE)
    forks = [index for index, stage in enumerate(draft.stages) if len(stage.depths) > 1]
    last = {index: slowest(draft, index, first) for index in forks}
    shallow = {index: draft.units[index].timing.latency + 1 for index in last}
    needed = flowing(draft, last, shallow, samples).depths
    for index in forks:
        stage, unit = draft.stages[index], draft.units[index]
        depths = tuple(max(shallow[index], depth) for depth in needed[index])
        fork = draft.library.fork(unit.inputs[0], depths)
        draft.units[index] = fork
        draft.stages[index] = replace(stage, depths=depths, cost=fork.cost)
    return draft.run(depths_of(draft), samples)


def flowing(draft: Draft, last: Mapping[int, int], shallow: Mapping[int, int], samples: int) -> Schedule:
    """Schedule in which of each fork the output that reaches its join last has a shallow FIFO, the others no limit.

    Where that stands still, these FIFOs are made larger, until it does not; then each is shallow again if it can be.

    Parameters
    ----------
    draft : Draft
        The stages.
    last, shallow : mapping of int to int
        Of every fork, by the index of its stage, that output, and the depth.
    samples : int
        How many are followed.
    """

    def run(depths: Mapping[int, int]) -> Schedule:
        limited: list[tuple[int | None, ...]] = [
            stage.depths if len(stage.depths) < 2 else (None,) * len(stage.depths) for stage in draft.stages
        ]
        for index, depth in depths.items():
            limited[index] = tuple(depth if port == last[index] else None for port in range(len(limited[index])))
        return draft.run(limited, samples)

    depths, found = dict(shallow), None
    while found is None:
        try:
            found = run(depths)
        except Standstill:
            if all(depth > SAMPLES_HELD * draft.units[index].inputs[0].count for index, depth in depths.items()):
                raise
            depths = {index: 2 * depth for index, depth in depths.items()}
    for index in last:
        if depths[index] > shallow[index]:
            with suppress(Standstill):
                found = run(depths | {index: shallow[index]})
                depths[index] = shallow[index]
    return found


def slowest(draft: Draft, index: int, first: Schedule) -> int:
    """Output of a fork whose way to the next join is the one on which the first beat arrives last."""
    arrivals = []
    for port in range(len(draft.stages[index].depths)):
        feed = Feed(draft.stages[index].name, port)
        while True:
            reader = next(k for k, stage in enumerate(draft.stages) if feed in stage.feeds)
            if len(draft.stages[reader].feeds) > 1:
                break
            feed = Feed(draft.stages[reader].name)
        arrivals.append(first.arrivals[reader][draft.stages[reader].feeds.index(feed)])
    return arrivals.index(max(arrivals))
