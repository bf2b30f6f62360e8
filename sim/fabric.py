"""A placed design back to Verilog: what the bits of an ``.asc`` make of the chip.

``icebox_vlog`` [1]_ reads the configuration bits of logic cells, block memories and pins and of every wire between
them. It leaves some cells out without a word: a design that needs one of them is refused here, but for the driver of
the RGB LED, on which nothing depends. It writes a PLL as an instance, for which this file has a model.

.. [1] C. Wolf and M. Lasser, "Project IceStorm", http://bygone.clairexen.net/icestorm/
"""

import re
import subprocess
from pathlib import Path
from shutil import which

from icepop.compiler.errors import ToolError

TOP = "icepop"
"""Name of the chip as a Verilog module."""

UNPACKER = "icebox_vlog"

TIMEOUT_S = 600
"""Longest run of the unpacker: a full UP5K takes some ten seconds."""

CONFIG_COLUMN = 7
"""Column of a hard block's configuration bits in the tiles at the chip's edges."""

DROPPED = (
    ("SPRAM", re.compile(r"\.ipcon_tile (0|25) 1"), 2),
    ("MAC16", re.compile(r"\.dsp[0-3]_tile \d+ \d+"), 8),
)
"""Hard blocks that are left out: name, tile, and in how many of the tile's first rows a set bit says it is in use
(SPRAM_EN of the two memories beside the tile, and the 32 bits of a multiplier's mode)."""

PLL = """\
`timescale 1ns / 1ps
module ICEPOP_PLL #(
    parameter FEEDBACK_PATH = "", parameter PLLOUT_SELECT = "", parameter ENABLE_ICEGATE = 0, parameter TEST_MODE = 0,
    parameter DELAY_ADJUSTMENT_MODE_FEEDBACK = "", parameter DELAY_ADJUSTMENT_MODE_RELATIVE = "",
    parameter SHIFTREG_DIV_MODE = 0, parameter FDA_FEEDBACK = 0, parameter FDA_RELATIVE = 0,
    parameter DIVR = 0, parameter DIVF = 0, parameter DIVQ = 0, parameter FILTER_RANGE = 0
) (
    input PACKAGEPIN, input EXTFEEDBACK, input [7:0] DYNAMICDELAY, input BYPASS, input RESETB, input LATCHINPUTVALUE,
    input SDI, input SCLK, output SDO, output PLLOUTCORE, output PLLOUTGLOBAL, output reg LOCK
);
    realtime last = 0, half = 0;
    integer edges = 0;
    reg clock = 0;
    assign PLLOUTGLOBAL = BYPASS ? PACKAGEPIN : clock;
    assign PLLOUTCORE = PLLOUTGLOBAL;
    initial LOCK = 0;
    initial if (FEEDBACK_PATH != "SIMPLE" || PLLOUT_SELECT != "GENCLK") begin
        $display("ERROR: no model of a PLL with feedback %0s and output %0s", FEEDBACK_PATH, PLLOUT_SELECT);
        $finish;
    end
    always @(posedge PACKAGEPIN) if (edges < 4) begin
        half = ($realtime - last) * (DIVR + 1) * (1 << DIVQ) / (DIVF + 1) / 2;
        last = $realtime;
        edges = edges + 1;
        LOCK = edges == 4 && RESETB;
    end
    always begin
        wait (LOCK);
        #(half) clock = !clock;
    end
endmodule
"""
"""A PLL with simple feedback: measures the crystal's period, locks, and makes the clock that its dividers say."""


def fabric(asc: Path, pcf: Path, crystal: str) -> str:
    """Verilog of a placed design as module `TOP`; its ports are the pins, named as in ``pcf``.

    Parameters
    ----------
    asc, pcf : Path
        The placed design, and its pins' names.
    crystal : str
        Name of the clock's pin.

    Raises
    ------
    ToolError
        The unpacker is missing or fails, or the design needs a cell that cannot be simulated.
    """
    if reason := missing():
        raise ToolError(f"no {UNPACKER} found: {reason}")
    refuse_dropped(asc.read_text(), asc.name)
    command = [UNPACKER, "-s", "-n", TOP, "-p", str(pcf.resolve()), str(asc.resolve())]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"{UNPACKER} did not finish within {TIMEOUT_S} s; make the design smaller") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        raise ToolError(f"{UNPACKER} failed with exit code {done.returncode} on {asc.name}: {last}")
    return with_pll(done.stdout, crystal)


def missing() -> str | None:
    """Why no design can be unpacked here, and how to get what is missing; None if it can."""
    if which(UNPACKER) is None:
        return f"{UNPACKER} is not on PATH; apt install fpga-icestorm, or use --backend verilator"
    return None


def refuse_dropped(asc: str, name: str) -> None:
    """Raise `ToolError` if the design uses a cell that the unpacker leaves out."""
    for header, rows in tiles(asc):
        for cell, tile, count in DROPPED:
            if tile.fullmatch(header) and any(row[CONFIG_COLUMN : CONFIG_COLUMN + 1] == "1" for row in rows[:count]):
                raise ToolError(
                    f"{name} uses {cell} ({header}), which {UNPACKER} leaves out, so this bitstream cannot be "
                    "simulated; simulate its netlist"
                )


def tiles(asc: str) -> list[tuple[str, list[str]]]:
    """Header and rows of every section of an ``.asc``."""
    sections = re.split(r"^(?=\.)", asc, flags=re.MULTILINE)[1:]
    return [(lines[0].strip(), lines[1:]) for lines in map(str.splitlines, sections)]


def with_pll(text: str, crystal: str) -> str:
    """Put the model in a PLL's place.

    The unpacker does not know that the PLL's pad is the clock's pin, and leaves both unconnected; that they are one
    is how the chip is built, and nextpnr refuses a clock at another pin.
    """
    cells = re.findall(r"^SB_PLL40_(\w+) #\(", text, re.MULTILINE)
    if not cells:
        return text
    if cells != ["PAD"]:
        raise ToolError(f"the bitstream has a PLL of type SB_PLL40_{cells[0]}, but only SB_PLL40_PAD can be simulated")
    text = text.replace("SB_PLL40_PAD #(", "ICEPOP_PLL #(")
    return re.sub(r"\.PACKAGEPIN\(\w+\)", f".PACKAGEPIN({crystal})", text) + PLL
