# amaranth: UnusedElaboratable=no
"""What joins layers, and how long what is before it has to wait."""

import numpy as np
import pytest

from icepop.compiler.planner.flow import Node
from icepop.compiler.planner.links import Links, Stream
from icepop.compiler.planner.schedule import schedule
from icepop.compiler.planner.timing import Inlet, Timing
from icepop.compiler.types import BIPOLAR, Beats
from icepop.hdl.units.registry import unit_library


@pytest.mark.parametrize("seed", range(20))
def test_a_link_takes_as_long_as_its_schedule(seed: int) -> None:
    """Bursts wait for a gearbox that would keep up with evenly spaced beats; without one nothing waits."""
    rng = np.random.default_rng(seed)
    cycles, ratio = rng.integers(1, 9, rng.integers(1, 6)), int(rng.integers(2, 5))
    count = len(cycles)
    before = Timing((Inlet(np.arange(1, count + 1)),), cycles, np.ones(count, bool), 1)
    wide, narrow = (Beats(BIPOLAR, count * ratio, lanes) for lanes in (ratio, 1))
    links = Links(unit_library())
    table = links.table([Stream(wide, before.gaps)], [narrow, wide])
    (box,) = links.between(wide, narrow).gearboxes
    nodes = [Node(before, ((-1, 0),)), Node(box.timing, ((0, 0),))]
    assert table.intervals.tolist() == [[schedule(nodes, count, count * ratio).interval, 0]]
    assert (table.cells.tolist(), table.ebr.tolist()) == ([[box.cost.cells, 0]], [[box.cost.ebr, 0]])
