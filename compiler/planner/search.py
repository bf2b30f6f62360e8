# amaranth: UnusedElaboratable=no
"""The search for a plan: folding of every layer, so that the pipeline is fast enough, or as fast as fits."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isqrt

from icepop.compiler.errors import PlanError
from icepop.compiler.graph import Graph
from icepop.compiler.planner.binding import bind, check_slots
from icepop.compiler.planner.chains import Chain, ChainFinder
from icepop.compiler.planner.goal import FILL, Goal
from icepop.compiler.planner.layers import UnitLibrary, cut
from icepop.compiler.planner.links import Stream
from icepop.compiler.planner.pipeline import READY_UNITS, Draft, compose
from icepop.compiler.planner.plan import Folding, Plan, Resources
from icepop.compiler.planner.schedule import SAMPLES
from icepop.compiler.planner.sharing import Known, cost_of, shared

EBR_PRICE = 64
"""Cells that an EBR is worth when foldings are compared, unless more or less is needed to fit; yosys weighs it so."""

EBR_FIRST = 10**6
"""Price at which nothing else counts."""

PRICES = 11
"""Prices that are tried at most."""

ATTEMPTS = 8
"""Choices of units that are scheduled, each with a tighter bound, until one keeps an interval exactly."""


@dataclass(frozen=True)
class Task:
    """What a plan is searched for.

    Parameters
    ----------
    finder : ChainFinder
        The choices.
    library : UnitLibrary
        The units there are.
    start : str
        Op whose result is streamed in.
    goal : Goal
        What it has to reach.
    fixed : set of str
        Layers whose foldings are given.
    known, spaced : dict
        Chains and units that were asked for before.
    """

    finder: ChainFinder
    library: UnitLibrary
    start: str
    goal: Goal
    fixed: frozenset[str] = frozenset()
    known: dict[tuple[int, int], Chain | None] = field(default_factory=dict)
    spaced: Known = field(default_factory=dict)

    def cheapest(self, interval: int, ebr_price: int) -> Chain | None:
        """Layers at the least price in which every stage has at most this interval, and what memory some share."""
        if (interval, ebr_price) not in self.known:
            placed = self.finder.cheapest(interval, ebr_price)
            cost = None if placed is None else cost_of(placed, self.library)
            self.known[interval, ebr_price] = None if placed is None or cost is None else Chain(placed, cost)
        return self.known[interval, ebr_price]

    def sharing(self, chain: Chain, interval: int, ebr_price: int = EBR_PRICE) -> Chain | None:
        """The chain with some of its constants in one memory; None where that saves nothing."""
        return shared(chain, self.library, interval, ebr_price, self.fixed, self.spaced)

    def roughly(self, interval: int) -> Chain | None:
        """Layers of at most this interval that fit: the cheapest, or those with fewer EBR of the fewest cells."""
        chain = self.cheapest(interval, EBR_PRICE)
        if chain is None or self.goal.fits(chain.cost):
            return chain
        found = [self.priced(interval, sharing) for sharing in (False, True)]
        return min(filter(None, found), key=lambda each: each.cost.cells, default=None)

    def priced(self, interval: int, sharing: bool) -> Chain | None:
        """Cheapest layers of at most this interval that fit, whatever an EBR has to be worth for it.

        The price rises while there are too few EBR, and falls while there are too few cells. At any price no choice is
        cheaper than the chain that is found: if that is worth more than all there is, nothing fits. With ``sharing``
        constants of each chain share a memory where that saves something, though it is found without.
        """
        goal, ebr_price = self.goal, EBR_PRICE
        low = high = 0
        frugal: dict[str, Chain] = {}
        for _ in range(PRICES):
            chain = self.cheapest(interval, ebr_price)
            if chain is not None and sharing:
                saved = [self.sharing(chain, interval, each) or chain for each in (ebr_price, EBR_FIRST)]
                chain = next(filter(lambda each: goal.fits(each.cost), saved), saved[0])
            if chain is None or goal.fits(chain.cost):
                return chain
            if chain.price(ebr_price) > FILL * goal.budget.cells + ebr_price * goal.budget.ebr:
                return None
            if chain.cost.ebr > goal.budget.ebr:
                low, frugal["cells"] = ebr_price, chain
            else:
                high, frugal["ebr"] = ebr_price, chain
            ebr_price = isqrt(low * high) if low and high else 2 * low or high // 2
            if ebr_price == low:
                break
        return self.mixed(**frugal) if len(frugal) == 2 else None

    def mixed(self, cells: Chain, ebr: Chain) -> Chain | None:
        """Of two chains, one with few cells and one with few EBR, the first with as much of the second as fits.

        What no single price finds: layers that are alike change their mind at one price all together.
        """
        placed = list(cells.placed)
        for k, (mine, other) in enumerate(zip(cells.placed, ebr.placed, strict=True)):
            if mine.unit.inputs == other.unit.inputs and Stream.of(mine.unit) == Stream.of(other.unit):
                placed[k] = replace(mine, unit=other.unit)
                cost = cost_of(placed, self.library)
                if cost is not None and self.goal.fits(cost):
                    return Chain(tuple(placed), cost)
        return None

    def exactly(self, interval: int) -> Plan | None:
        """Plan that keeps this interval when all its stages work together, and fits."""
        bound = interval
        for _ in range(ATTEMPTS):
            chain = self.roughly(bound)
            if chain is None:
                # what is before a branch is chosen first, which may leave the branch none, but not at a tighter bound
                tighter = [each for each in self.finder.intervals() if each < bound]
                if self.cheapest(bound, EBR_PRICE) is not None or not tighter:
                    return None
                bound = tighter[-1]
                continue
            fitting = self.fitting(chain)
            if not fitting and (other := self.sharing(chain, bound)) is not None:
                chain, fitting = other, self.fitting(other)  # FIFOs may take what is left
            if not fitting:
                return None
            for draft in fitting:
                plan = self.planned(draft)
                if plan is not None and plan.interval <= interval:
                    return plan
            bound = max(placed.unit.timing.interval for placed in chain.placed) - 1
        return None

    def fastest(self) -> Plan | None:
        """Plan of the smallest interval that fits, bursts evened out, or not where it keeps the interval without.

        Where neither is found, the first one that fits.
        """
        intervals, slower = self.finder.intervals(), None
        first = bisect_left(intervals, True, key=lambda each: self.roughly(each) is not None)
        for interval, chain in self.chains(intervals[first:]):
            for draft in reversed(self.fitting(chain)):
                plan = self.planned(draft)
                if plan is not None and (draft.even or self.goal.even is False or plan.interval <= interval):
                    return plan
                slower = slower or plan
        return slower

    def chains(self, intervals: Sequence[int]) -> Iterator[tuple[int, Chain]]:
        """Intervals and chains that fit, each once; each then with constants that share a memory."""
        known: set[tuple[int, ...]] = set()
        for interval in intervals:
            chain = self.roughly(interval)
            units = () if chain is None else tuple(id(placed.unit) for placed in chain.placed)
            if chain is not None and units not in known:
                known.add(units)
                yield interval, chain
                if (other := self.sharing(chain, interval)) is not None:
                    yield interval, other

    def fitting(self, chain: Chain) -> list[Draft]:
        """Drafts of a chain that fit."""
        return [draft for draft in self.drafts(chain) if self.goal.fits(draft.cost)]

    def drafts(self, chain: Chain) -> list[Draft]:
        """A chain without FIFOs that even out bursts, and, if that is another one, with them; or as is asked for."""
        if self.goal.even is not None:
            return [self.composed(chain, self.goal.even)]
        plain, even = (self.composed(chain, each) for each in (False, True))
        return [even] if plain.stages == even.stages else [plain, even]

    def composed(self, chain: Chain, even: bool) -> Draft:
        """Stages of a chain."""
        return compose(chain.placed, self.library, even, self.goal.ready_units)

    def planned(self, draft: Draft) -> Plan | None:
        """The plan of a draft; None where FIFOs that it turns out to need do not fit."""
        return draft.plan(self.start, self.goal.board, SAMPLES, self.goal.fits)


def search(
    graph: Graph,
    start: str,
    library: UnitLibrary,
    board: str,
    budget: Resources,
    interval: int | None = None,
    pins: Mapping[str, Folding] | None = None,
    units: Mapping[str, str] | None = None,
    max_lut: int | None = None,
    ready_units: int = READY_UNITS,
    even: bool | None = None,
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
    board, budget, interval, max_lut, ready_units, even
        The parts of a `Goal`.
    pins : mapping of str to Folding, optional
        Foldings that are given.
    units : mapping of str to str, optional
        Classes of units that are given.

    Raises
    ------
    PlanError
        There is no unit for an op, no folding that reaches the interval, or nothing that fits.
    """
    pins, units = pins or {}, units or {}
    layers = cut(graph, start, library)
    unknown = {*pins, *units} - {layer.span.name for layer in layers}
    if unknown:
        raise PlanError(f"the plan folds '{min(unknown)}', which is no stage of this network")
    choices = [bind(layer, pins, units) for layer in layers]
    check_slots(layers, choices, library)
    goal = Goal(board, budget, interval, max_lut, ready_units, even)
    task = Task(ChainFinder(layers, choices, library), library, start, goal, frozenset(pins))
    plan = task.fastest() if interval is None else task.exactly(interval)
    if plan is None:
        remedies = [
            "allow more cycles with --interval" if interval is not None else "",
            "allow more with --max-lut" if max_lut is not None else "",
            "fold the plan's layers more" if pins else "",
            "train a smaller network",
        ]
        raise too_large(task, ", or ".join(filter(None, remedies)))
    return plan


