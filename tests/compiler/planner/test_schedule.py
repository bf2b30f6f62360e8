"""The schedule against simulation, transfer by transfer, on random pipelines of real units."""

from dataclasses import dataclass

import numpy as np
import pytest
from amaranth import Array, EnableInserter, Module, Mux, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped
from streams import run

from icepop.compiler.ops.add import Add
from icepop.compiler.ops.base import Op
from icepop.compiler.ops.concat import Concat
from icepop.compiler.ops.gather import Gather
from icepop.compiler.planner.flow import Node, follow
from icepop.compiler.planner.plan import Resources, Span
from icepop.compiler.planner.schedule import schedule
from icepop.compiler.planner.timing import Inlet, Timing, streaming
from icepop.compiler.types import Beats, Domain, TensorType
from icepop.hdl.fork import Fork
from icepop.hdl.units.add_streams import AddStreams
from icepop.hdl.units.base import LayerUnit, StreamUnit
from icepop.hdl.units.concat_streams import ConcatStreams
from icepop.hdl.units.gearbox import gearboxes
from icepop.hdl.units.shuffle import Shuffle

SAMPLES = 4
Rng = np.random.Generator


class Slow(StreamUnit):
    """Passes every beat on after as many cycles as its table says for it, through a pipeline."""

    def __init__(self, beats: Beats, cycles: np.ndarray, latency: int):
        super().__init__([beats], beats)
        self.cycles, self.latency = cycles, latency

    @property
    def timing(self) -> Timing:
        count = len(self.cycles)
        return Timing((Inlet(np.arange(1, count + 1)),), self.cycles, np.ones(count, bool), self.latency)

    @property
    def cost(self) -> Resources:
        return Resources()

    def elaborate(self, platform: object) -> Module:
        m, core = Module(), Module()
        advance, beat, age = Signal(), Signal(range(len(self.cycles))), Signal(8)
        busy, last = Signal(), Signal()
        held = Signal(self.input.width)
        x = Mux(busy, held, self.i.payload)
        m.d.comb += [advance.eq(~self.o.valid | self.o.ready), self.i.ready.eq(advance & ~busy)]
        core.d.comb += last.eq((busy | self.i.valid) & (age == Array(int(c) - 1 for c in self.cycles)[beat]))
        with core.If(busy | self.i.valid):
            core.d.sync += [age.eq(Mux(last, 0, age + 1)), busy.eq(~last), held.eq(x)]
            with core.If(last):
                core.d.sync += beat.eq(Mux(beat == len(self.cycles) - 1, 0, beat + 1))
        valid, payload = last, x
        for _ in range(self.latency):
            later_valid, later = Signal(), Signal(self.input.width)
            core.d.sync += [later_valid.eq(valid), later.eq(payload)]
            valid, payload = later_valid, later
        m.d.comb += [self.o.valid.eq(valid), self.o.payload.eq(payload)]
        m.submodules.core = EnableInserter(advance)(core)
        return m


@dataclass
class Branch:
    """A stream under construction: the output that gives it, and what it carries."""

    source: tuple[int, int]
    type: TensorType
    beats: Beats


