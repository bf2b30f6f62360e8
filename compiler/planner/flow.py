"""The flow of beats through a pipeline: when each one moves, computed from the units' timings.

Units and streams are a Kahn network, so the times do not depend on the order in which they are computed: each part of a
unit is a generator below, which waits where it needs a time that is not known yet.
"""

from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from itertools import count

from icepop.compiler.planner.timing import Inlet, Timing


@dataclass(frozen=True)
class Node:
    """A unit in the network.

    Parameters
    ----------
    timing : Timing
        How it moves beats; of a fork only the latency counts, from a beat's transfer in to its being offered.
    sources : tuple of (int, int)
        For each input the node that feeds it, and which of that node's outputs; node -1 is the network's input.
    depths : tuple of int
        Of a fork: beats that the FIFO of each output holds. Empty for any other unit.
    """

    timing: Timing
    sources: tuple[tuple[int, int], ...]
    depths: tuple[int, ...] = ()


class Times(list[int]):
    """Cycles of an event, one for each beat, and the processes that wait for the next one."""

    def __init__(self, ready: "deque[Process]"):
        super().__init__()
        self.ready = ready
        self.waiting: list[Process] = []

    def tell(self, cycle: int) -> None:
        """Add a time, and wake who waits for it."""
        self.append(cycle)
        self.ready.extend(self.waiting)
        self.waiting.clear()


Process = Generator[Times, None, None]


@dataclass(frozen=True)
class Wire:
    """A stream: the cycle from which each beat is offered, and the cycle in which it is transferred."""

    offered: Times
    taken: Times


@dataclass
class Pipeline:
    """The advances of a unit, which are its own time: an advance happens in every cycle but those in which it freezes.

    Parameters
    ----------
    latency : int
        Advances from a step's last cycle to its beat being offered.
    out : Wire
        The unit's output.
    emissions : Times
        Advance in which the step of each beat ended.
    frozen, passed : int
        Cycles in which it froze before the advance last asked for, and beats that had left by then.
    """

    latency: int
    out: Wire
    emissions: Times
    frozen: int = 0
    passed: int = 0

    def knows(self, advance: int) -> bool:
        """Whether all beats that were offered before an advance went; advances are asked for in ascending order."""
        emissions, taken = self.emissions, self.out.taken
        while self.passed < len(emissions) and emissions[self.passed] + self.latency <= advance:
            if len(taken) <= self.passed:
                return False
            self.frozen += taken[self.passed] - self.out.offered[self.passed]
            self.passed += 1
        return True

    def cycle(self, advance: int) -> int:
        """Cycle of the advance that was asked for last, and is known."""
        return advance + self.frozen

    def later(self, cycle: int) -> int:
        """Advance that happens in a cycle, or the first one that is not known, if that is earlier."""
        advance = cycle - self.frozen
        pending = self.passed < len(self.emissions)
        return min(advance, self.emissions[self.passed] + self.latency) if pending else advance


@dataclass(frozen=True)
class Flow:
    """Every time of a network that was followed.

    Parameters
    ----------
    wires : dict of (int, int) to Wire
        Each output of each node, by the node's number and the output's; of node -1 the network's input.
    result : Wire
        The network's output.
    """

    wires: dict[tuple[int, int], Wire]
    result: Wire

    @property
    def feed(self) -> Wire:
        """The network's input."""
        return self.wires[-1, 0]


def follow(nodes: Sequence[Node], inputs: int, outputs: int) -> Flow:
    """Follow the beats through a network until it gave as many as are asked for, or stands still.

    Parameters
    ----------
    nodes : sequence of Node
        In topological order; the last one gives the result.
    inputs, outputs : int
        Beats that are offered, all from cycle 0 on, and beats that are waited for.
    """
    ready: deque[Process] = deque()

    def wire() -> Wire:
        return Wire(Times(ready), Times(ready))

    feed = wire()
    for _ in range(inputs):
        feed.offered.tell(0)
    wires = {(-1, 0): feed}
    for index, node in enumerate(nodes):
        ins = [wires[source] for source in node.sources]
        # of a unit without a cycle of its own the output is the input
        outs = [wire() for _ in node.depths or (None,)] if node.timing.latency else ins
        if node.depths:
            ready.append(fork(node.timing.latency, ins[0], outs, node.depths))
        elif node.timing.latency:
            ready.extend(unit(node.timing, ins, Pipeline(node.timing.latency, outs[0], Times(ready))))
        wires |= {(index, port): out for port, out in enumerate(outs)}
    result = wires[len(nodes) - 1, 0]
    ready.append(sink(result))
    while ready and len(result.taken) < outputs:
        process = ready.popleft()
        next(process).waiting.append(process)
    return Flow(wires, result)


