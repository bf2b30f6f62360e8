import re

import pytest
from amaranth import Module
from amaranth.hdl import Instance
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from icepop.sim.backends import amaranth
from icepop.sim.bench import BenchError, Stimulus, silent
from icepop.sim.verilog import verilog


class Cell(wiring.Component):
    def __init__(self):
        super().__init__({"a": In(1), "y": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.lut = Instance("SB_LUT4", i_I0=self.a, o_O=self.y)
        return m


class Outer(wiring.Component):
    def __init__(self):
        super().__init__({"y": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.cell = cell = Cell()
        m.d.comb += self.y.eq(cell.y)
        return m


def test_component_becomes_a_module_with_its_ports(standin):
    text = verilog(standin(), "flip_and_count")
    module = re.search(r"module flip_and_count\((.*?)\);", text)
    assert {"clk", "rst", "i__payload", "i__valid", "i__ready", "o__payload", "tap1__valid"} <= set(
        module[1].replace(" ", "").split(",")
    )
    assert "amaranth" not in text.lower().replace("yosys", "")


def test_verilog_is_reproducible(standin):
    assert verilog(standin(), "top") == verilog(standin(), "top")


def test_instances_are_refused_by_name():
    message = (
        "'design.cell.lut' is an instance of SB_LUT4, which RTL simulation cannot run; "
        "build it for no platform, or simulate the netlist"
    )
    with pytest.raises(BenchError, match=f"^{re.escape(message)}$"):
        verilog(Outer(), "top")


def test_amaranths_simulator_refuses_instances(standin, monkeypatch):
    design = standin()
    elaborate = type(design).elaborate

    def with_cell(self, platform):
        m = elaborate(self, platform)
        m.submodules.outer = Outer()
        return m

    monkeypatch.setattr(type(design), "elaborate", with_cell)
    with pytest.raises(BenchError, match=r"^'design\.design\.outer\.cell\.lut' is an instance of SB_LUT4"):
        amaranth.run(design, [Stimulus((), 1)], silent)
