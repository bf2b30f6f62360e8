# amaranth: UnusedElaboratable=no
"""The contract of every stream unit, proved for all inputs, stalls and times; each proof has broken twins that fail.

A new layer unit needs a span in `LAYERS` (tests/support/small_spans.py) that it takes whole; what it has to compute is
the golden model. A unit between layers needs a line in `OTHERS`. Every kind of unit, and of source where it has one, is
broken in all ways, which its cases share.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest
from amaranth import Module, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from small_spans import LAYERS, TWO_BITS
from stream_faults import FAULTS, Faulty

from icepop.compiler.planner.flow import Node
from icepop.compiler.planner.plan import Folding, Span
from icepop.compiler.planner.schedule import schedule
from icepop.compiler.types import Beats, Domain
from icepop.hdl.fifo import RamFifo
from icepop.hdl.fork import Fork
from icepop.hdl.sources.lines import LineSource
from icepop.hdl.units.base import StreamUnit
from icepop.hdl.units.gearbox import Pack, Unpack
from icepop.hdl.units.registry import ComponentKind, layer_units
from icepop.sim.formal import counterexample, refutation
from icepop.sim.specifications import End, Function, StreamSpec, golden_function

pytestmark = pytest.mark.formal


class Join(wiring.Component):
    """A beat of each input side by side."""

    def __init__(self, beats: Beats):
        self.ends = (End("left", beats), End("right", beats)), (End("o", Beats(beats.domain, 2 * beats.length, 2)),)
        signature = stream.Signature(beats.width)
        super().__init__({"left": In(signature), "right": In(signature), "o": Out(stream.Signature(2 * beats.width))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.comb += [
            self.o.payload.eq((self.right.payload << len(self.left.payload)) | self.left.payload),
            self.o.valid.eq(self.left.valid & self.right.valid),
            self.left.ready.eq(self.o.valid & self.o.ready),
            self.right.ready.eq(self.o.valid & self.o.ready),
        ]
        return m


def in_ebr(fork: Fork) -> Fork:
    """The fork with memories for FIFOs, which for so few beats it would not choose."""
    fork.fifos = [RamFifo(each.width, each.depth) for each in fork.fifos]
    return fork


def same(elements: Sequence[Value]) -> Sequence[Value]:
    """Gearboxes change nothing."""
    return elements


def twice(elements: Sequence[Value]) -> Sequence[Value]:
    """A fork gives all to both."""
    return [*elements, *elements]


def interleaved(elements: Sequence[Value]) -> Sequence[Value]:
    """A join's beat holds an element of each."""
    half = len(elements) // 2
    return [element for pair in zip(elements[:half], elements[half:], strict=True) for element in pair]


OTHERS: dict[str, tuple[Callable[[], wiring.Component], Function]] = {
    "pack": (lambda: Pack(Beats(TWO_BITS, 4, 1), 2), same),
    "pack with padding": (lambda: Pack(Beats(TWO_BITS, 5, 1), 2), same),
    "unpack": (lambda: Unpack(Beats(TWO_BITS, 4, 2), 1), same),
    "unpack with padding": (lambda: Unpack(Beats(TWO_BITS, 5, 2), 1), same),
    "unpack of several pixels": (lambda: Unpack(Beats(TWO_BITS, 6, 4, 3, 3), 2), same),
    "fork": (lambda: Fork(Beats(Domain(0, 1), 3, 1), (1, 3)), twice),
    "fork, FIFO in EBR": (lambda: in_ebr(Fork(Beats(Domain(0, 1), 3, 1), (3,))), same),
    "join": (lambda: Join(Beats(TWO_BITS, 3, 1)), interleaved),
}
"""The join shows the specification at its simplest: it has two inputs and no state."""


@dataclass(frozen=True)
class Case:
    """A small instance: how to make it, and what it has to compute."""

    make: Callable[[], wiring.Component]
    function: Function

    def spec(self, fault: str | None = None, output: int = 0) -> StreamSpec:
        """Specification of the unit, or of a broken twin."""
        unit = self.make()
        sources, results = ends(unit)
        bound = patience(unit)
        tested = unit if fault is None else Faulty(unit, results[output], fault)
        return StreamSpec(tested, self.function, bound, sources, results)


