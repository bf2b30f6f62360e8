"""Component to portable Verilog-2001, and the refusal of designs that a simulator would quietly get wrong."""

import re
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from amaranth.back import rtlil
from amaranth.hdl import Elaboratable, Fragment, Instance, Value
from amaranth.lib import wiring

from icepop.boards.tools import YOSYS, Tool, run
from icepop.sim.bench import BenchError

INTERNAL = ("generator", "top", "src", "amaranth.hierarchy", "amaranth.decoding")
"""Attributes that only Amaranth's own tools read."""

VERILOG = (
    "proc",
    "pmuxtree",
    "memory_collect",
    "opt_clean -purge",
    *(f"attrmap {mode}-remove {attribute}" for mode in ("", "-modattr ") for attribute in INTERNAL),
    "write_verilog -norename",
)
"""Yosys' commands from RTLIL to Verilog-2001.

All that is combinational becomes assignments. Kept as processes it would need SystemVerilog's ``always_comb``: an
event-driven simulator runs ``always @*`` only when something changes, and a table would stay unknown until its address
first moves. Two-way choices, because yosys writes wider ones as functions under names that Icarus takes for system
functions.
"""

INITIAL = re.compile(r"^( *)(reg (?:\[\d+:\d+\] )?)(\S+ ?) = (\d+'h[0-9a-f]+);$", re.MULTILINE)
"""A register declared with its initial value, which Verilator warns of (PROCASSINIT) where a process sets it too."""


def behavioural(design: Elaboratable) -> Fragment:
    """Elaborate ``design`` for no platform.

    Raises
    ------
    BenchError
        It instantiates a cell: a simulator has no model of it, and Amaranth's would silently leave its outputs at 0.
    """
    fragment = Fragment.get(design, None)
    refuse_instances(fragment, "design")
    return fragment


def refuse_instances(fragment: Fragment, path: str) -> None:
    """Raise `BenchError` naming the first `Instance` at or under ``fragment``."""
    if isinstance(fragment, Instance):
        raise BenchError(
            f"'{path}' is an instance of {fragment.type}, which RTL simulation cannot run; "
            "build it for no platform, or simulate the netlist"
        )
    for number, (child, name, _) in enumerate(fragment.subfragments):
        refuse_instances(child, f"{path}.{name or number}")


def intermediate(design: wiring.Component, name: str) -> str:
    """RTLIL of ``design`` as module ``name``, with ports ``clk`` and ``rst`` beside its own.

    Raises
    ------
    BenchError
        The design holds an `Instance`.
    """
    members = design.signature.flatten(design)
    ports = {"__".join(map(str, path)): (Value.cast(value), None) for path, _, value in members}
    return rtlil.convert(behavioural(design), name=name, ports=ports, emit_src=False)


def translate(sources: Sequence[str], passes: Sequence[str], suffix: str, yosys: Tool = YOSYS) -> list[str]:
    """What yosys makes of some RTLIL, all in one run, because its start takes as long as a small design.

    Parameters
    ----------
    sources : sequence of str
        RTLIL.
    passes : sequence of str
        Commands; the last one writes a file, whose name is put behind it.
    suffix : str
        Of that file.
    yosys : Tool
        Which yosys.

    Raises
    ------
    ToolError
        There is no yosys, or it fails.
    """
    with TemporaryDirectory(prefix="icepop-") as name_of_folder:
        folder = Path(name_of_folder)
        script: list[str] = []
        for k, source in enumerate(sources):
            (folder / f"design{k}.il").write_text(source)
            script += [f"read_rtlil design{k}.il", *passes[:-1], f"{passes[-1]} design{k}.{suffix}", "design -reset"]
        (folder / "script.ys").write_text("\n".join(script))
        run(yosys, ["-q", "-s", "script.ys"], folder)
        return [(folder / f"design{k}.{suffix}").read_text() for k in range(len(sources))]


def verilog(design: wiring.Component, name: str) -> str:
    """Verilog-2001 of ``design`` as module ``name``, with ports ``clk`` and ``rst`` beside its own.

    Raises
    ------
    BenchError
        The design holds an `Instance`.
    ToolError
        There is no yosys, or it fails.
    """
    (text,) = translate([intermediate(design, name)], VERILOG, "v")
    return INITIAL.sub(r"\1\2\3;\n\1initial \3 = \4;", text)
