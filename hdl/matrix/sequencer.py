"""`Sequencer`: where in a matrix the processing elements are."""

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from icepop.compiler.planner.plan import Resources
from icepop.hdl.matrix.tiling import Tiling
from icepop.hdl.units.base import counter_cells, look_ups


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


class ColumnSequencer(wiring.Component):
    """Counts through a matrix's words with the rows inside: each beat meets all groups of rows before the next comes.

    Parameters
    ----------
    tiling : Tiling
        The words; a single group, of at least two tiles and two beats.

    Members
    -------
    take, address, ends, last
        As of a `Sequencer`; every beat is a vector of its own.
    beat : Out(0)
        Nothing.
    """

    def __init__(self, tiling: Tiling):
        self.tiling = tiling
        super().__init__(
            {"take": In(1), "address": Out(ceil_log2(tiling.words)), "beat": Out(0), "ends": Out(1), "last": Out(1)}
        )

    @staticmethod
    def cost_of(tiling: Tiling) -> Resources:
        """The address, the tile where the address's low bits do not tell it, and a flag for the last beat."""
        tile = Resources() if tiling.tiles & (tiling.tiles - 1) == 0 else counter_cells(tiling.tiles)
        return Resources.total([counter_cells(tiling.words), tile, look_ups(-(-ceil_log2(tiling.words) // 3) + 2)])

    def elaborate(self, platform: object) -> Module:
        """The last beat begins behind the last tile of the one before."""
        m = Module()
        tiles, words = self.tiling.tiles, self.tiling.words
        end, tile = Signal(), Signal(range(tiles))
        m.d.comb += [end.eq(self.address == words - 1), self.last.eq(tile == tiles - 1)]
        with m.If(self.take):
            m.d.sync += self.address.eq(Mux(end, 0, self.address + 1))
            with m.If(self.last):
                m.d.sync += self.ends.eq(self.address == words - 1 - tiles)
        if tiles & (tiles - 1):
            with m.If(self.take):
                m.d.sync += tile.eq(Mux(self.last, 0, tile + 1))
        else:
            m.d.comb += tile.eq(self.address)
        return m
