# amaranth: UnusedElaboratable=no
"""Proofs for every input up to a depth, each with a broken twin that must fail."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from amaranth import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib.wiring import connect, flipped
from lut_networks import random_vote

from icepop.compiler.ops.argmax import ArgMax
from icepop.compiler.ops.base import Op
from icepop.compiler.ops.dense import Dense
from icepop.compiler.ops.lut_vote import LutVote
from icepop.compiler.ops.threshold import Threshold
from icepop.compiler.plan import Folding, Span
from icepop.compiler.types import BIPOLAR, Beats, Domain, TensorType
from icepop.hdl.popcount import Popcount
from icepop.hdl.units.argmax_scan import ArgmaxScan
from icepop.hdl.units.base import StreamUnit
from icepop.hdl.units.gearbox import Pack, Unpack
from icepop.hdl.units.voter_array import VoterArray
from icepop.hdl.units.voter_scan import VoterScan
from icepop.hdl.units.xnor_dense import XnorDense
from icepop.sim.formal import counterexample
from icepop.sim.specifications import Function, PopcountSpec, StreamSpec

pytestmark = pytest.mark.formal


class Miscount(Popcount):
    """A popcount that takes bit 0 for set when the last bit is."""

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.right = right = Popcount(self.width)
        m.d.comb += [right.i.eq(self.i | self.i[-1]), self.o.eq(right.o)]
        return m


@pytest.mark.parametrize("width", range(1, 17))
def test_popcount_is_the_sum_of_its_bits(width: int) -> None:
    assert counterexample(PopcountSpec(Popcount(width)), 4) is None
    if width > 1:
        assert counterexample(PopcountSpec(Miscount(width)), 4) is not None


def test_popcount_of_several_groups_is_the_sum_of_its_bits() -> None:
    assert counterexample(PopcountSpec(Popcount(21)), 5) is None


class Faulty(StreamUnit):
    """A unit behind a broken output: one of `FAULTS`."""

    def __init__(self, unit: StreamUnit, fault: str):
        self.unit, self.fault = unit, fault
        super().__init__(unit.input, unit.output)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.unit = unit = self.unit
        connect(m, flipped(self.i), unit.i)
        age, stalled = Signal(6), Signal()
        m.d.sync += [age.eq(Mux(age == 63, 63, age + 1)), stalled.eq(self.o.valid & ~self.o.ready)]
        m.d.comb += [
            self.o.payload.eq(unit.o.payload),
            self.o.valid.eq(unit.o.valid),
            unit.o.ready.eq(self.o.ready),
        ]
        FAULTS[self.fault](m, self, unit, age, stalled)
        return m


def wrong(m: Module, port: Faulty, unit: StreamUnit, age: Signal, stalled: Signal) -> None:
    """Flip a bit of one beat."""
    m.d.comb += port.o.payload.eq(unit.o.payload ^ (age == 12))


def withdrawn(m: Module, port: Faulty, unit: StreamUnit, age: Signal, stalled: Signal) -> None:
    """Drop valid after a stall."""
    m.d.comb += port.o.valid.eq(unit.o.valid & ~stalled)


def changed(m: Module, port: Faulty, unit: StreamUnit, age: Signal, stalled: Signal) -> None:
    """Change the payload while stalled."""
    m.d.comb += port.o.payload.eq(unit.o.payload ^ stalled)


def lost(m: Module, port: Faulty, unit: StreamUnit, age: Signal, stalled: Signal) -> None:
    """Swallow one beat that nobody has seen yet."""
    done, swallow = Signal(), Signal()
    m.d.comb += swallow.eq(unit.o.valid & ~stalled & ~done)
    with m.If(swallow):
        m.d.comb += [port.o.valid.eq(0), unit.o.ready.eq(1)]
        m.d.sync += done.eq(1)


def repeated(m: Module, port: Faulty, unit: StreamUnit, age: Signal, stalled: Signal) -> None:
    """Give one beat twice."""
    done = Signal()
    with m.If(unit.o.valid & ~done):
        m.d.comb += unit.o.ready.eq(0)
        with m.If(port.o.ready):
            m.d.sync += done.eq(1)


def stuck(m: Module, port: Faulty, unit: StreamUnit, age: Signal, stalled: Signal) -> None:
    """Give one beat, then nothing any more."""
    done = Signal()
    with m.If(port.o.valid & port.o.ready):
        m.d.sync += done.eq(1)
    with m.If(done):
        m.d.comb += [port.o.valid.eq(0), unit.o.ready.eq(0)]


FAULTS: dict[str, Callable[[Module, Faulty, StreamUnit, Signal, Signal], None]] = {
    fault.__name__: fault for fault in (wrong, withdrawn, changed, lost, repeated, stuck)
}


def same(elements: Sequence[Value]) -> Sequence[Value]:
    """Gearboxes change nothing."""
    return elements


def largest(elements: Sequence[Value]) -> Sequence[Value]:
    """Lowest index of the largest element."""
    best, index = elements[0], Const(0, 2)
    for k, element in enumerate(elements[1:], start=1):
        better = element > best
        best, index = Mux(better, element, best), Mux(better, k, index)
    return [index]


WEIGHTS = np.array([[1, -1, 1], [-1, -1, 1], [1, 1, -1]])
THRESHOLDS = np.array([[1], [-3], [3]])


def layer(size: int, folding: Folding, thresholded: bool) -> tuple[Callable[[], StreamUnit], Function]:
    """The first rows and columns of the weights as a unit, and the function it has to compute."""
    weights, thresholds = WEIGHTS[:size, :size], THRESHOLDS[:size]
    types = [TensorType((size,), BIPOLAR), TensorType((size,), Domain(-size, size, 2))]
    ops: list[Op] = [Dense("fc", ("x",), weights)]
    if thresholded:
        ops.append(Threshold("act", ("fc",), thresholds, np.ones(size, np.int64), BIPOLAR))
        types.append(TensorType((size,), BIPOLAR))

    def function(elements: Sequence[Value]) -> Sequence[Value]:
        counts = [
            sum((element if weight > 0 else ~element)[0] for element, weight in zip(elements, row, strict=True))
            for row in weights
        ]
        if not thresholded:
            return counts
        return [2 * count - size >= int(limit) for count, limit in zip(counts, thresholds[:, 0], strict=True)]

    return lambda: XnorDense(Span(tuple(ops), tuple(types)), folding), function


def scan() -> ArgmaxScan:
    """Argmax of three two-bit scores."""
    types = (TensorType((3,), Domain(0, 3)), TensorType((1,), Domain(0, 2)))
    return ArgmaxScan(Span((ArgMax("argmax", ("x",)),), types), Folding())


VOTES = random_vote(np.random.default_rng(0), 4, 2, 2)


def voting(kind: type[VoterArray] | type[VoterScan], folding: Folding) -> Callable[[], StreamUnit]:
    """Two classes of two voters over four bits."""
    return lambda: kind(Span(VOTES.ops[1:], tuple(VOTES.types[op.name] for op in VOTES.ops)), folding)


def elected(elements: Sequence[Value]) -> Sequence[Value]:
    """Class with the most votes."""
    vote = VOTES.ops[1]
    assert isinstance(vote, LutVote)
    scores = [
        sum(
            Array(table.tolist())[Cat(elements[bit] for bit in chosen.tolist())]
            for chosen, table in zip(index, tables, strict=True)
        )
        for index, tables in zip(vote.index, vote.tables, strict=True)
    ]
    return [scores[1] > scores[0]]


UNITS: dict[str, tuple[Callable[[], StreamUnit], Function, int]] = {
    "pack": (lambda: Pack(Beats(Domain(0, 3), 4, 1), 2), same, 14),
    "pack with padding": (lambda: Pack(Beats(Domain(0, 3), 5, 1), 2), same, 16),
    "unpack": (lambda: Unpack(Beats(Domain(0, 3), 4, 2), 1), same, 14),
    "unpack with padding": (lambda: Unpack(Beats(Domain(0, 3), 5, 2), 1), same, 16),
    "argmax": (scan, largest, 12),
    "dense, buffered": (*layer(2, Folding(1, 1), True), 14),
    "dense, one beat": (*layer(3, Folding(2, 3), True), 16),
    "dense, one group": (*layer(3, Folding(3, 2), True), 16),
    "dense, no threshold": (*layer(3, Folding(3, 2), False), 14),
    "voters at once": (voting(VoterArray, Folding(1, 4)), elected, 10),
    "voters, scanned": (voting(VoterScan, Folding(1, 2)), elected, 12),
}


@pytest.mark.parametrize("name", UNITS)
def test_a_stream_unit_computes_its_function_in_order(name: str) -> None:
    make, function, depth = UNITS[name]
    assert counterexample(StreamSpec(make(), function, bound=12), depth) is None


TWINS = [(name, fault) for name in UNITS for fault in FAULTS if (name, fault) != ("dense, buffered", "stuck")]
"""All but one that takes minutes: that a buffered layer may stand still longest makes its standstill deep."""


@pytest.mark.parametrize(("name", "fault"), TWINS)
def test_a_broken_twin_fails(name: str, fault: str) -> None:
    make, function, depth = UNITS[name]
    assert counterexample(StreamSpec(Faulty(make(), fault), function, bound=12), depth + 16) is not None