class Network(wiring.Component):
    """Units joined as a schedule's nodes say; grown at random."""

    def __init__(self, rng: Rng):
        self.rng = rng
        self.units: list[StreamUnit | Fork] = []
        self.sources: list[tuple[tuple[int, int], ...]] = []
        type = TensorType((4, int(rng.integers(2, 4)), int(rng.integers(2, 6))), Domain(0, 3))
        self.input = Beats.of(type, int(rng.choice([1, 2, 3, 4])))
        branch = self.chain(Branch((-1, 0), type, self.input), 3)
        for _ in range(int(rng.integers(1, 3))):
            branch = self.chain(self.diamond(branch), 2)
        if not self.units:
            branch = self.slow(branch)
        self.output = branch.beats
        super().__init__(
            {
                "i": In(stream.Signature(unsigned(self.input.width))),
                "o": Out(stream.Signature(unsigned(self.output.width))),
            }
        )

    def add(self, unit: StreamUnit | Fork, *branches: Branch) -> int:
        self.units.append(unit)
        self.sources.append(tuple(branch.source for branch in branches))
        return len(self.units) - 1

    def chain(self, branch: Branch, most: int) -> Branch:
        """Some units in a row that keep the shape."""
        for _ in range(int(self.rng.integers(0, most + 1))):
            kind = self.rng.choice([self.slow, self.geared, self.ordered, self.ordered])
            branch = kind(branch)
        return branch

    def slow(self, branch: Branch) -> Branch:
        cycles = self.rng.choice([1, 1, 2, 5], branch.beats.count)
        unit = Slow(branch.beats, cycles, int(self.rng.integers(1, 5)))
        return Branch((self.add(unit, branch), 0), branch.type, branch.beats)

    def geared(self, branch: Branch, lanes: int | None = None) -> Branch:
        for box in gearboxes(branch.beats, lanes or int(self.rng.integers(1, 5))):
            branch = Branch((self.add(box, branch), 0), branch.type, box.output)
        return branch

    def ordered(self, branch: Branch) -> Branch:
        """Wires, or a buffer of a pixel, a row or the map."""
        flat = np.arange(branch.type.length).reshape(branch.type.shape)
        orders = [flat[self.rng.permutation(len(flat))], flat[:, ::-1], flat[:, :, ::-1], flat[::-1]]
        span = layer(Gather("order", ("x",), np.ascontiguousarray(orders[self.rng.integers(4)])), branch.type)
        return self.placed(Shuffle, span, branch)

    def placed(self, kind: type[LayerUnit], span: Span, *branches: Branch) -> Branch:
        foldings = list(kind.foldings(span))
        unit = kind(span, foldings[self.rng.integers(len(foldings))])
        ready = [self.geared(branch, beats.lanes) for branch, beats in zip(branches, unit.inputs, strict=True)]
        return Branch((self.add(unit, *ready), 0), span.result, unit.output)

    def diamond(self, branch: Branch) -> Branch:
        """A fork, branches, and their join; FIFOs that may be too small."""
        ways = int(self.rng.integers(2, 4))
        depths = [int(self.rng.choice([1, 2, 3, 8, 30, 120])) for _ in range(ways)]
        fork = self.add(Fork(branch.beats, depths), branch)
        branches = [self.chain(Branch((fork, k), branch.type, branch.beats), 3) for k in range(ways)]
        names = tuple(f"x{k}" for k in range(ways))
        types = [each.type for each in branches]
        if self.rng.random() < 0.5:
            channels = branch.type.shape[0]
            return self.placed(
                AddStreams, layer(Add("add", names, np.ones((ways, channels), np.int64)), *types), *branches
            )
        axis = int(self.rng.integers(3))
        return self.placed(ConcatStreams, layer(Concat("cat", names, axis, (1,) * ways), *types), *branches)

    @property
    def nodes(self) -> list[Node]:
        return [
            Node(unit.timing, sources, unit.depths if isinstance(unit, Fork) else ())
            for unit, sources in zip(self.units, self.sources, strict=True)
        ]

    @property
    def outputs(self) -> dict[tuple[int, int], object]:
        found = {}
        for index, unit in enumerate(self.units):
            names = [f"o{k}" for k in range(len(unit.depths))] if isinstance(unit, Fork) else ["o"]
            found |= {(index, port): getattr(unit, name) for port, name in enumerate(names)}
        return found

    def elaborate(self, platform: object) -> Module:
        m = Module()
        outputs = {(-1, 0): flipped(self.i), **self.outputs}
        for index, (unit, sources) in enumerate(zip(self.units, self.sources, strict=True)):
            m.submodules[f"unit_{index}"] = unit
            names = ["i"] if len(sources) == 1 else [f"i{k}" for k in range(len(sources))]
            for source, name in zip(sources, names, strict=True):
                connect(m, outputs[source], getattr(unit, name))
        connect(m, outputs[len(self.units) - 1, 0], flipped(self.o))
        return m


