"""The sources of whole vectors against a repetition in numpy, and their cycles against the schedule of their inlets."""

from collections.abc import Callable

import numpy as np
import pytest
from amaranth import EnableInserter, Module, Mux, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped
from amaranth.sim import Simulator, SimulatorContext
from costs import check_cost

from icepop.compiler.planner.flow import Node
from icepop.compiler.planner.schedule import schedule
from icepop.compiler.planner.timing import Inlet, Timing
from icepop.compiler.types import Beats, Domain
from icepop.hdl.sources.direct import Direct
from icepop.hdl.sources.held import Held
from icepop.hdl.sources.ping_pong import PingPong
from icepop.hdl.sources.registers import Registers
from icepop.hdl.sources.vector import VectorSource
from icepop.sim.backends import amaranth
from icepop.sim.bench import Stall, Stimulus, silent


class Reader(wiring.Component):
    """Takes a source's beats as a unit's core does, and gives each."""

    def __init__(self, source: VectorSource):
        self.source = source
        signature = stream.Signature(unsigned(source.beats.width))
        super().__init__({"i": In(signature), "o": Out(signature)})

    @property
    def timing(self) -> Timing:
        """A step for each beat: the first of a source's step needs what that needs, the last frees it."""
        inlet, cycles = self.source.inlet, self.source.cycles
        needs, frees = np.repeat(inlet.needs, cycles), None
        if inlet.frees is not None:
            frees = np.repeat(np.concatenate([[0], inlet.frees[:-1]]), cycles)
            frees[np.cumsum(cycles) - 1] = inlet.frees
        beats = np.ones(len(needs), np.int64)
        return Timing((Inlet(needs, inlet.capacity, frees, inlet.delay),), beats, beats > 0, 1)

    def elaborate(self, platform: object) -> Module:
        m, core = Module(), Module()
        m.submodules.source = source = self.source
        connect(m, flipped(self.i), source.i)
        beat, reading = Signal(range(source.depth)), Signal(range(source.repeats))
        ends, last = beat == source.depth - 1, reading == source.repeats - 1
        advance = Signal()
        m.d.comb += [
            advance.eq(~self.o.valid | self.o.ready),
            source.take.eq(source.valid & advance),
            source.beat.eq(beat),
            source.last.eq(ends & last),
            self.o.payload.eq(source.data),
        ]
        with m.If(source.take):
            m.d.sync += beat.eq(Mux(ends, 0, beat + 1))
            with m.If(ends):
                m.d.sync += reading.eq(Mux(last, 0, reading + 1))
        core.d.sync += self.o.valid.eq(source.valid)
        m.submodules.core = EnableInserter(advance)(core)
        return m


def beats(depth: int, vectors: int) -> Beats:
    """So many vectors a sample, of so many beats of two lanes."""
    return Beats(Domain(0, 7), 2 * depth * vectors, 2, vectors)


SOURCES: dict[str, Callable[[], VectorSource]] = {
    "direct": lambda: Direct(beats(5, 2)),
    "held": lambda: Held(beats(1, 3), 4),
    "held, read twice": lambda: Held(beats(1, 1), 2),
    "ping-pong": lambda: PingPong(beats(5, 1), 5, 3),
    "ping-pong, read twice": lambda: PingPong(beats(4, 3), 4, 2),
    "ping-pong of two": lambda: PingPong(beats(2, 2), 2, 5),
    "registers": lambda: Registers(beats(5, 1), 5, 3),
    "registers, read twice": lambda: Registers(beats(4, 3), 4, 2),
    "registers of two": lambda: Registers(beats(2, 2), 2, 5),
}

STALLS = (
    (Stall(), Stall()),
    (Stall("random", seed=1), Stall("bursts", 0.2, seed=2)),
    (Stall("bursts", length=40, seed=3), Stall()),
    (Stall(), Stall("bursts", length=40, seed=4)),
)


@pytest.mark.parametrize("name", SOURCES)
def test_beats_and_cycles(name: str) -> None:
    samples = 5
    reader = Reader(SOURCES[name]())
    source = reader.source
    layout = source.beats
    payloads = tuple(layout.pack(np.random.default_rng(1).integers(0, 8, (samples, layout.length))))
    vectors = np.array(payloads).reshape(-1, source.depth)
    golden = np.repeat(vectors, source.repeats, axis=0).reshape(-1).tolist()
    stimuli = [Stimulus(payloads, len(golden), offer, accept) for offer, accept in STALLS]
    runs = amaranth.run(reader, stimuli, silent)
    for run in runs:
        assert run.records["o"].payloads == golden
    count = len(golden) // samples
    plan = schedule([Node(reader.timing, ((-1, 0),))], layout.count, count, samples)
    seen = runs[0].records
    ends = seen["o"].cycles[count - 1 :: count]
    intervals = np.diff(ends)
    assert ends[0] - seen["i"].cycles[0] == plan.latency
    assert intervals[len(intervals) // 2 :].max() == plan.interval


@pytest.mark.parametrize(("name", "taken"), [("direct", 1), ("held", 1), ("ping-pong", 10), ("registers", 10)])
def test_a_reader_that_stands_still_lets_the_buffer_run_full(name: str, taken: int) -> None:
    reader = Reader(SOURCES[name]())
    inlet = reader.timing.inlets[0]
    freed = 0 if inlet.frees is None else int(inlet.frees[0])
    assert taken == max(1, inlet.capacity + freed)
    count = 0

    async def bench(ctx: SimulatorContext) -> None:
        nonlocal count
        ctx.set(reader.i.valid, 1)
        for _ in range(60):
            _, _, ready = await ctx.tick().sample(reader.i.ready)
            count += ready

    simulator = Simulator(reader)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert count == taken


@pytest.mark.parametrize(
    "source",
    [
        Held(Beats(Domain(0, 1), 20, 20), 12),
        PingPong(Beats(Domain(0, 1), 784, 20), 40, 4),
        PingPong(Beats(Domain(0, 3), 64, 4, 2), 8, 4),
        Registers(Beats(Domain(0, 1), 64, 8), 8, 16),
        Registers(Beats(Domain(0, 3), 60, 5), 12, 3),
    ],
    ids=lambda source: f"{type(source).__name__} {source.depth}x{source.beats.width}",
)
def test_planned_cells_are_close_and_ebr_exact(source: VectorSource) -> None:
    check_cost(source, source.cost)
