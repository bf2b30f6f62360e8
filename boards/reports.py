"""What synthesis and placement report, as numbers."""

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from icepop.compiler.planner.plan import Resources

FLIP_FLOP = re.compile(r"SB_DFF\w*")
"""iCE40 flip-flops come in 20 kinds, one for each use of enable, set, reset and clock edge."""

LOGIC_CELL = "ICESTORM_LC"
"""A logic cell, as nextpnr calls it."""


def yosys_resources(stat: Mapping[str, Any], module: str) -> Resources:
    r"""Primitives of one flat module, from yosys' ``stat -json``.

    Parameters
    ----------
    stat : mapping
        The parsed JSON.
    module : str
        Name of the module, without the leading backslash.

    Returns
    -------
    Resources
        Logic cells stay 0: they are known after packing.
    """
    # Amaranth leaves out a module that consists of wires only
    counts: Mapping[str, int] = stat["modules"].get(f"\\{module}", {}).get("num_cells_by_type", {})
    return Resources(
        lut4=counts.get("SB_LUT4", 0),
        ff=sum(count for kind, count in counts.items() if FLIP_FLOP.fullmatch(kind)),
        carry=counts.get("SB_CARRY", 0),
        ebr=sum(count for kind, count in counts.items() if kind.startswith("SB_RAM40_4K")),
        spram=counts.get("SB_SPRAM256KA", 0),
        dsp=counts.get("SB_MAC16", 0),
    )


def nextpnr_cells(report: Mapping[str, Any]) -> int:
    """Logic cells that are used, from nextpnr's ``--report``."""
    return int(report["utilization"][LOGIC_CELL]["used"])


def nextpnr_fmax(report: Mapping[str, Any]) -> dict[str, float]:
    """Highest frequency of each clock in MHz, by nextpnr's net name, from its ``--report``."""
    return {clock: float(result["achieved"]) for clock, result in report.get("fmax", {}).items()}


def cells_of_part(netlist: Mapping[str, Any], part: str) -> int:
    """Logic cells of one part of the hierarchy, from the netlist that nextpnr writes.

    A cell is named after what it was packed from. Cells that nextpnr adds, to lead a carry in or out of a chain,
    belong to whatever they are connected to.

    Parameters
    ----------
    netlist : mapping
        The parsed JSON.
    part : str
        Hierarchical name without the top module's, such as ``link.accelerator``.
    """
    (module,) = netlist["modules"].values()
    cells = {name: cell for name, cell in module["cells"].items() if cell["type"] == LOGIC_CELL}
    inside = {name for name in cells if name.startswith(f"{part}.")}
    added = {name for name in cells if name.startswith("$nextpnr")}
    neighbours: dict[int, set[str]] = defaultdict(set)
    for name in cells.keys() - added:
        for net in nets(cells[name]):
            neighbours[net].add(name)
    # clock and reset reach every cell and tell nothing
    for name in added:
        near = [neighbours[net] for net in nets(cells[name]) if 0 < len(neighbours[net]) <= LOCAL]
        if any(group & inside for group in near):
            inside.add(name)
    return len(inside)


LOCAL = 8
"""Cells on a net up to which the net is taken for a connection, not for clock, enable or reset."""


def nets(cell: Mapping[str, Any]) -> set[int]:
    """Numbers of the nets at a cell's ports."""
    return {bit for bits in cell["connections"].values() for bit in bits if isinstance(bit, int)}
