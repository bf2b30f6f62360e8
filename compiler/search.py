# amaranth: UnusedElaboratable=no
"""The search for a plan: folding of every layer, so that the pipeline is fast enough, or as fast as fits."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Protocol

from icepop.compiler.errors import PlanError
from icepop.compiler.graph import Graph
from icepop.compiler.ops.base import Op
from icepop.compiler.plan import Folding, Plan, Resources, Span, Stage
from icepop.compiler.types import Beats, TensorType

FILL = 0.85
"""Share of the logic cells that place and route fills without trouble."""

EBR_PRICES = (64, 176, 16, 700, 2800)
"""Cells that an EBR is worth when foldings are compared, tried in turn; the first is what yosys weighs it with."""


class Unit(Protocol):
    """A hardware unit bound to a span and a folding; `icepop.hdl.units` holds them.

    It answers for itself before it is elaborated: its streams, its exact timing and its cost.
    """

    @property
    def input(self) -> Beats:
        """Layout of the input stream."""

    @property
    def output(self) -> Beats:
        """Layout of the output stream."""

    @property
    def interval(self) -> int:
        """Cycles a sample when neither side stalls."""

    @property
    def pace(self) -> int:
        """Fewest cycles between two input transfers of a sample that never make the producer wait."""

    @property
    def spacing(self) -> int:
        """Fewest cycles between two output transfers of a sample."""

    @property
    def cost(self) -> Resources:
        """Estimated resources; EBR exactly."""

    def departures(self, arrivals: Sequence[int]) -> list[int]:
        """Cycle of each output transfer of a sample, given those of its input transfers and a ready consumer."""


class LayerKind(Protocol):
    """A kind of unit that computes layers: the class its objects are made from."""

    __name__: str

    def matches(self, ops: Sequence[Op], types: Sequence[TensorType]) -> int:
        """How many of these consecutive ops one unit takes; 0 if it cannot take the first."""

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
    """

    layers: Sequence[LayerKind]
    join: Callable[[Beats, int], Sequence[Unit]]


def spans(graph: Graph, start: str, library: UnitLibrary) -> list[tuple[Span, Sequence[LayerKind]]]:
    """Cut the chain of ops behind ``start`` into runs that one unit computes, and the kinds of unit that do.

    The longest run goes first; where several kinds take it, each of them is a choice.

    Raises
    ------
    PlanError
        An op is not in a chain, or no unit takes it.
    """
    names = [op.name for op in graph.ops]
    chain = graph.ops[names.index(start) + 1 :]
    for source, op in zip([start, *(op.name for op in chain)], chain, strict=False):
        if op.inputs != (source,):
            raise PlanError(f"layer '{op.name}' must read only '{source}': branches have no hardware unit")
    types = [graph.types[start], *(graph.types[op.name] for op in chain)]
    result: list[tuple[Span, Sequence[LayerKind]]] = []
    position = 0
    while position < len(chain):
        matches = [(kind.matches(chain[position:], types[position:]), kind) for kind in library.layers]
        length = max(count for count, _ in matches)
        if length == 0:
            op = chain[position]
            raise PlanError(
                f"layer '{op.name}' ({type(op).__name__} on {types[position].domain}) has no hardware unit; "
                f"units are: {', '.join(sorted(kind.__name__ for kind in library.layers))}"
            )
        kinds = [kind for count, kind in matches if count == length]
        result.append(
            (Span(chain[position : position + length], tuple(types[position : position + length + 1])), kinds)
        )
        position += length
    return result


