from dataclasses import replace

import pytest
from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from icepop.boards.synthesis import Measured, synthesize
from icepop.boards.yosys import LEAST_ENABLED
from icepop.hdl.arithmetic.bit_sum import BitSum


class Registers(wiring.Component):
    """Twelve flip-flops, of which four are fed by a LUT of two inputs; two inputs are not used."""

    def __init__(self):
        super().__init__({"a": In(14), "o": Out(12)})

    def elaborate(self, platform):
        m = Module()
        held = Signal(12)
        m.d.sync += held.eq(self.a)
        m.d.sync += held[:4].eq(self.a[:4] & self.a[4:8])
        m.d.comb += self.o.eq(held)
        return m


class Wires(wiring.Component):
    def __init__(self):
        super().__init__({"a": In(5), "o": Out(5)})

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.o.eq(self.a)
        return m


def test_the_shell_is_subtracted():
    measured = synthesize(Registers(), "registers")
    assert measured.fmax_mhz > 50
    assert (measured.lut4, measured.ff, measured.carry, measured.cells, measured.ebr) == (4, 12, 0, 12, 0)


def test_wires_cost_nothing():
    measured = synthesize(Wires(), "wires")
    assert (measured.lut4, measured.ff, measured.cells) == (0, 0, 0)


def test_cells_are_known_without_placement():
    assert synthesize(Registers(), "registers", place=False) == Measured(4, 12, 0, 12, 0, 0, 0, None)


def test_placement_adds_no_cells():
    unit = BitSum((0,) * 40 + (1,) * 9)  # counters, and carry chains of several lengths
    placed = synthesize(unit, "sum")
    assert placed.carry > 0
    assert placed == replace(synthesize(BitSum(unit.shifts), "sum", place=False), fmax_mhz=placed.fmax_mhz)


class Enabled(wiring.Component):
    """Flip-flops that share an enable."""

    def __init__(self, count):
        self.count = count
        super().__init__({"a": In(count), "en": In(1), "o": Out(count)})

    def elaborate(self, platform):
        m = Module()
        held = Signal(self.count, reset_less=True)
        with m.If(self.en):
            m.d.sync += held.eq(self.a)
        m.d.comb += self.o.eq(held)
        return m


@pytest.mark.parametrize(("count", "lut4"), [(LEAST_ENABLED, 0), (LEAST_ENABLED - 1, LEAST_ENABLED - 1)])
def test_few_flip_flops_get_no_enable_of_their_own(count, lut4):
    assert synthesize(Enabled(count), "enabled", place=False) == Measured(lut4, count, 0, count, 0, 0, 0, None)
