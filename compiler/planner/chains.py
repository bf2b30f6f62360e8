# amaranth: UnusedElaboratable=no
"""The cheapest chain of units that keeps an interval, by dynamic programming over the layers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from icepop.compiler.planner.layers import Layer, Unit, UnitLibrary
from icepop.compiler.planner.links import Links, LinkTable, Stream
from icepop.compiler.planner.options import Options, least
from icepop.compiler.planner.pipeline import Placed
from icepop.compiler.planner.plan import Resources


@dataclass(frozen=True)
class Chain:
    """Layers with what joins them, first to last, and their total cost."""

    placed: tuple[Placed, ...]
    cost: Resources

    def price(self, ebr_price: int) -> int:
        """Scalar that is minimised."""
        return price(self.cost, ebr_price)


def price(cost: Resources, ebr_price: int) -> int:
    """Cells, with an EBR worth so many."""
    return cost.cells + ebr_price * cost.ebr


class ChainFinder:
    """Dynamic programming along every stretch of the pipeline without branches, one stretch after the other.

    Parameters
    ----------
    layers : sequence of Layer
        In graph order.
    choices : sequence of sequence of Unit
        Units that could compute each layer.
    library : UnitLibrary
        Gives the gearboxes between neighbours.
    """

    def __init__(self, layers: Sequence[Layer], choices: Sequence[Sequence[Unit]], library: UnitLibrary):
        known = {layer.result for layer in layers}
        self.layers, self.links = layers, Links(library)
        self.options = [
            Options(layer, units, [source not in known for source in layer.sources], layer is layers[-1])
            for layer, units in zip(layers, choices, strict=True)
        ]
        self.given: dict[str, Sequence[Stream]] = {}
        for options in self.options:
            for source, layouts in zip(options.layer.sources, options.layouts, strict=True):
                self.given.setdefault(source, [Stream.steady(beats) for beats in layouts])
            self.given[options.layer.result] = options.streams

    @cached_property
    def tables(self) -> list[list[LinkTable]]:
        """For each layer and each of its sources the links from all that may carry the source's result."""
        return [
            [
                self.links.table(self.given[source], layouts)
                for source, layouts in zip(options.layer.sources, options.layouts, strict=True)
            ]
            for options in self.options
        ]

    def intervals(self) -> list[int]:
        """Every interval that some choice, or a gearbox between two, has, ascending."""
        tables = [table.intervals.reshape(-1) for tables in self.tables for table in tables]
        found = np.unique(np.concatenate([options.intervals for options in self.options] + tables))
        return found[found > 0].tolist()

    def cheapest(self, interval: int, ebr_price: int) -> tuple[Placed, ...] | None:
        """Layers at the least price in which every stage has at most this interval; None if a layer has no such unit.

        Exact for a chain. Where branches part or meet, what comes before is chosen first.
        """
        placed: list[Placed] = []
        given: dict[str, Stream] = {}
        for stretch in self.stretches:
            best = self._along(stretch, given, interval, ebr_price)
            if best is None:
                return None
            placed += best
            for each in best:
                given[each.layer.result] = Stream.of(each.unit)
            for source, beats in zip(best[0].layer.sources, best[0].unit.inputs, strict=True):
                given.setdefault(source, Stream.steady(beats))
        return tuple(placed)

    @cached_property
    def stretches(self) -> list[list[int]]:
        """Runs of layers each of which reads nothing but the one before, which nothing else reads."""
        readers: dict[str, int] = {}
        for layer in self.layers:
            for source in layer.sources:
                readers[source] = readers.get(source, 0) + 1
        found: list[list[int]] = []
        for k, layer in enumerate(self.layers):
            previous = self.layers[k - 1].result if k else None
            if previous is not None and layer.sources == (previous,) and readers[previous] == 1:
                found[-1].append(k)
            else:
                found.append([k])
        return found

    def _along(
        self, stretch: Sequence[int], given: Mapping[str, Stream], interval: int, ebr_price: int
    ) -> list[Placed] | None:
        """Cheapest units along a stretch, behind streams that are given; None if there are none.

        What comes behind a unit depends on nothing but its stream, so of all chains that give one the cheapest is
        followed.
        """
        head = self.options[stretch[0]]
        sources = [given.get(source) for source in head.layer.sources]
        price = head.prices(interval, ebr_price)
        for source, layouts, takes in zip(sources, head.layouts, head.takes, strict=True):
            if source is not None:
                price += self.links.table([source], layouts).prices(interval, ebr_price)[0, takes]
        before: list[NDArray[np.int64]] = []
        for last, k in pairwise(stretch):
            previous, options = self.options[last], self.options[k]
            best = least(price, previous.gives, len(previous.streams))
            ways = price[best, None] + self.tables[k][0].prices(interval, ebr_price)
            chosen = ways.argmin(axis=0)
            price = options.prices(interval, ebr_price) + ways[chosen, np.arange(len(chosen))][options.takes[0]]
            before.append(best[chosen][options.takes[0]])
        unit = int(price.argmin())
        if np.isinf(price[unit]):
            return None
        numbers = [unit]
        for way in reversed(before):
            numbers.append(int(way[numbers[-1]]))
        units = [self.options[k].units[number] for k, number in zip(stretch, reversed(numbers), strict=True)]
        return self._placed(stretch, units, sources)

    def _placed(self, stretch: Sequence[int], units: Sequence[Unit], sources: Sequence[Stream | None]) -> list[Placed]:
        """Layers of a stretch with their units and gearboxes."""
        placed = []
        for k, unit in zip(stretch, units, strict=True):
            boxes = tuple(
                () if source is None else self.links.between(source.beats, beats).gearboxes
                for source, beats in zip(sources, unit.inputs, strict=True)
            )
            placed.append(Placed(self.layers[k], unit, boxes))
            sources = [Stream.of(unit)]
        return placed
