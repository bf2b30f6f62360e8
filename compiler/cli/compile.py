"""`icepop compile`: a plan and the core's Verilog."""

from pathlib import Path
from typing import Annotated

import typer

from icepop.compiler.cli.console import Output, progress
from icepop.compiler.cli.options import BoardName, ClockMhz, Fps, Input, Interval, Json, MaxLut, Model, PlanFile, Raw
from icepop.compiler.cli.wishes import Wishes, planned, reasons
from icepop.compiler.files import check_writable, write_text
from icepop.compiler.project import load_network

CORE = "accelerator.v"
"""The accelerator alone, for somebody's own design."""


def compile_(
    model: Model,
    output: Annotated[Path, typer.Option("-o", "--output", help="folder to write plan.json and Verilog to")],
    board: BoardName = "icebreaker",
    interval: Interval = None,
    fps: Fps = None,
    max_lut: MaxLut = None,
    plan: PlanFile = None,
    clock: ClockMhz = None,
    why: Annotated[bool, typer.Option("--explain", help="say what bounds the rate")] = False,
    input: Input = None,
    raw: Raw = None,
    json: Json = False,
) -> int:
    """Plan the hardware: the plan as a table, plan.json, and the accelerator's Verilog."""
    from icepop.hdl.accelerator import Accelerator
    from icepop.sim.core import core

    out = Output(json)
    check_writable(output / CORE)
    network = load_network(model, input, plan, raw)
    wishes = Wishes(interval, fps, max_lut, plan, clock)
    made = planned(network, board, wishes)
    out.plan(made)
    if why:
        for line in reasons(network, board, made, wishes):
            out.say(line)
    with progress() as report:
        report("writing Verilog", 0, 1)
        write_text(output / CORE, core(Accelerator(network.lowered, made)))
        report("writing Verilog", 1, 1)
    write_text(output / "plan.json", made.to_json())
    out.say(f"wrote {output / 'plan.json'} and {output / CORE}")
    out.result(interval=made.interval, latency=made.latency, cells=made.cost.cells, ebr=made.cost.ebr)
    return out.finish()
