# amaranth: UnusedElaboratable=no
"""Constants of several layers in one memory: which layers share it, and what that saves."""

from collections.abc import Container, Sequence
from dataclasses import replace

from icepop.compiler.planner.chains import Chain, price
from icepop.compiler.planner.layers import Unit, UnitLibrary
from icepop.compiler.planner.pipeline import Placed
from icepop.compiler.planner.plan import Folding, Resources

LEAST = 2
"""Fewest cycles between two words of a unit: the memory's address for it moves on in the second one."""


def spacing(unit: Unit) -> int:
    """Cycles between two words that a unit reads from a shared memory; 0 where it reads none."""
    folding: Folding = getattr(unit, "folding", Folding())
    return folding.spacing


def most_spacing(unit: Unit) -> int:
    """Most cycles that there may be between two words if a unit's constants are shared; 0 where they cannot be."""
    most: int = getattr(unit, "most_spacing", 0)
    return most


def cost_of(placed: Sequence[Placed], library: UnitLibrary) -> Resources | None:
    """Cost of placed layers, gearboxes and the memory that some share; None where that cannot be read so often."""
    units = [unit for each in placed for unit in (each.unit, *(box for way in each.gearboxes for box in way))]
    parts = [unit.cost for unit in units]
    readers = [unit for unit in units if spacing(unit)]
    if readers and library.share is not None:
        memory = library.share(readers)
        if memory is None:
            return None
        parts.append(memory)
    return Resources.total(parts)


Known = dict[tuple[int, int], Unit | None]
"""Units with shared constants by unit without and interval: a search asks for the same ones again and again."""


def shared(
    chain: Chain, library: UnitLibrary, interval: int, ebr_price: int, fixed: Container[str], known: Known
) -> Chain | None:
    """The chain with the constants of some layers in one memory, those that save most first; None if nothing is saved.

    Parameters
    ----------
    chain : Chain
        Layers that each have a memory of their own, or are fixed.
    library : UnitLibrary
        Says what the memory costs.
    interval : int
        Cycles a sample that every layer has; words are as far apart as it allows.
    ebr_price : int
        Cells that an EBR is worth.
    fixed : container of str
        Names of layers whose foldings stay.
    known : Known
        Grows.
    """
    if library.share is None:
        return None
    options: list[tuple[int, int, Unit]] = []
    for k, placed in enumerate(chain.placed):
        key = id(placed.unit), interval
        if key not in known:
            known[key] = None if placed.layer.span.name in fixed else spaced(placed, interval)
        if (unit := known[key]) is not None:
            own, rest = (price(each.cost, ebr_price) for each in (placed.unit, unit))
            options.append((own - rest, k, unit))
    best, first = chain, not any(spacing(placed.unit) for placed in chain.placed)
    for _, k, unit in sorted(options, key=lambda option: -option[0]):
        others = list(best.placed)
        others[k] = replace(others[k], unit=unit)
        cost = cost_of(others, library)
        # one alone saves nothing: it is what the next ones are put beside
        if cost is not None and (first or price(cost, ebr_price) < best.price(ebr_price)):
            best, first = Chain(tuple(others), cost), False
    return best if best.price(ebr_price) < chain.price(ebr_price) else None


def spaced(placed: Placed, interval: int) -> Unit | None:
    """A layer's unit with words of shared constants as far apart as an interval allows; None if it has none."""
    unit, span = placed.unit, placed.layer.span
    most = most_spacing(unit)
    folding: Folding = getattr(unit, "folding", Folding())
    (kind,) = [kind for kind in placed.layer.kinds if kind.__name__ == type(unit).__name__]
    for cycles in (most, min(most, interval // unit.timing.interval)):
        if cycles >= LEAST:
            slower = kind(span, replace(folding, spacing=cycles))
            if slower.timing.interval <= interval:
                return slower
    return None
