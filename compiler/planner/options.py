# amaranth: UnusedElaboratable=no
"""`Options`: the units that could compute a layer, as arrays, so that thousands are weighed at once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from icepop.compiler.planner.layers import Layer, Unit
from icepop.compiler.planner.links import Stream
from icepop.compiler.planner.numbered import numbered


class Options:
    """Units that could compute a layer.

    Parameters
    ----------
    layer : Layer
        The layer.
    units : sequence of Unit
        N units.
    outside : sequence of bool
        Which of its K sources are streamed in.
    last : bool
        Whether its result is streamed out.

    Notes
    -----
    Outside the pipeline elements travel without gaps, so at its ends the lanes must divide a pixel.
    """

    def __init__(self, layer: Layer, units: Sequence[Unit], outside: Sequence[bool], last: bool):
        self.layer, self.units = layer, units
        self.streams, self.gives = numbered([Stream.of(unit) for unit in units])
        inputs = [numbered([unit.inputs[k] for unit in units]) for k in range(len(outside))]
        self.layouts = [layouts for layouts, _ in inputs]
        self.takes = [numbers for _, numbers in inputs]
        self.intervals = np.array([unit.timing.interval for unit in units], np.int64)
        self.gapless = np.array(
            [
                all(beats.gapless for beats, end in zip(unit.inputs, outside, strict=True) if end)
                and (unit.output.gapless or not last)
                for unit in units
            ],
            np.bool_,
        )
        # a cost takes some work, so that it waits until the unit is fast enough for a search
        self.cells, self.ebr = np.zeros((2, len(units)), np.int64)
        self.weighed = np.zeros(len(units), np.bool_)

    def prices(self, interval: int, ebr_price: int) -> NDArray[np.float64]:
        """Price (N,) of each unit; infinite where it is too slow, or leaves gaps at an end of the pipeline."""
        able = (self.intervals <= interval) & self.gapless
        for k in np.flatnonzero(able & ~self.weighed).tolist():
            cost = self.units[k].cost
            self.cells[k], self.ebr[k], self.weighed[k] = cost.cells, cost.ebr, True
        return np.where(able, self.cells + ebr_price * self.ebr, np.inf)


def least(values: NDArray[np.float64], groups: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Index of the least value of each of ``count`` groups, the first one of several; each group has a member."""
    order = np.lexsort((values, groups))
    return order[np.searchsorted(groups[order], np.arange(count))]
