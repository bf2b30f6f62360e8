# amaranth: UnusedElaboratable=no
"""`RowNumbers`: a number for each row of a matrix, told one group of rows after the other."""

from functools import cached_property

import numpy as np
from amaranth import Module, Mux, Signal
from amaranth.lib.wiring import In, Out

from icepop.compiler.planner.plan import Resources
from icepop.compiler.types import IntArray, pack_words
from icepop.hdl.constants import Constants
from icepop.hdl.late import LateComponent
from icepop.hdl.memory import CELLS_PER_EBR, LUT_DEPTH, Rom, lut_memory_cost, memory_cost, varying_columns
from icepop.hdl.units.base import counter_cells


class RowNumbers(LateComponent):
    """A memory that is read at a counter; constants where every group has the same numbers.

    Parameters
    ----------
    numbers : int64 array (groups, pe)
        The numbers, from 0 to ``2**bits - 1``.
    bits : int
        Of each number.
    in_lut : bool
        Whether the memory is made of LUTs, however deep it is; else it is where it takes less than its EBR are worth.
    spacing : int
        Cycles between two groups whose numbers are read from a memory that is shared; 0 where they have their own.

    Members
    -------
    step : In(1)
        Go on to the next group; its numbers are there two cycles later. From a shared memory they may be there in the
        next cycle, and are ``spacing`` cycles later.
    data : Out(pe * bits)
        Numbers of the group, the first row's least significant.
    """

    def __init__(self, numbers: IntArray, bits: int, in_lut: bool = False, spacing: int = 0):
        self.numbers, self.bits, self.spacing = numbers, bits, spacing
        self.width = numbers.shape[1] * bits
        worth = CELLS_PER_EBR * memory_cost(len(numbers), self.width).ebr
        self.in_lut = in_lut or lut_memory_cost(len(numbers), self.width).cells < worth
        super().__init__(lambda: {"step": In(1), "data": Out(self.width)})

    @cached_property
    def constant(self) -> bool:
        """Whether every group has the same numbers."""
        return bool((self.numbers == self.numbers[:1]).all())

    @cached_property
    def constants(self) -> Constants | None:
        """The numbers, where they are shared."""
        words = pack_words(self.numbers, self.bits)
        return Constants(self.width, words, self.spacing) if self.spacing else None

    @cached_property
    def cost(self) -> Resources:
        """Memory and counter, unless these are elsewhere."""
        groups, width = len(self.numbers), self.width
        if self.constant or self.spacing:
            return Resources()
        if groups > LUT_DEPTH:
            memory = lut_memory_cost(groups, width) if self.in_lut else memory_cost(groups, width)
        else:
            bits = self.numbers[:, :, None] >> np.arange(self.bits) & 1
            memory = lut_memory_cost(groups, varying_columns(bits.reshape(groups, width).astype(bool)))
        return memory + counter_cells(groups)

    def elaborate(self, platform: object) -> Module:
        """Count round."""
        m = Module()
        if self.constant:
            m.d.comb += self.data.eq(pack_words(self.numbers[:1], self.bits)[0])
            return m
        if self.constants is not None:
            m.d.comb += self.data.eq(self.constants.word)
            return m
        words = pack_words(self.numbers, self.bits)
        m.submodules.rom = rom = Rom(self.width, words, self.in_lut)
        group = Signal(range(len(self.numbers)))
        with m.If(self.step):
            m.d.sync += group.eq(Mux(group == len(self.numbers) - 1, 0, group + 1))
        m.d.comb += [rom.address.eq(group), self.data.eq(rom.data)]
        return m
