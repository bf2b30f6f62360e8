"""From an ``.asc`` back to Verilog: what is refused, and the PLL's model."""

import subprocess
from types import SimpleNamespace

import pytest

from icepop.boards.tools import NEXTPNR, YOSYS, run
from icepop.compiler.errors import ToolError
from icepop.sim import fabric
from icepop.sim.fabric import PLL, refuse_dropped, tiles, with_pll

BLOCKS = """\
module top(input clk, input a, output reg o);
    reg [31:0] s;
    wire [15:0] d;
    wire [31:0] p = s[15:0] * s[31:16];
    SB_SPRAM256KA ram(.ADDRESS(s[13:0]), .DATAIN(s[31:16]), .MASKWREN(4'hf), .WREN(s[14]), .CHIPSELECT(1'b1),
        .CLOCK(clk), .STANDBY(1'b0), .SLEEP(1'b0), .POWEROFF(1'b1), .DATAOUT(d));
    always @(posedge clk) {s, o} <= {s, a, ^d ^ ^p};
endmodule
"""


def tile(header, *rows):
    """A tile of 16 rows, the first of which have column 7 set where ``rows`` are true."""
    return f"{header}\n" + "".join(f"0000000{int(k in rows)}{'0' * 46}\n" for k in range(16))


def message(cell, header):
    return (
        f"icepop.asc uses {cell} ({header}), which icebox_vlog leaves out, so this bitstream cannot be simulated; "
        "simulate its netlist"
    )


def test_sections_of_a_placed_design():
    found = tiles(".comment x\n\n.device 5k\n" + tile(".logic_tile 1 2", 3))
    assert [header for header, _ in found] == [".comment x", ".device 5k", ".logic_tile 1 2"]
    assert [len(rows) for _, rows in found] == [1, 0, 16]
    assert found[2][1][3][7] == "1"


@pytest.mark.parametrize(
    ("header", "row", "cell"),
    [
        (".ipcon_tile 0 1", 0, "SPRAM"),
        (".ipcon_tile 25 1", 1, "SPRAM"),
        (".dsp0_tile 0 10", 7, "MAC16"),
        (".dsp3_tile 25 13", 0, "MAC16"),
    ],
)
def test_cells_that_are_left_out_are_refused(header, row, cell):
    with pytest.raises(ToolError) as caught:
        refuse_dropped(tile(".logic_tile 3 3", row) + tile(header, row), "icepop.asc")
    assert str(caught.value) == message(cell, header)


def test_other_bits_of_these_tiles_are_no_reason():
    """Rows 8 and on are set in every design; the LED driver is configured in other tiles of the kind."""
    rest = tile(".ipcon_tile 0 1", 2, 8) + tile(".ipcon_tile 0 28", 0, 1) + tile(".dsp0_tile 0 5", *range(8, 16))
    refuse_dropped(rest, "icepop.asc")


def test_real_hard_blocks_are_refused(tmp_path):
    """With each of the two blocks hidden the other is found."""
    (tmp_path / "top.v").write_text(BLOCKS)
    run(YOSYS, ["-q", "-p", "read_verilog top.v; synth_ice40 -dsp -json top.json"], tmp_path)
    chip = ["--quiet", "--up5k", "--package", "sg48", "--json", "top.json", "--asc", "top.asc"]
    run(NEXTPNR, chip, tmp_path)
    asc = (tmp_path / "top.asc").read_text()
    for cell, hidden in (("SPRAM", ".dsp"), ("MAC16", ".ipcon_tile")):
        with pytest.raises(ToolError, match=rf"^icepop\.asc uses {cell} \(\.\w+ (0|25) \d+\), which icebox_vlog "):
            refuse_dropped(asc.replace(hidden, ".hidden"), "icepop.asc")


def test_no_unpacker(tmp_path, monkeypatch):
    monkeypatch.setattr(fabric, "which", lambda tool: None)
    with pytest.raises(ToolError) as caught:
        fabric.fabric(tmp_path / "icepop.asc", tmp_path / "icepop.pcf", "clk")
    assert str(caught.value) == (
        "no icebox_vlog found: icebox_vlog is not on PATH; apt install fpga-icestorm, or use --backend verilator"
    )


@pytest.mark.parametrize(
    ("printed", "told"), [("a\nValueError: no such tile\n", "ValueError: no such tile"), ("", "it printed nothing")]
)
def test_the_unpacker_fails(tmp_path, monkeypatch, printed, told):
    (tmp_path / "icepop.asc").write_text(".device 5k\n")
    monkeypatch.setattr(fabric, "which", lambda tool: tool)
    monkeypatch.setattr(fabric.subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=1, stderr=printed))
    with pytest.raises(ToolError) as caught:
        fabric.fabric(tmp_path / "icepop.asc", tmp_path / "icepop.pcf", "clk")
    assert str(caught.value) == f"icebox_vlog failed with exit code 1 on icepop.asc: {told}"


def test_a_pll_gets_a_model_and_the_crystal():
    text = "SB_PLL40_PAD #(\n  .DIVR(4'b0000)\n) PLL_12_31 (\n  .PACKAGEPIN(n2135),\n  .LOCK(n3)\n);\n"
    found = with_pll(text, "clk12_0__io")
    assert found == text.replace("SB_PLL40_PAD", "ICEPOP_PLL").replace("n2135", "clk12_0__io") + PLL
    assert with_pll("assign a = b;\n", "clk12_0__io") == "assign a = b;\n"


def test_a_pll_of_another_kind_is_refused():
    with pytest.raises(ToolError) as caught:
        with_pll("SB_PLL40_CORE #(\n) PLL (\n);\n", "clk")
    assert str(caught.value) == (
        "the bitstream has a PLL of type SB_PLL40_CORE, but only SB_PLL40_PAD can be simulated"
    )


@pytest.mark.parametrize(
    ("settings", "printed"),
    [
        (".FEEDBACK_PATH(\"SIMPLE\"), .DIVR(4'd0), .DIVF(7'd47), .DIVQ(3'd4)", "27778 ps"),
        (".FEEDBACK_PATH(\"SIMPLE\"), .DIVR(4'd1), .DIVF(7'd95), .DIVQ(3'd5)", "55556 ps"),
        ('.FEEDBACK_PATH("DELAY")', "ERROR: no model of a PLL with feedback DELAY and output GENCLK"),
    ],
)
def test_the_model_of_the_pll_makes_the_clock_of_its_dividers(need, tmp_path, settings, printed):
    """From 12 MHz; eight periods, so that the rounding of one half does not show."""
    need("iverilog")
    bench = f"""
`timescale 1ns / 1ps
module bench;
    reg crystal = 0;
    wire clock, lock;
    realtime start;
    always #41.667 crystal = !crystal;
    ICEPOP_PLL #({settings}, .PLLOUT_SELECT("GENCLK"))
        pll(.PACKAGEPIN(crystal), .PLLOUTGLOBAL(clock), .LOCK(lock), .RESETB(1'b1), .BYPASS(1'b0));
    initial begin
        @(posedge clock) start = $realtime;
        repeat (8) @(posedge clock);
        if (lock) $display("%0.0f ps", ($realtime - start) * 125);
        $finish;
    end
endmodule
"""
    (tmp_path / "bench.v").write_text(PLL + bench)
    subprocess.run(["iverilog", "-g2012", "-s", "bench", "-o", "bench.vvp", "bench.v"], cwd=tmp_path, check=True)
    done = subprocess.run(["vvp", "bench.vvp"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == printed
