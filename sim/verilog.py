"""Component to portable Verilog, and the refusal of designs that a simulator would quietly get wrong."""

from pathlib import Path
from tempfile import TemporaryDirectory

from amaranth.back import rtlil
from amaranth.hdl import Elaboratable, Fragment, Instance, Value
from amaranth.lib import wiring

from icepop.boards.tools import YOSYS, run
from icepop.sim.bench import BenchError

INTERNAL = ("generator", "top", "src", "amaranth.hierarchy", "amaranth.decoding")
"""Attributes that only Amaranth's own tools read."""


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


def verilog(design: wiring.Component, name: str) -> str:
    """Verilog of ``design`` as module ``name``, with ports ``clk`` and ``rst`` beside its own.

    It needs SystemVerilog's ``always_comb``: an event-driven simulator runs ``always @*`` only when something changes,
    and a table would stay unknown until its address first moves.

    Raises
    ------
    BenchError
        The design holds an `Instance`.
    ToolError
        There is no yosys, or it fails.
    """
    members = design.signature.flatten(design)
    ports = {"__".join(map(str, path)): (Value.cast(value), None) for path, _, value in members}
    text = rtlil.convert(behavioural(design), name=name, ports=ports, emit_src=False)
    script = [
        "read_rtlil design.il",
        "proc -nomux -norom",
        "memory_collect",
        *(f"attrmap {mode}-remove {attribute}" for mode in ("", "-modattr ") for attribute in INTERNAL),
        "write_verilog -sv -norename design.sv",
    ]
    with TemporaryDirectory(prefix="icepop-") as name_of_folder:
        folder = Path(name_of_folder)
        (folder / "design.il").write_text(text)
        run(YOSYS, ["-q", "-p", "; ".join(script)], folder)
        return (folder / "design.sv").read_text()
