# amaranth: UnusedElaboratable=no
"""What joins two layers: gearboxes, and whether they can keep up."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

from icepop.compiler.planner.layers import Unit, UnitLibrary
from icepop.compiler.planner.numbered import numbered
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
        Of the slowest; 0 without any.
    pace : int
        Most cycles between two beats that the first one takes; 0 without any.
    """

    gearboxes: tuple[Unit, ...] = ()
    cost: Resources = field(default_factory=Resources)
    interval: int = 0
    pace: int = 0


@dataclass(frozen=True, eq=False)
class LinkTable:
    """Links from every stream (S,) to every input (L,).

    Parameters
    ----------
    cells, ebr : int64 array (S, L)
        What they cost.
    intervals : int64 array (S, L)
        Of the slowest gearbox, or of what is before where that has to wait for them; 0 without any.
    """

    cells: NDArray[np.int64]
    ebr: NDArray[np.int64]
    intervals: NDArray[np.int64]

    def prices(self, interval: int, ebr_price: int) -> NDArray[np.float64]:
        """Price (S, L) of each link; infinite where it could not keep up."""
        return np.where(self.intervals <= interval, self.cells + ebr_price * self.ebr, np.inf)


class Links:
    """All links, each made once.

    Parameters
    ----------
    library : UnitLibrary
        Gives the gearboxes.
    """

    def __init__(self, library: UnitLibrary):
        self.between: Callable[[Beats, Beats], Link] = cache(lambda source, beats: joined(library, source, beats))

    def table(self, streams: Sequence[Stream], layouts: Sequence[Beats]) -> LinkTable:
        """Links from streams to inputs."""
        sources, row = numbered([stream.beats for stream in streams])
        rhythms, rhythm = numbered([stream.gaps for stream in streams])
        links = [[self.between(source, beats) for beats in layouts] for source in sources]
        numbers = [[(link.cost.cells, link.cost.ebr, link.interval, link.pace) for link in each] for each in links]
        cells, ebr, intervals, paces = np.array(numbers, np.int64).transpose(2, 0, 1)[:, row]
        for pace in np.unique(paces).tolist():
            waits = np.array([waiting(gaps, pace) if pace else 0 for gaps in rhythms])[rhythm, None]
            intervals = np.where(paces == pace, np.maximum(intervals, waits), intervals)
        return LinkTable(cells, ebr, intervals)


def joined(library: UnitLibrary, source: Beats, beats: Beats) -> Link:
    """Gearboxes from one layout to another."""
    boxes = tuple(library.join(source, beats.lanes))
    if not boxes:
        return Link()
    interval = max(box.timing.interval for box in boxes)
    return Link(boxes, Resources.total([box.cost for box in boxes]), interval, boxes[0].timing.pace)


def waiting(gaps: Iterable[tuple[int, int]], pace: int) -> int:
    """Cycles a sample of a unit whose beats are taken no faster than one in so many cycles: it waits meanwhile."""
    return sum(count * max(gap, pace) for gap, count in gaps)
