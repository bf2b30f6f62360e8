"""The units there are, and the cut of a graph into runs of ops that one unit computes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from icepop.compiler.errors import PlanError
from icepop.compiler.graph import Graph
from icepop.compiler.ops.base import Op
from icepop.compiler.planner.plan import Folding, Resources, Span
from icepop.compiler.planner.timing import Timing
from icepop.compiler.types import Beats


class Unit(Protocol):
    """A hardware unit bound to a span and a folding; `icepop.hdl.units` holds them.

    It answers for itself before it is elaborated: its streams, its exact timing and its cost.
    """

    @property
    def inputs(self) -> tuple[Beats, ...]:
        """Layouts of the input streams."""

    @property
    def output(self) -> Beats:
        """Layout of the output stream."""

    @property
    def timing(self) -> Timing:
        """How it moves beats, exactly."""

    @property
    def cost(self) -> Resources:
        """Estimated resources; EBR exactly. A memory that it shares with others is not counted."""


class LayerKind(Protocol):
    """A kind of unit that computes layers: the class its objects are made from."""

    __name__: str

    def matches(self, span: Span) -> int:
        """How many of a span's first ops one unit takes; 0 if it cannot take the first."""

    def foldings(self, span: Span) -> Iterator[Folding]:
        """Foldings worth considering for a span."""

    def __call__(self, span: Span, folding: Folding) -> Unit:
        """Bind the unit."""


@dataclass(frozen=True)
class UnitLibrary:
    """The hardware that plans are made of.

    Parameters
    ----------
    layers : sequence of LayerKind
        Units that compute ops.
    join : callable (Beats, int) -> sequence of Unit
        Units that bring a stream to another number of lanes.
    fork : callable (Beats, depths) -> Unit
        Unit that gives a stream to several, through FIFOs of these depths in beats.
    share : callable (sequence of Unit) -> Resources, optional
        Cost of the memory that units with a spacing share; None where it cannot be read so often.
    """

    layers: Sequence[LayerKind]
    join: Callable[[Beats, int], Sequence[Unit]]
    fork: Callable[[Beats, Sequence[int]], Unit]
    share: Callable[[Sequence[Unit]], Resources | None] | None = None


@dataclass(frozen=True)
class Layer:
    """A run of ops that one unit computes.

    Parameters
    ----------
    span : Span
        The ops.
    kinds : tuple of LayerKind
        Units that take all of them.
    """

    span: Span
    kinds: tuple[LayerKind, ...]

    @property
    def sources(self) -> tuple[str, ...]:
        """Ops whose results it reads."""
        return self.span.ops[0].inputs

    @property
    def result(self) -> str:
        """Op whose result it gives."""
        return self.span.ops[-1].name


def cut(graph: Graph, start: str, library: UnitLibrary) -> list[Layer]:
    """Cut the ops behind ``start`` into runs that one unit computes, the longest run first; in graph order.

    Raises
    ------
    PlanError
        An op reads what is before the start, or no unit takes it.
    """
    names = [op.name for op in graph.ops]
    behind = graph.ops[names.index(start) + 1 :]
    known = {start, *(op.name for op in behind)}
    readers: dict[str, list[Op]] = {name: [] for name in known}
    for op in behind:
        for source in op.inputs:
            if source not in known:
                raise PlanError(f"layer '{op.name}' must read what comes behind '{start}', not '{source}'")
            readers[source].append(op)
    for name, reading in readers.items():
        if not reading and name != graph.output.name:
            raise PlanError(f"layer '{name}' gives a result that nothing reads; remove it from the model")
    layers: list[Layer] = []
    taken: set[str] = set()
    for op in behind:
        if op.name not in taken:
            layers.append(longest(run_from(op, graph, readers), library))
            taken |= {each.name for each in layers[-1].span.ops}
    return layers


def run_from(op: Op, graph: Graph, readers: Mapping[str, Sequence[Op]]) -> Span:
    """All ops from one on that form a chain which nothing else reads."""
    run = [op]
    while len(following := readers[run[-1].name]) == 1 and len(following[0].inputs) == 1:
        run.append(following[0])
    types = graph.types
    return Span(tuple(run), tuple(types[name] for name in op.inputs), tuple(types[each.name] for each in run))


def longest(run: Span, library: UnitLibrary) -> Layer:
    """First ops of a run, as many as a unit takes, with all units that take as many."""
    counts = [(kind.matches(run), kind) for kind in library.layers]
    length = max(count for count, _ in counts)
    if length == 0:
        op = run.ops[0]
        domains = " and ".join(str(type.domain) for type in run.inputs)
        raise PlanError(
            f"layer '{op.name}' ({type(op).__name__} on {domains}) has no hardware unit; "
            f"units are: {', '.join(sorted(kind.__name__ for kind in library.layers))}"
        )
    return Layer(run.first(length), tuple(kind for count, kind in counts if count == length))
