"""`LineSource` against `Window.view`, and its cycles against the schedule of its inlet."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import pytest
from amaranth import Cat, EnableInserter, Module, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped
from costs import check_cost
from hypothesis import given, settings
from hypothesis import strategies as st

from icepop.compiler.ops.window import Window
from icepop.compiler.planner.flow import Node
from icepop.compiler.planner.schedule import schedule
from icepop.compiler.planner.timing import Inlet, Timing
from icepop.compiler.types import Beats, Domain, IntArray, pack_words
from icepop.hdl.sources.lines import LineSource
from icepop.sim.backends import amaranth
from icepop.sim.bench import Stall, Stimulus, silent


class Reader(wiring.Component):
    """Takes a source's beats as a unit's core does, and gives each, above it inside and ends."""

    def __init__(self, source: LineSource):
        self.source = source
        width, given = source.beats.width, len(source.data) + len(source.inside) + 1
        super().__init__({"i": In(stream.Signature(unsigned(width))), "o": Out(stream.Signature(unsigned(given)))})

    @property
    def timing(self) -> Timing:
        """A step for each beat."""
        inlet, cycles = self.source.inlet, prod(self.source.program.counts[:3])
        assert inlet.frees is not None
        frees = np.repeat(np.concatenate([[0], inlet.frees[:-1]]), cycles)
        frees[cycles - 1 :: cycles] = inlet.frees
        inlet = Inlet(np.repeat(inlet.needs, cycles), inlet.capacity, frees, inlet.delay, inlet.total)
        return Timing((inlet,), np.ones(len(frees), np.int64), np.ones(len(frees), bool), 1)

    def elaborate(self, platform: object) -> Module:
        m, core = Module(), Module()
        m.submodules.source = source = self.source
        connect(m, flipped(self.i), source.i)
        advance = Signal()
        m.d.comb += [advance.eq(~self.o.valid | self.o.ready), source.take.eq(source.valid & advance)]
        core.d.sync += self.o.valid.eq(source.valid)
        ends = Signal()
        core.d.sync += ends.eq(source.ends)
        width = source.beats.width
        data = Cat(source.data.word_select(k, width) & bit.replicate(width) for k, bit in enumerate(source.inside))
        m.d.comb += self.o.payload.eq(Cat(data, source.inside, ends))
        m.submodules.core = EnableInserter(advance)(core)
        return m


@dataclass(frozen=True)
class Case:
    """A map, its windows, and how they are read."""

    channels: int
    sizes: tuple[int, ...]
    window: Window
    lanes: int
    groups: int = 1
    conv_groups: int = 1
    abreast: int = 1

    @property
    def beats(self) -> Beats:
        return Beats(Domain(0, 7), self.channels * prod(self.sizes), self.lanes, prod(self.sizes))

    @property
    def source(self) -> LineSource:
        return LineSource(self.beats, self.sizes, self.window, self.groups, self.conv_groups, self.abreast)

    def golden(self, values: IntArray) -> tuple[list[int], list[int]]:
        """Payloads of a `Reader` for maps (samples, channels, *sizes), and masks without windows beyond a row's end."""
        samples, lanes = len(values), self.lanes
        taps = self.window.view(values, -1)
        positions = prod(taps.shape[2 : 2 + len(self.sizes)])
        part = self.channels // self.conv_groups
        split = taps.reshape(samples, self.conv_groups, part, positions, -1)
        rows = np.moveaxis(split, (3, 1, 4), (1, 2, 3))  # samples, positions, conv groups, taps, channels
        rows = np.repeat(rows, self.groups // self.conv_groups, axis=2)
        inside = rows[..., :1] >= 0
        padded = np.zeros((*rows.shape[:-1], -(-part // lanes) * lanes), np.int64)
        padded[..., :part] = rows * inside
        flags = np.repeat(inside, padded.shape[-1] // lanes, axis=-1)
        ends = np.arange(padded[0, 0].size // lanes) % prod(self.source.program.counts[:3])
        ends = np.tile(ends == ends[-1], samples * self.source.program.windows)
        found = []
        for words, inner in ((padded, flags), (np.full_like(padded, 7), np.ones_like(flags))):
            codes = self.grouped(words.reshape(samples * positions, -1, lanes)).reshape(len(ends), -1)
            bits = self.grouped(inner.reshape(samples * positions, -1, 1)).reshape(len(ends), -1)
            found.append(
                [
                    word | flag << self.abreast * 3 * lanes
                    for word, flag in zip(pack_words(codes, 3), pack_words(bits, 1), strict=True)
                ]
            )
        top = self.abreast * (3 * lanes + 1)
        payloads = [word | int(end) << top for word, end in zip(found[0], ends, strict=True)]
        return payloads, [mask | 1 << top for mask in found[1]]

    def grouped(self, windows: IntArray) -> IntArray:
        """Words (groups, words, abreast, lanes) of groups of windows (windows, words, lanes); 0 of those that idle."""
        _, words, lanes = windows.shape
        columns = self.source.program.columns
        rows = windows.reshape(-1, columns.windows, words, lanes)
        padded = np.zeros((len(rows), columns.count * self.abreast, words, lanes), np.int64)
        padded[:, : columns.windows] = rows
        return padded.reshape(-1, self.abreast, words, lanes).swapaxes(1, 2)


def window(
    kernel: Sequence[int],
    stride: Sequence[int] = (1, 1),
    before: Sequence[int] = (0, 0),
    after: Sequence[int] = (0, 0),
    dilation: Sequence[int] = (1, 1),
) -> Window:
    n = len(kernel)
    return Window(tuple(kernel), *(tuple(part[:n]) for part in (stride, before, after, dilation)))


CASES = {
    "same": Case(5, (6, 7), window((3, 3), before=(1, 1), after=(1, 1)), 3, 2),
    "valid": Case(4, (5, 8), window((3, 2)), 4),
    "single channel": Case(1, (7, 5), window((3, 3), before=(1, 1), after=(1, 1)), 1),
    "strided": Case(3, (7, 8), window((3, 3), (2, 2), (1, 1), (1, 1)), 2),
    "unread end": Case(3, (8, 7), window((2, 2), (3, 3)), 1),
    "kernel below stride": Case(4, (7, 6), window((1, 1), (2, 3)), 2, 3),
    "dilated": Case(2, (9, 8), window((3, 2), (1, 2), (2, 0), (1, 1), (2, 3)), 2),
    "only padding": Case(3, (3, 4), window((1, 1), before=(1, 2), after=(2, 1)), 2),
    "kernel beyond the map": Case(3, (2, 3), window((4, 5), before=(2, 2), after=(1, 2)), 3),
    "asymmetric": Case(2, (4, 6), window((2, 4), before=(0, 1), after=(1, 2)), 1, 2),
    "one axis": Case(6, (11,), window((5,), (2,), (2,), (1,)), 4),
    "one axis dilated": Case(3, (12,), window((3,), dilation=(3,)), 1),
    "grouped": Case(12, (4, 5), window((3, 3), before=(1, 1), after=(1, 1)), 2, 6, 3),
    "whole map": Case(5, (4, 3), window((4, 3)), 2, 4),
    "one window of padding": Case(5, (2, 3), window((3, 3), (2, 2), (0, 0), (1, 0)), 2),
    "two abreast": Case(1, (6, 8), window((3, 3), before=(1, 1), after=(1, 1)), 1, abreast=2),
    "three abreast, one idle": Case(3, (5, 7), window((3, 2), before=(1, 1), after=(1, 1)), 2, abreast=3),
    "abreast, no padding": Case(2, (6, 9), window((3, 3)), 1, abreast=4),
    "abreast, strided": Case(3, (7, 8), window((3, 3), (2, 2), (1, 1), (1, 1)), 2, abreast=3),
    "abreast, unread end": Case(3, (8, 8), window((2, 2), (3, 3)), 1, abreast=2),
    "a row abreast": Case(6, (11,), window((5,), (2,), (2,), (1,)), 4, 2, abreast=5),
}


def check(case: Case, samples: int, seed: int) -> None:
    """Beats are right with and without stalls, and come in the cycles that the schedule says."""
    values = np.random.default_rng(seed).integers(0, 8, (samples, case.channels, *case.sizes))
    golden, masks = case.golden(values)
    reader = Reader(case.source)
    payloads = tuple(case.beats.pack(np.moveaxis(values, 1, -1).reshape(samples, -1)))
    stimuli = [
        Stimulus(payloads, len(golden)),
        Stimulus(payloads, len(golden), Stall("random", seed=seed), Stall("bursts", 0.2, seed=seed)),
        Stimulus(payloads, len(golden), Stall("bursts", length=3 * len(payloads) // samples, seed=seed)),
    ]
    runs = amaranth.run(reader, stimuli, silent)
    for run in runs:
        assert [word & mask for word, mask in zip(run.records["o"].payloads, masks, strict=True)] == golden
    count = len(golden) // samples
    plan = schedule([Node(reader.timing, ((-1, 0),))], case.beats.count, count, samples)
    seen = runs[0].records
    ends = seen["o"].cycles[count - 1 :: count]
    intervals = np.diff(ends)
    assert ends[0] - seen["i"].cycles[0] == plan.latency
    assert intervals[len(intervals) // 2 :].max() == plan.interval


@pytest.mark.parametrize("name", CASES)
def test_beats_and_cycles(name: str) -> None:
    check(CASES[name], 4, 1)


@st.composite
def random_cases(draw: st.DrawFn) -> Case:
    axes = draw(st.integers(1, 2))
    sizes = tuple(draw(st.integers(1, 8)) for _ in range(axes))
    parts: list[tuple[int, ...]] = [
        tuple(draw(st.integers(low, high)) for _ in range(axes))
        for low, high in ((1, 4), (1, 4), (0, 3), (0, 3), (1, 3))
    ]
    kernel = tuple(
        min(k, 1 + (before + size + after - 1) // d)
        for k, before, size, after, d in zip(parts[0], parts[2], sizes, parts[3], parts[4], strict=True)
    )
    lanes, conv_groups = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    channels = draw(st.integers(1, 7)) if conv_groups == 1 else conv_groups * lanes * draw(st.integers(1, 2))
    groups = conv_groups * draw(st.integers(1, 2))
    windows = Window(kernel, *parts[1:])
    abreast = draw(st.integers(1, windows.shape(sizes, "map")[-1]))
    return Case(channels, sizes, windows, lanes, groups, conv_groups, abreast)


@settings(max_examples=60)
@given(random_cases())
def test_random_windows(case: Case) -> None:
    check(case, 2, 3)


def test_the_buffer_keeps_an_equally_fast_producer_moving() -> None:
    case = CASES["same"]
    reader = Reader(case.source)
    cycles = prod(reader.source.program.counts)
    even = Timing(
        (Inlet(np.arange(1, case.beats.count + 1)),),
        np.diff(np.arange(case.beats.count + 1) * cycles // case.beats.count),
        np.ones(case.beats.count, bool),
        1,
    )
    nodes = [Node(even, ((-1, 0),)), Node(reader.timing, ((0, 0),))]
    assert schedule(nodes, case.beats.count, cycles).interval == cycles


def test_the_buffer_takes_a_row_more_where_its_memory_has_it_anyway() -> None:
    same = window((3, 3), before=(1, 1), after=(1, 1))
    free = Case(16, (31, 31), same, 16).source
    assert (free.depth, free.cost.ebr) == (256, 3)
    assert free.ahead >= free.program.slack + 31
    dear = Case(16, (31, 31), same, 4).source
    assert (dear.depth, dear.cost.ebr) == (512, 2)


def test_refusals() -> None:
    beats = Beats(Domain(0, 7), 24, 2, 6)
    with pytest.raises(ValueError, match="maps of 1 or 2 axes, not 3"):
        LineSource(beats, (1, 2, 3), window((1, 1, 1)))
    with pytest.raises(ValueError, match="6 pixels, not 2x4"):
        LineSource(beats, (2, 4), window((1, 1)))
    with pytest.raises(ValueError, match="groups must divide the 2 beats of a pixel, not 3"):
        LineSource(beats, (2, 3), window((1, 1)), 3, 3)
    with pytest.raises(ValueError, match="evenly to 2 convolution groups, not 3"):
        LineSource(beats, (2, 3), window((1, 1)), 3, 2)


@pytest.mark.parametrize("name", ["same", "strided", "one axis", "grouped", "two abreast", "abreast, strided"])
def test_planned_cells_are_close_and_ebr_exact(name: str) -> None:
    source = CASES[name].source
    check_cost(source, source.cost)
