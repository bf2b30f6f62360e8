"""Population count: how many bits are 1."""

from collections.abc import Sequence
from functools import cached_property

from amaranth import Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from icepop.compiler.plan import Resources

GROUP = 16
"""Bits summed between two registers; about 50 MHz on UP5K."""


GROUP_CELLS = (0, 1, 2, 2, 7, 8, 9, 10, 14, 15, 16, 17, 19, 20, 23, 24, 28)
"""Logic cells of a registered sum of n bits."""


class Popcount(wiring.Component):
    """Registered population count: groups of 16 bits summed at once, then a tree of two-input adders.

    ``o = sum of the bits of i``, `latency` cycles later. Written with ``sum``, which yosys turns into one compressor
    tree (``$macc``) a group.

    Parameters
    ----------
    width : int
        Bits counted, N.

    Members
    -------
    i : In(width)
    o : Out(bits of N)
    """

    def __init__(self, width: int):
        self.width = width
        super().__init__({"i": In(width), "o": Out(range(width + 1))})

    @property
    def level_sizes(self) -> list[int]:
        """Number of partial sums after each register."""
        sizes = [-(-self.width // GROUP)]
        while sizes[-1] > 1:
            sizes.append(-(-sizes[-1] // 2))
        return sizes

    @property
    def latency(self) -> int:
        """Cycles from input to output: one for the groups and one a level of the tree."""
        return len(self.level_sizes)

    @cached_property
    def cost(self) -> Resources:
        """Cells of the compressors, measured at 1.85 cells a bit, and of the adders."""
        groups = [min(GROUP, self.width - start) for start in range(0, self.width, GROUP)]
        cells = sum(GROUP_CELLS[size] for size in groups)
        ff = sum(size.bit_length() for size in groups)
        counted = groups
        while len(counted) > 1:
            pairs = [sum(counted[k : k + 2]) for k in range(0, len(counted), 2)]
            adders = sum(size.bit_length() for size in pairs)
            cells, ff, counted = cells + adders, ff + adders, pairs
        return Resources(lut4=cells, ff=ff, carry=cells // 2, cells=cells)

    def elaborate(self, platform: object) -> Module:
        """Sum groups, then pairs, with a register after each sum."""
        m = Module()
        bits = [self.i[k] for k in range(self.width)]
        level: list[Value] = [
            registered(m, bits[start : start + GROUP], len(bits[start : start + GROUP]))
            for start in range(0, self.width, GROUP)
        ]
        while len(level) > 1:
            level = [
                registered(m, level[k : k + 2], sum((1 << len(part)) - 1 for part in level[k : k + 2]))
                for k in range(0, len(level), 2)
            ]
        m.d.comb += self.o.eq(level[0])
        return m


def registered(m: Module, terms: Sequence[Value], largest: int) -> Signal:
    """Sum of the terms after a register wide enough for ``largest``."""
    total = Signal(range(largest + 1))
    m.d.sync += total.eq(sum(terms))
    return total