def ends(unit: wiring.Component) -> tuple[tuple[End, ...], tuple[End, ...]]:
    """Streams of a unit."""
    if isinstance(unit, Fork):
        return (End("i", unit.output),), tuple(End(f"o{k}", unit.output) for k in range(len(unit.depths)))
    if isinstance(unit, Join):
        return unit.ends
    assert isinstance(unit, StreamUnit)
    return tuple(map(End, unit.input_names, unit.inputs)), (End("o", unit.output),)


def patience(unit: wiring.Component) -> int:
    """Cycles in which something must move: as many as the unit says that a whole sample takes."""
    if isinstance(unit, Join):
        return 0
    assert isinstance(unit, StreamUnit | Fork)
    return unit.timing.interval + unit.timing.latency + max(inlet.delay for inlet in unit.timing.inlets)


def takers(span: Span) -> list[ComponentKind]:
    """Units that take all of a span."""
    return [kind for kind in layer_units() if kind.matches(span) == len(span.ops)]


def layer(kind: ComponentKind, span: Span, folding: Folding) -> Case:
    """A unit that computes it."""
    return Case(lambda: kind(span, folding), golden_function(span))


CASES: dict[str, Case] = {name: Case(*other) for name, other in OTHERS.items()} | {
    f"{name} by {kind.__name__}": layer(kind, span, folding)
    for name, (span, folding) in LAYERS.items()
    for kind in takers(span)
    if any((folding.pe, folding.simd) == (each.pe, each.simd) for each in kind.foldings(span))
}


FAR = 40
"""Cycles in which every fault shows."""


def horizon(case: Case) -> int | None:
    """Cycles that a proof covers; None for all.

    No invariant is found in time for units behind a line buffer: as many cycles as two samples take without stalls.
    """
    unit = case.make()
    if family(case)[1] != LineSource.__name__ or not isinstance(unit, StreamUnit):
        return None
    planned = schedule([Node(unit.timing, ((-1, 0),))], unit.input.count, unit.output.count, 4)
    return planned.latency + planned.interval + 2


def family(case: Case) -> tuple[str, str]:
    """Kind of the unit, and of its source."""
    unit = case.make()
    return type(unit).__name__, type(getattr(unit, "source", None)).__name__


def twins() -> list[tuple[str, str]]:
    """Cases and their faults: dealt out in each family, so that every case and every fault has its turn."""
    families: dict[tuple[str, str], list[str]] = {}
    for name, case in CASES.items():
        families.setdefault(family(case), []).append(name)
    faults = list(FAULTS)
    return [
        (names[k % len(names)], faults[k % len(faults)])
        for names in families.values()
        for k in range(max(len(names), len(faults)))
    ]


@pytest.mark.parametrize("kind", layer_units(), ids=lambda kind: kind.__name__)
def test_every_layer_unit_is_proved(kind: ComponentKind) -> None:
    assert any(kind in takers(span) for span, _ in LAYERS.values()), f"no span in LAYERS for {kind.__name__}"


@pytest.mark.parametrize("name", CASES)
def test_a_stream_unit_computes_its_function_in_order(name: str) -> None:
    assert refutation(CASES[name].spec(), horizon(CASES[name])) is None


@pytest.mark.parametrize(("name", "fault"), twins())
def test_a_broken_twin_fails(name: str, fault: str) -> None:
    assert refutation(CASES[name].spec(fault), FAR) is not None


def test_a_fork_s_other_output_is_specified_too() -> None:
    assert refutation(CASES["fork"].spec("wrong", output=1), FAR) is not None


@pytest.mark.parametrize(("name", "fault"), [("pack with padding", None), ("argmax by ArgmaxScan", "lost")])
def test_another_prover_agrees(name: str, fault: str | None) -> None:
    assert (counterexample(CASES[name].spec(fault), 16) is None) == (fault is None)
