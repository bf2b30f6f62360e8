# amaranth: UnusedElaboratable=no
"""The cheapest chain of units that keeps an interval, by dynamic programming over the layers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from icepop.compiler.planner.layers import Layer, Unit, UnitLibrary
from icepop.compiler.planner.pipeline import Placed
from icepop.compiler.planner.plan import Resources
from icepop.compiler.types import Beats


@dataclass(frozen=True)
class Stream:
    """What a gearbox has to know of the stream before it.

    Parameters
    ----------
    beats : Beats
        Its layout.
    gaps : tuple of (int, int)
        Numbers of cycles between two beats, and how often each occurs in a sample.
    """

    beats: Beats
    gaps: tuple[tuple[int, int], ...]

    @staticmethod
    def of(unit: Unit) -> "Stream":
        """Stream that a unit gives."""
        return Stream(unit.output, unit.timing.gaps)

    @staticmethod
    def steady(beats: Beats) -> "Stream":
        """Stream of a beat a cycle."""
        return Stream(beats, ((1, beats.count),))

    def interval(self, pace: int) -> int:
        """Cycles a sample of a unit whose beats are taken no faster than one in so many cycles: it waits meanwhile."""
        return sum(count * max(gap, pace) for gap, count in self.gaps)


@dataclass(frozen=True)
class Chain:
    """Layers placed so far, first to last, with their total cost."""

    placed: tuple[Placed, ...] = ()
    cost: Resources = field(default_factory=Resources)

    def price(self, ebr_price: int) -> int:
        """Scalar that is minimised."""
        return price(self.cost, ebr_price)

    def behind(self, placed: Placed, link: Resources) -> "Chain":
        """Chain with one more layer, and the cost of what links it."""
        return Chain((*self.placed, placed), self.cost + placed.unit.cost + link)


def price(cost: Resources, ebr_price: int) -> int:
    """Cells, with an EBR worth so many."""
    return cost.cells + ebr_price * cost.ebr


class Search:
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
        self.layers, self.choices = layers, choices
        self.join = cache(library.join)
        self.links = cache(self._links)

    def intervals(self) -> list[int]:
        """Every interval that some choice, or a gearbox between two, has, ascending."""
        found = {unit.timing.interval for units in self.choices for unit in units}
        given = self._givable()
        for layer, units in zip(self.layers, self.choices, strict=True):
            for k, source in enumerate(layer.sources):
                lanes = {unit.inputs[k].lanes for unit in units}
                found |= {self.links(stream, n).interval for stream in given[source] for n in lanes}
        return sorted(found - {NO_LINK.interval})

    def _givable(self) -> dict[str, set[Stream]]:
        """Every stream that may carry each result, and the pipeline's input."""
        given: dict[str, set[Stream]] = {}
        for layer, units in zip(self.layers, self.choices, strict=True):
            for k, source in enumerate(layer.sources):
                given.setdefault(source, {Stream.steady(unit.inputs[k]) for unit in units})
            given[layer.result] = {Stream.of(unit) for unit in units}
        return given

    def cheapest(self, interval: int, ebr_price: int) -> Chain | None:
        """Layers at the least price in which every stage has at most this interval; None if a layer has no such unit.

        Exact for a chain. Where branches part or meet, what comes before is chosen first.
        """
        done = Chain()
        given: dict[str, Stream] = {}
        for stretch in self.stretches():
            best = self._along(stretch, given, interval, ebr_price)
            if best is None:
                return None
            for placed in best.placed:
                given[placed.layer.result] = Stream.of(placed.unit)
            first = best.placed[0]
            for source, beats in zip(first.layer.sources, first.unit.inputs, strict=True):
                given.setdefault(source, Stream.steady(beats))
            done = Chain(done.placed + best.placed, done.cost + best.cost)
        return done

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
    ) -> Chain | None:
        """Cheapest chain along a stretch, behind streams that are given."""
        head = self.layers[stretch[0]]
        sources = [given.get(source) for source in head.sources]
        chains = []
        for unit in self._candidates(stretch[0], interval, ebr_price):
            links = [self._link(s, beats, interval) for s, beats in zip(sources, unit.inputs, strict=True)]
            if all(link is not None for link in links):
                gearboxes = tuple(link.gearboxes for link in links if link is not None)
                costs = [unit.cost, *(link.cost for link in links if link is not None)]
                chains.append(Chain((Placed(head, unit, gearboxes),), Resources.total(costs)))
        for k in stretch[1:]:
            # what comes behind depends on nothing but the stream that a chain gives
            streams: dict[Stream, Chain] = {}
            for chain in sorted(chains, key=lambda chain: chain.price(ebr_price)):
                streams.setdefault(Stream.of(chain.placed[-1].unit), chain)
            candidates = self._candidates(k, interval, ebr_price)
            ways = {
                beats: self._way(streams, beats, interval, ebr_price)
                for beats in {unit.inputs[0] for unit in candidates}
            }
            chains = [
                Chain(
                    (*chain.placed, Placed(self.layers[k], unit, (link.gearboxes,))), chain.cost + unit.cost + link.cost
                )
                for unit in candidates
                if (way := ways[unit.inputs[0]]) is not None
                for link, chain in [way]
            ]
        return min(chains, key=lambda chain: chain.price(ebr_price), default=None)

    def _way(
        self, streams: Mapping[Stream, Chain], beats: Beats, interval: int, ebr_price: int
    ) -> "tuple[Link, Chain] | None":
        """Cheapest chain, with its link, that can feed an input; None if none can."""
        ways = [
            (link, chain)
            for stream, chain in streams.items()
            if (link := self._link(stream, beats, interval)) is not None
        ]
        return min(ways, key=lambda way: way[0].price(ebr_price) + way[1].price(ebr_price), default=None)

    def _candidates(self, k: int, interval: int, ebr_price: int) -> list[Unit]:
        """Units of a layer that are fast enough; of those with equal streams only the cheapest.

        Outside the pipeline elements travel without gaps, so at its ends the lanes divide a pixel.
        """
        layer = self.layers[k]
        known = {each.result for each in self.layers}
        outside = [source not in known for source in layer.sources]
        last = layer is self.layers[-1]
        best: dict[tuple[object, ...], tuple[int, Unit]] = {}
        for unit in self.choices[k]:
            gapless = all(beats.gapless for beats, end in zip(unit.inputs, outside, strict=True) if end)
            if unit.timing.interval <= interval and gapless and (unit.output.gapless or not last):
                streams = (*(beats.lanes for beats in unit.inputs), unit.output.lanes, unit.timing.gaps)
                value = price(unit.cost, ebr_price)
                if streams not in best or value < best[streams][0]:
                    best[streams] = (value, unit)
        return [unit for _, unit in best.values()]

    def _link(self, source: Stream | None, beats: Beats, interval: int) -> "Link | None":
        """Gearboxes from a stream to a unit's input; None where they could not keep up."""
        link = NO_LINK if source is None else self.links(source, beats.lanes)
        return link if link.interval <= interval else None

    def _links(self, source: Stream, lanes: int) -> "Link":
        """The same for any interval."""
        between = tuple(self.join(source.beats, lanes))
        longest = max((box.timing.interval for box in between), default=NO_LINK.interval)
        if between:
            longest = max(longest, source.interval(between[0].timing.pace))
        return Link(between, Resources.total([box.cost for box in between]), longest)


@dataclass(frozen=True)
class Link:
    """Gearboxes between two layers.

    Parameters
    ----------
    gearboxes : tuple of Unit
        First to last.
    cost : Resources
        Of all.
    interval : int
        Of the slowest, or of what is before where that has to wait for them; 0 without any.
    """

    gearboxes: tuple[Unit, ...]
    cost: Resources
    interval: int

    def price(self, ebr_price: int) -> int:
        """Scalar that is minimised."""
        return price(self.cost, ebr_price)


NO_LINK = Link((), Resources(), 0)
"""Of the pipeline's input, which takes any lanes."""
