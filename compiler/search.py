# amaranth: UnusedElaboratable=no
"""The search for a plan: folding of every layer, so that the pipeline is fast enough, or as fast as fits."""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass

from icepop.compiler.chains import Chain, Search
from icepop.compiler.errors import PlanError
from icepop.compiler.graph import Graph
from icepop.compiler.layers import Layer, Unit, UnitLibrary, cut
from icepop.compiler.pipeline import assemble
from icepop.compiler.plan import Folding, Plan, Resources
from icepop.compiler.schedule import SAMPLES

FILL = 0.85
"""Share of the logic cells that place and route fills without trouble."""

EBR_PRICES = (64, 176, 16, 700, 2800)
"""Cells that an EBR is worth when foldings are compared, tried in turn; the first is what yosys weighs it with."""

ATTEMPTS = 8
"""Choices of units that are scheduled, each with a tighter bound, until one keeps an interval exactly."""


def bind(layer: Layer, pins: Mapping[str, Folding]) -> list[Unit]:
    """Units for a layer: the pinned folding, or every folding that its kinds offer."""
    span = layer.span
    if span.name not in pins:
        return [kind(span, folding) for kind in layer.kinds for folding in kind.foldings(span)]
    folding = pins[span.name]
    outputs, inputs = span.results[0].length, span.inputs[0].length
    if not (1 <= folding.pe <= outputs and 1 <= folding.simd <= inputs):
        raise PlanError(
            f"layer '{span.name}' cannot be folded {folding}: pe must be 1 to {outputs} and simd 1 to {inputs}"
        )
    units = [kind(span, folding) for kind in layer.kinds]
    able = [unit for unit in units if (unit.output.lanes, unit.inputs[0].lanes) == (folding.pe, folding.simd)]
    if not able:
        names = " or ".join(kind.__name__ for kind in layer.kinds)
        raise PlanError(f"layer '{span.name}' cannot be folded {folding}: {names} takes no such folding")
    return able


@dataclass(frozen=True)
class Task:
    """What a plan is searched for.

    Parameters
    ----------
    finder : Search
        The choices.
    library : UnitLibrary
        The units there are.
    start, board : str
        For the plan.
    budget : Resources
        What there is.
    """

    finder: Search
    library: UnitLibrary
    start: str
    board: str
    budget: Resources

    def fits(self, cost: Resources) -> bool:
        """Whether a cost leaves enough of the budget free to be placed and routed."""
        return fits(cost, self.budget)

    def roughly(self, interval: int) -> Chain | None:
        """Cheapest layers of at most this interval that fit, whatever an EBR has to be worth for it."""
        chains = (self.finder.cheapest(interval, ebr_price) for ebr_price in EBR_PRICES)
        return next((chain for chain in chains if chain is not None and self.fits(chain.cost)), None)

    def exactly(self, interval: int) -> Plan | None:
        """Plan that keeps this interval when all its stages work together, and fits."""
        bound = interval
        for _ in range(ATTEMPTS):
            chain = self.roughly(bound)
            if chain is None:
                return None
            plan = assemble(chain.placed, self.start, self.board, self.library, SAMPLES)
            if plan.interval <= interval:
                return plan if self.fits(plan.cost) else None
            bound = max(placed.unit.timing.interval for placed in chain.placed) - 1
        return None

    def fastest(self) -> Plan | None:
        """Plan of the smallest interval that fits."""
        intervals = self.finder.intervals()
        first = bisect_left(intervals, True, key=lambda each: self.roughly(each) is not None)
        for interval in intervals[first:]:
            chain = self.roughly(interval)
            if chain is not None:
                plan = assemble(chain.placed, self.start, self.board, self.library, SAMPLES)
                if self.fits(plan.cost):
                    return plan
        return None


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
    layers = cut(graph, start, library)
    unknown = set(pins or {}) - {layer.span.name for layer in layers}
    if unknown:
        raise PlanError(f"the plan folds '{min(unknown)}', which is no stage of this network")
    finder = Search(layers, [bind(layer, pins or {}) for layer in layers], library)
    task = Task(finder, library, start, board, budget)
    plan = task.fastest() if interval is None else task.exactly(interval)
    if plan is None:
        remedy = "fold the plan's layers more, or train a smaller network" if pins else "train a smaller network"
        if interval is None:
            raise too_large(finder, board, budget, finder.intervals()[-1], remedy)
        raise too_large(finder, board, budget, interval, f"allow more cycles with --interval, or {remedy}")
    return plan


def fits(cost: Resources, budget: Resources) -> bool:
    """Whether a cost leaves enough of the budget free to be placed and routed."""
    return cost.ebr <= budget.ebr and cost.cells <= FILL * budget.cells


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