def bind(span: Span, kinds: Sequence[LayerKind], pins: Mapping[str, Folding]) -> list[Unit]:
    """Units for a span: those of the pinned folding, or of every folding that the kinds offer."""
    if span.name not in pins:
        return [kind(span, folding) for kind in kinds for folding in kind.foldings(span)]
    folding = pins[span.name]
    if not (1 <= folding.pe <= span.types[1].length and 1 <= folding.simd <= span.types[0].length):
        raise PlanError(
            f"layer '{span.name}' cannot be folded {folding}: pe must be 1 to {span.types[1].length} "
            f"and simd 1 to {span.types[0].length}"
        )
    units = [kind(span, folding) for kind in kinds]
    able = [unit for unit in units if (unit.output.lanes, unit.input.lanes) == (folding.pe, folding.simd)]
    if not able:
        names = " or ".join(kind.__name__ for kind in kinds)
        raise PlanError(f"layer '{span.name}' cannot be folded {folding}: {names} takes no such folding")
    return able


@dataclass(frozen=True)
class Chain:
    """Units chosen so far, first to last, with their total cost."""

    units: tuple[Unit, ...]
    cost: Resources

    def price(self, ebr_price: int) -> int:
        """Scalar that is minimised."""
        return self.cost.cells + ebr_price * self.cost.ebr


class Search:
    """Dynamic programming over the pipeline: the cheapest chain that ends in each unit of each layer.

    Parameters
    ----------
    choices : sequence of sequence of Unit
        Units that could compute each layer.
    library : UnitLibrary
        Gives the gearboxes between neighbours.
    """

    def __init__(self, choices: Sequence[Sequence[Unit]], library: UnitLibrary):
        self.choices = choices
        self.join = cache(library.join)

    def intervals(self) -> list[int]:
        """Every interval that some choice, or a gearbox between two, has, ascending."""
        layers = [unit for units in self.choices for unit in units]
        between = [
            gearbox
            for units, following in pairwise(self.choices)
            for unit in units
            for lanes in {consumer.input.lanes for consumer in following}
            for gearbox in self.join(unit.output, lanes)
        ]
        return sorted({unit.interval for unit in (*layers, *between)})

    def cheapest(self, interval: int, ebr_price: int) -> Chain | None:
        """Chain of least price in which every stage has at most this interval; None if a layer has no such unit."""
        chains = [Chain((unit,), unit.cost) for unit in self.choices[0] if unit.interval <= interval]
        for units in self.choices[1:]:
            # what comes behind depends on nothing but the stream that a chain gives
            streams: dict[tuple[int, int], Chain] = {}
            for chain in sorted(chains, key=lambda chain: chain.price(ebr_price)):
                streams.setdefault((chain.units[-1].output.lanes, chain.units[-1].spacing), chain)
            chains = list(streams.values())
            extended = []
            for unit in units:
                if unit.interval <= interval:
                    ways = [way for chain in chains if (way := self._extend(chain, unit, interval)) is not None]
                    extended += [min(ways, key=lambda way: way.price(ebr_price))] if ways else []
            chains = extended
        return min(chains, key=lambda chain: chain.price(ebr_price), default=None)

    def _extend(self, chain: Chain, unit: Unit, interval: int) -> Chain | None:
        """Chain with a unit behind it, and the gearboxes between; None where one could not keep up."""
        last = chain.units[-1]
        between = tuple(self.join(last.output, unit.input.lanes))
        if between and last.output.count > 1 and between[0].pace > last.spacing:
            return None
        if any(gearbox.interval > interval for gearbox in between):
            return None
        added = (*between, unit)
        return Chain(chain.units + added, chain.cost + Resources.total([each.cost for each in added]))


