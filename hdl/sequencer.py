"""`Sequencer`: where in a matrix the processing elements are."""

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from icepop.compiler.plan import Resources
from icepop.hdl.tiling import Tiling
from icepop.hdl.units.base import counter_cells


def counts_beats(tiling: Tiling) -> bool:
    """Whether the address's low bits do not tell the beat."""
    return tiling.words > tiling.depth and tiling.depth & (tiling.depth - 1) > 0


def counts_tiles(tiling: Tiling) -> bool:
    """Whether neither the last beat nor the last word tells a vector's last reading."""
    return tiling.groups > 1 and tiling.tiles > 1


def sequencer_cost(tiling: Tiling, whole: bool = True) -> Resources:
    """The counters; of a sequencer that is only asked for addresses, one."""
    parts = [counter_cells(tiling.words)]
    if whole and counts_beats(tiling):
        parts.append(counter_cells(tiling.depth))
    if whole and counts_tiles(tiling):
        parts.append(counter_cells(tiling.tiles))
    return Resources.total(parts)


class Sequencer(wiring.Component):
    """Counts through a matrix's words, again and again.

    Parameters
    ----------
    tiling : Tiling
        The words.

    Members
    -------
    take : In(1)
        A word is read in this cycle.
    address : Out(range(words))
        Which one.
    beat : Out(range(depth))
        Its beat of the row.
    ends : Out(1)
        It is its rows' last.
    last : Out(1)
        It is the last one that reads this vector.
    """

    def __init__(self, tiling: Tiling):
        self.tiling = tiling
        super().__init__(
            {
                "take": In(1),
                "address": Out(ceil_log2(tiling.words)),
                "beat": Out(ceil_log2(tiling.depth)),
                "ends": Out(1),
                "last": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Count, each counter only where no other one knows."""
        m = Module()
        depth, tiles = self.tiling.depth, self.tiling.tiles
        end = Signal()
        m.d.comb += [end.eq(self.address == self.tiling.words - 1), self.ends.eq(self.beat == depth - 1)]
        with m.If(self.take):
            m.d.sync += self.address.eq(Mux(end, 0, self.address + 1))
        if counts_beats(self.tiling):
            with m.If(self.take):
                m.d.sync += self.beat.eq(Mux(self.ends, 0, self.beat + 1))
        else:
            m.d.comb += self.beat.eq(self.address)
        if counts_tiles(self.tiling):
            tile = Signal(range(tiles))
            m.d.comb += self.last.eq(self.ends & (tile == tiles - 1))
            with m.If(self.take & self.ends):
                m.d.sync += tile.eq(Mux(tile == tiles - 1, 0, tile + 1))
        else:
            m.d.comb += self.last.eq(self.ends if self.tiling.groups > 1 else end)
        return m