def sink(wire: Wire) -> Process:
    """Take every beat when it is offered, one a cycle: all of the network's input is offered at once."""
    for beat in count():
        while len(wire.offered) <= beat:
            yield wire.offered
        wire.taken.tell(max(wire.offered[beat], wire.taken[-1] + 1 if beat else 0))


def fork(latency: int, source: Wire, outs: Sequence[Wire], depths: Sequence[int]) -> Process:
    """Take a beat when every FIFO has a place, and offer it at each."""
    for beat in count():
        while len(source.offered) <= beat:
            yield source.offered
        cycle = max(source.offered[beat], source.taken[-1] + 1 if beat else 0)
        for out, depth in zip(outs, depths, strict=True):
            if beat >= depth:
                while len(out.taken) <= beat - depth:
                    yield out.taken
                cycle = max(cycle, out.taken[beat - depth] + 1)
        source.taken.tell(cycle)
        for out in outs:
            out.offered.tell(cycle + latency)


def unit(timing: Timing, streams: Sequence[Wire], pipeline: Pipeline) -> list[Process]:
    """Processes of a unit: its steps, its output, and each of its buffers."""
    freed = [Times(pipeline.emissions.ready) for _ in streams]
    buffers = [
        buffer(inlet, stream, places)
        for inlet, stream, places in zip(timing.inlets, streams, freed, strict=True)
        if inlet.capacity
    ]
    return [steps(timing, streams, pipeline, freed), output(pipeline), *buffers]


def buffer(inlet: Inlet, stream: Wire, freed: Times) -> Process:
    """Take beats while there is a place; ``freed`` holds the cycle after which each beat's place is free."""
    for beat in count():
        while len(stream.offered) <= beat:
            yield stream.offered
        cycle = max(stream.offered[beat], stream.taken[-1] + 1 if beat else 0)
        if beat >= inlet.capacity:
            while len(freed) <= beat - inlet.capacity:
                yield freed
            cycle = max(cycle, freed[beat - inlet.capacity] + 1)
        stream.taken.tell(cycle)


def output(pipeline: Pipeline) -> Process:
    """Offer the beat of each step that gives one; the cycles it waits are lost to all that follow."""
    out, lost = pipeline.out, 0
    for beat in count():
        while len(pipeline.emissions) <= beat:
            yield pipeline.emissions
        offered = pipeline.emissions[beat] + pipeline.latency + lost
        out.offered.tell(offered)
        while len(out.taken) <= beat:
            yield out.taken
        lost += out.taken[beat] - offered


def steps(timing: Timing, streams: Sequence[Wire], pipeline: Pipeline, freed: Sequence[Times]) -> Process:
    """Do step after step, each when its inputs are there."""
    inputs, passing, leaving = [], [], []
    for inlet, stream, places in zip(timing.inlets, streams, freed, strict=True):
        if inlet.capacity:
            inputs.append((inlet.arrivals, inlet.count, stream.taken, inlet.delay))
        else:
            inputs.append((inlet.arrivals, inlet.count, stream.offered, 0))
            passing.append((inlet.arrivals, stream.taken))
        if inlet.frees is not None:
            leaving.append((inlet.leaves, places))
    program = list(zip(timing.cycles.tolist(), timing.emits.tolist(), strict=True))
    advance = -1
    for sample in count():
        for step, (cycles, emits) in enumerate(program):
            advance += 1
            for arrivals, beats, times, delay in inputs:
                if arrivals[step] < 0:
                    continue
                beat = sample * beats + arrivals[step]
                while len(times) <= beat:
                    yield times
                cycle = times[beat] + delay
                while not (known := pipeline.knows(advance)) or pipeline.cycle(advance) < cycle:
                    if known:
                        advance = pipeline.later(cycle)
                    else:
                        yield pipeline.out.taken
            for arrivals, times in passing:
                if arrivals[step] >= 0:
                    times.tell(pipeline.cycle(advance))
            advance += cycles - 1
            if emits:
                pipeline.emissions.tell(advance)
            for leaves, places in leaving:
                if leaves[step]:
                    while not pipeline.knows(advance):
                        yield pipeline.out.taken
                    for _ in range(leaves[step]):
                        places.tell(pipeline.cycle(advance))
