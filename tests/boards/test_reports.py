from icepop.boards.reports import cells_of_part, nextpnr_cells, nextpnr_fmax, yosys_resources
from icepop.compiler.planner.plan import Resources

STAT = {
    "modules": {
        "\\top.core": {
            "num_cells": 99,
            "num_cells_by_type": {
                "SB_CARRY": 3,
                "SB_DFF": 1,
                "SB_DFFESR": 4,
                "SB_DFFNESS": 2,
                "SB_LUT4": 17,
                "SB_RAM40_4K": 5,
                "SB_RAM40_4KNR": 1,
                "SB_SPRAM256KA": 2,
                "SB_MAC16": 1,
                "SB_PLL40_PAD": 1,
            },
        },
        "\\top": {"num_cells_by_type": {"top.core": 1}},
    }
}


def test_primitives_of_each_module():
    assert yosys_resources(STAT, "top.core") == Resources(lut4=17, ff=7, carry=3, ebr=6, spram=2, dsp=1)
    assert yosys_resources(STAT, "top") == Resources()


def test_cells_and_frequencies():
    report = {
        "utilization": {"ICESTORM_LC": {"available": 5280, "used": 553}},
        "fmax": {"clk": {"achieved": 45.25, "constraint": 36.0}, "usb": {"achieved": 60, "constraint": 48.0}},
    }
    assert nextpnr_cells(report) == 553
    assert nextpnr_fmax(report) == {"clk": 45.25, "usb": 60.0}
    assert nextpnr_fmax({"utilization": {}}) == {}


def cell(*bits, kind="ICESTORM_LC"):
    return {"type": kind, "connections": {"I0": list(bits), "I1": [], "CLK": [1]}}


def test_cells_of_a_part_and_those_added_to_its_carry_chains():
    cells = {
        "link.accelerator.a_LC": cell(10, 11),
        "link.accelerator.b_DFFLC": cell(11),
        "link.accelerator_o__ready_LC": cell(10, 20),
        "link.other_LC": cell(21),
        "$nextpnr_ICESTORM_LC_0": cell(11),
        "$nextpnr_ICESTORM_LC_1": cell(21),
        "link.accelerator.ram_RAM": cell(10, kind="ICESTORM_RAM"),
        **{f"link.many{k}_LC": cell() for k in range(20)},
    }
    netlist = {"modules": {"top": {"cells": cells}}}
    assert cells_of_part(netlist, "link.accelerator") == 3
    assert cells_of_part(netlist, "link") == 26