def search(
    graph: Graph,
    start: str,
    library: UnitLibrary,
    board: str,
    budget: Resources,
    interval: int | None = None,
    pins: Mapping[str, Folding] | None = None,
) -> Plan:
    """Plan the hardware behind op ``start``.

    Parameters
    ----------
    graph : Graph
        Lowered graph.
    start : str
        Op whose result is streamed in.
    library : UnitLibrary
        The units there are.
    board : str
        Its name, for messages.
    budget : Resources
        What the board has for the accelerator.
    interval : int, optional
        Cycles a sample that must be reached, with the least area; without it, as few as fit.
    pins : mapping of str to Folding, optional
        Foldings that are given.

    Raises
    ------
    PlanError
        There is no unit for an op, no folding that reaches the interval, or nothing that fits.
    """
    layers = spans(graph, start, library)
    unknown = set(pins or {}) - {span.name for span, _ in layers}
    if unknown:
        raise PlanError(f"the plan folds '{min(unknown)}', which is no stage of this network")
    finder = Search([bind(span, kinds, pins or {}) for span, kinds in layers], library)
    chain = fastest(finder, budget) if interval is None else fitting(finder, budget, interval)
    if chain is None:
        remedy = "fold the plan's layers more, or train a smaller network" if pins else "train a smaller network"
        if interval is None:
            raise too_large(finder, board, budget, finder.intervals()[-1], remedy)
        raise too_large(finder, board, budget, interval, f"allow more cycles with --interval, or {remedy}")
    return describe(chain.units, layers, board, start)


def fits(cost: Resources, budget: Resources) -> bool:
    """Whether a cost leaves enough of the budget free to be placed and routed."""
    return cost.ebr <= budget.ebr and cost.cells <= FILL * budget.cells


def fitting(finder: Search, budget: Resources, interval: int) -> Chain | None:
    """Cheapest chain that fits, whatever an EBR has to be worth for it."""
    for ebr_price in EBR_PRICES:
        chain = finder.cheapest(interval, ebr_price)
        if chain is not None and fits(chain.cost, budget):
            return chain
    return None


def fastest(finder: Search, budget: Resources) -> Chain | None:
    """Chain of the smallest interval that fits, found by bisection over all intervals; None if nothing fits."""
    intervals = finder.intervals()
    best = fitting(finder, budget, intervals[-1])
    low, high = 0, len(intervals) - 1 if best is not None else 0
    while low < high:
        middle = (low + high) // 2
        chain = fitting(finder, budget, intervals[middle])
        if chain is None:
            low = middle + 1
        else:
            best, high = chain, middle
    return best


def too_large(finder: Search, board: str, budget: Resources, interval: int, remedy: str) -> PlanError:
    """Error that says what the network would need, what there is, and what to change."""
    chain = finder.cheapest(interval, EBR_PRICES[0])
    intervals = finder.intervals()
    reached = bisect_left(intervals, True, key=lambda each: finder.cheapest(each, EBR_PRICES[0]) is not None)
    if reached == len(intervals):
        return PlanError(
            "the given foldings cannot be joined: a layer with more lanes than the next one takes must have "
            "at least as many cycles between two results as its lanes take to pass; lower its pe"
        )
    if chain is None:
        return PlanError(f"no folding reaches an interval of {interval} cycles; ask for {intervals[reached]} or more")
    need = chain.cost
    cells = int(FILL * budget.cells)
    return PlanError(
        f"the network needs {need.ebr} EBR and {need.cells} logic cells for an interval of at most {interval} cycles, "
        f"but {board} has {budget.ebr} EBR and {cells} logic cells to fill; {remedy}"
    )


def describe(units: Sequence[Unit], layers: Sequence[tuple[Span, Sequence[LayerKind]]], board: str, start: str) -> Plan:
    """Plan of the chosen units: stages with their names, and the latency through all of them."""
    remaining = list(layers)
    stages: list[Stage] = []
    cycles = list(range(units[0].input.count))
    for unit in units:
        cycles = unit.departures(cycles)
        kind = type(unit).__name__
        folding = Folding(unit.output.lanes, unit.input.lanes)
        if remaining and kind in [choice.__name__ for choice in remaining[0][1]]:
            span, _ = remaining.pop(0)
            name, ops = span.name, tuple(op.name for op in span.ops)
        else:
            name, ops = f"to {remaining[0][0].name}", ()
        stages.append(Stage(name, kind, ops, folding, unit.interval, unit.cost))
    return Plan(board, start, tuple(stages), cycles[-1])
