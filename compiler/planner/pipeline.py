# amaranth: UnusedElaboratable=no
"""From chosen units to a plan: forks, the depths of their FIFOs, names, and the exact schedule of the whole."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from icepop.compiler.planner.flow import Node
from icepop.compiler.planner.layers import Layer, Unit, UnitLibrary
from icepop.compiler.planner.pacing import paced
from icepop.compiler.planner.plan import Feed, Folding, Plan, Resources, SharedMemory, Stage
from icepop.compiler.planner.schedule import Schedule, Standstill, schedule
from icepop.compiler.types import Beats

PACED = 6
"""Samples that are followed for the depths of FIFOs."""

LATENCY = 2
"""Cycles from a beat's way into a FIFO until it is offered behind it; it holds as many more."""

READY_UNITS = 3
"""Units through which a ready may run in one cycle at a moderate clock."""

MODERATE_HZ = 44e6
"""Clock that such runs are fast enough for on UP5K; above it each ready is a register's."""

QUEUE = LATENCY + 1
"""Beats of the shallowest FIFO that passes a beat a cycle."""

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
    even : bool
        Whether stages get FIFOs too where beats come in bursts that hold up what is before.
    """

    library: UnitLibrary
    ready_units: int = READY_UNITS
    even: bool = True

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
                name = self.stages[narrowest].name
                gap, _ = self.units[narrowest].timing.gaps[0]
                depth = max(1, -(-QUEUE // gap))  # of beats that are far apart fewer wait at once
                self.queue(Feed(name), self.stages[readers[Feed(name)]].name, depth)
                return True
        return False

    def queue(self, feed: Feed, reader: str, depth: int = QUEUE) -> None:
        """FIFO between two stages, named after the first: a join has several stages before it."""
        source, index = self.index(feed.stage), self.index(reader)
        stage, beats = self.stages[index], self.units[source].output
        name = f"queue behind {feed.stage}"
        unit, lanes = self.library.fork(beats, (depth,)), Folding(beats.lanes, beats.lanes)
        feeds = tuple(Feed(name) if old == feed else old for old in stage.feeds)
        self.stages[index] = replace(stage, feeds=feeds)
        kind = type(unit).__name__
        made = Stage(name, kind, (), lanes, unit.timing.interval, unit.cost, (feed,), (depth,))
        self.stages.insert(index, made)
        self.units.insert(index, unit)

    def hold(self, index: int, port: int, depth: int) -> None:
        """Let an output of a fork hold so many beats."""
        stage = self.stages[index]
        depths = tuple(depth if k == port else old for k, old in enumerate(stage.depths))
        unit = self.library.fork(self.units[index].inputs[0], depths)
        self.units[index], self.stages[index] = unit, replace(stage, depths=depths, cost=unit.cost)

    def index(self, name: str) -> int:
        """Number of a stage."""
        return next(k for k, stage in enumerate(self.stages) if stage.name == name)

    @property
    def cost(self) -> Resources:
        """Sum over the stages, and the memory that some share."""
        parts = [stage.cost for stage in self.stages]
        return Resources.total(parts if self.shared is None else [*parts, self.shared.cost])

    @property
    def shared(self) -> SharedMemory | None:
        """Constants of the stages that have a spacing."""
        readers = {
            stage.name: unit for stage, unit in zip(self.stages, self.units, strict=True) if stage.folding.spacing
        }
        cost = self.library.share(list(readers.values())) if readers and self.library.share is not None else None
        return None if cost is None else SharedMemory(tuple(readers), cost)

    def plan(self, start: str, board: str, samples: int, fits: Callable[[Resources], bool]) -> Plan | None:
        """The plan, with its exact interval and latency; FIFOs that are too shallow after all are made deeper.

        None where it does not fit.
        """
        while fits(self.cost):
            try:
                found = self.run(samples)
                plan = Plan(board, start, tuple(self.stages), found.interval, found.latency, found.first_intervals)
                return replace(plan, ready_units=self.ready_units, even=self.even, shared=self.shared)
            except Standstill:
                forks = [k for k, stage in enumerate(self.stages) if len(stage.depths) > 1]
                if all(min(self.stages[k].depths) > SAMPLES_HELD * self.units[k].inputs[0].count for k in forks):
                    raise
                for k in forks:
                    for port, depth in enumerate(self.stages[k].depths):
                        self.hold(k, port, 2 * depth)
        return None

    @property
    def nodes(self) -> list[Node]:
        """Network for the schedule."""
        index = {stage.name: k for k, stage in enumerate(self.stages)}
        return [
            Node(unit.timing, tuple((index[f.stage] if f.stage else -1, f.port) for f in stage.feeds), stage.depths)
            for stage, unit in zip(self.stages, self.units, strict=True)
        ]

    def run(self, samples: int) -> Schedule:
        """Schedule of so many samples."""
        return schedule(self.nodes, self.units[0].inputs[0].count, self.units[-1].output.count, samples)


def ready_units(clock_hz: float | None) -> int:
    """Units through which a ready may run in one cycle of a clock; a moderate one where none is given."""
    return READY_UNITS if clock_hz is None or clock_hz <= MODERATE_HZ else 1


def compose(placed: Sequence[Placed], library: UnitLibrary, even: bool = True, ready_units: int = READY_UNITS) -> Draft:
    """Stages for a choice of units, with forks and the depths of all FIFOs, but without a schedule.

    Parameters
    ----------
    placed : sequence of Placed
        In graph order.
    library : UnitLibrary
        Makes the forks.
    even : bool
        Whether stages get FIFOs too where beats come in bursts that hold up what is before.
    ready_units : int
        Units through which a ready may run in one cycle.
    """
    draft = Draft(library, ready_units, even)
    readers: dict[str, int] = {}
    for each in placed:
        for source in each.layer.sources:
            readers[source] = readers.get(source, 0) + 1
    start = placed[0].layer.sources[0]
    draft.give(start, Feed(), placed[0].unit.inputs[0], readers[start])
    for each in placed:
        feed = draft.place(each)
        draft.give(each.layer.result, feed, each.unit.output, readers.get(each.layer.result, 0))
    while draft.ease():
        pass
    deepen(draft)
    return draft


def unbuffered(unit: Unit) -> bool:
    """Whether some input of a unit is only ready when its output is."""
    return any(inlet.capacity == 0 for inlet in unit.timing.inlets)


def deepen(draft: Draft) -> None:
    """Give every FIFO the depth with which no stage waits for its reader, and stages new ones that need them.

    In a draft that is not ``even``, only before joins, which would stand still.
    """
    index = {stage.name: k for k, stage in enumerate(draft.stages)}
    interval = max(stage.interval for stage in draft.stages)
    holds = paced(draft.nodes, draft.units[0].inputs[0].count, interval, PACED)
    spare: list[int] = []
    bursts = []
    for k, (stage, unit) in enumerate(zip(draft.stages, draft.units, strict=True)):
        free = interval - stage.interval
        for feed, held, inlet in zip(stage.feeds, holds[k], unit.timing.inlets, strict=True):
            source = index.get(feed.stage)
            if source is None:
                continue
            if depths := draft.stages[source].depths:
                depth = max(QUEUE, held.beats + LATENCY if held.wait else 0)
                if draft.even or len(depths) > 1 or len(stage.feeds) > 1:
                    draft.hold(source, feed.port, max(depths[feed.port], depth))
            elif held.wait > (0 if len(stage.feeds) > 1 else spare[source] if draft.even else interval):
                bursts.append((stage.name, feed, held.beats + LATENCY))
            if inlet.capacity == 0 and not draft.stages[source].depths:
                free = min(free, spare[source])
        spare.append(free)
    for name, feed, depth in bursts:
        draft.queue(feed, name, depth)
