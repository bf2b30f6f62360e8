"""Arguments and options that several verbs of the command line share."""

from pathlib import Path
from typing import Annotated

import typer

Model = Annotated[Path, typer.Argument(metavar="MODEL", help="QONNX file, or folder of a built bitstream")]
Data = Annotated[Path, typer.Argument(metavar="DATA", help="npz with x, and y if labels are known")]
Json = Annotated[bool, typer.Option("--json", help="print one JSON object as the last line")]
BoardName = Annotated[str, typer.Option("--board", help="name of the board")]
Backend = Annotated[
    str, typer.Option(help="amaranth, cxxrtl, icarus, verilator, verilator_cpp; netlist, netlist_cpp; bitstream")
]
Interval = Annotated[int | None, typer.Option("--interval", min=1, help="cycles an inference, reached with least area")]
Fps = Annotated[float | None, typer.Option("--fps", min=0, help="inferences a second instead of --interval")]
MaxLut = Annotated[int | None, typer.Option("--max-lut", min=1, help="LUT4 that the accelerator may use")]
ClockMhz = Annotated[float | None, typer.Option("--clock", min=0, help="clock in MHz; default: the board's")]
PlanFile = Annotated[Path | None, typer.Option("--plan", help="plan.json whose units and foldings are used")]
Input = Annotated[str | None, typer.Option("--input", help="the hardware's input: uint8/255, int16/1024, bipolar")]
Raw = Annotated[
    bool | None, typer.Option("--raw/--class", help="give the last layer's accumulators, not the class they stand for")
]
Baud = Annotated[
    int | None,
    typer.Option("--baud", min=1, help="bits a second on the serial link; default: the build's, else the board's"),
]
Codes = Annotated[bool, typer.Option("--codes", help="x holds integers in the hardware's input format")]
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="folder of a built bitstream")]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="use only the first N samples")]