def too_large(task: Task, remedy: str) -> PlanError:
    """Error that says what the network would need, what there is, and what to change."""
    goal, intervals = task.goal, task.finder.intervals()
    interval = goal.interval or intervals[-1]
    chain = task.cheapest(interval, EBR_PRICE)
    reached = bisect_left(intervals, True, key=lambda each: task.cheapest(each, EBR_PRICE) is not None)
    if reached == len(intervals):
        return PlanError(
            "the given foldings leave gaps at the ends of the pipeline: simd must divide the channels of what is "
            "streamed in, and pe those of the result, whose pixels must be 1"
        )
    if chain is None:
        return PlanError(f"no folding reaches an interval of {interval} cycles; ask for {intervals[reached]} or more")
    if chain.cost.ebr > goal.budget.ebr:
        chain = task.sharing(chain, interval) or chain
    need, budget = chain.cost, goal.budget
    if goal.fits(need):
        need = task.drafts(chain)[0].cost  # with forks and FIFOs
    if goal.fits(need):
        return PlanError(
            f"no plan that fits keeps an interval of {interval} cycles when all stages work together; {remedy}"
        )
    there = f"{goal.board} has {budget.ebr} EBR and {int(FILL * budget.cells)} logic cells to fill"
    if goal.max_lut is not None:
        there += f", and {goal.max_lut} LUT4 are allowed"
    return PlanError(
        f"the network needs {need.ebr} EBR, {need.cells} logic cells and {need.lut4} LUT4 for an interval of at most "
        f"{interval} cycles, but {there}; {remedy}"
    )