def layer(op: Op, *types: TensorType) -> Span:
    return Span((op,), types, (op.infer(*types),))


def compare(network: Network) -> bool:
    """Every transfer of every stream; returns whether the network stood still."""
    inputs, outputs = SAMPLES * network.input.count, SAMPLES * network.output.count
    flow = follow(network.nodes, inputs, outputs)
    watched = {str(key): port for key, port in network.outputs.items()}
    seen = run(network, {"i": [0] * inputs}, {"o": outputs}, watched=watched, patience=400)
    stood = len(flow.result.taken) < outputs
    assert flow.feed.taken == seen["i"].cycles[: len(flow.feed.taken)]
    for index, port in network.outputs:
        planned, measured = flow.wires[index, port].taken, seen[str((index, port))].cycles
        assert planned == (measured if stood else measured[: len(planned)]), (index, port)
    assert flow.result.taken == seen["o"].cycles
    return stood


@pytest.mark.parametrize("seed", range(16))
def test_every_transfer_is_where_the_schedule_says(seed: int) -> None:
    compare(Network(np.random.default_rng(seed)))


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(1000, 1300))
def test_every_transfer_of_many_pipelines_is_where_the_schedule_says(seed: int) -> None:
    compare(Network(np.random.default_rng(seed)))


def test_a_network_with_too_small_a_fifo_stands_still_in_both() -> None:
    stood = [compare(Network(np.random.default_rng(seed))) for seed in range(40, 50)]
    assert 0 < sum(stood) < len(stood)


def test_a_schedule_names_how_far_a_network_came() -> None:
    fork = Node(streaming(4, latency=2), ((-1, 0),), (1, 1))
    joined = np.array([1, 2, 3, 4, 4, 4, 4, 4]), np.array([0, 0, 0, 0, 1, 2, 3, 4])
    join = Node(Timing(tuple(map(Inlet, joined)), np.ones(8, np.int64), np.ones(8, bool), 1), ((0, 0), (0, 1)))
    with pytest.raises(RuntimeError, match=r"^the pipeline stands still after 1 of 32 beats$"):
        schedule([fork, join], 4, 8, 4)


def test_beats_that_no_step_needs_are_waited_for_all_the_same() -> None:
    """A pool's windows may leave the last rows of a map, which come before the next map."""
    slow = Node(Timing((Inlet(np.arange(1, 5)),), np.full(4, 5), np.ones(4, bool), 1), ((-1, 0),))
    inlet = Inlet(np.array([1]), capacity=2, frees=np.array([4]), total=4)
    pool = Node(Timing((inlet,), np.array([1]), np.array([True]), 1), ((0, 0),))
    assert schedule([slow, pool], 4, 1).interval == 20


def test_the_interval_is_the_slowest_stages_although_no_sample_shows_it() -> None:
    """Beside a stage of 200 cycles of latency, one that takes a cycle more a sample is ahead for 200 samples."""
    fork = Node(streaming(4, latency=2), ((-1, 0),), (500, 500))
    slow = Node(Timing((Inlet(np.arange(1, 5)),), np.array([5, 5, 5, 6]), np.ones(4, bool), 1), ((0, 0),))
    late = Node(Timing((Inlet(np.arange(1, 5)),), np.full(4, 5), np.ones(4, bool), 200), ((0, 1),))
    queue = Node(streaming(4, latency=2), ((1, 0),), (500,))
    steps = np.ones(4, np.int64)
    join = Node(
        Timing((Inlet(np.cumsum(steps)), Inlet(np.cumsum(steps))), steps, np.ones(4, bool), 1), ((3, 0), (2, 0))
    )
    found = schedule([fork, slow, late, queue, join], 4, 4)
    assert found.interval == 21
    assert found.first_intervals == (20,) * 31
