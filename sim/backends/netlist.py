"""The netlist that synthesis makes of the design, with models of the iCE40's cells, in Icarus Verilog under cocotb.

What it shows beyond the RTL is whether synthesis kept its word: block memories and their contents, tables, carry
chains. Taps can be watched too, but they are kept as outputs then, and the netlist is not the one of a bitstream.
"""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from amaranth.back import rtlil
from amaranth.hdl import Value
from amaranth.lib import wiring

from icepop.boards.yosys import cell_models, synthesize_script
from icepop.sim import cocotb_run
from icepop.sim.backends import Sight, icarus
from icepop.sim.bench import Progress, Stimulus
from icepop.sim.records import Run

SEES = Sight.STREAMS

BUILD_ARGS = ("-DNO_ICE40_DEFAULT_ASSIGNMENTS",)
"""Icarus refuses default values of ports."""


def missing() -> str | None:
    """Name the first thing that is not there, and how to get it."""
    return icarus.missing()


def run(design: wiring.Component, stimuli: Sequence[Stimulus], progress: Progress) -> list[Run]:
    """Synthesise ``design`` and simulate it from reset with each stimulus."""
    models = {"cells.v": cell_models()}
    return cocotb_run.run("icarus", design, stimuli, progress, BUILD_ARGS, files=models, convert=netlist)


def netlist(harness: wiring.Component, name: str) -> str:
    """Netlist of ``harness`` as module ``name``; its submodule ``design`` is synthesised by itself, as for a board."""
    members = harness.signature.flatten(harness)
    ports = {"__".join(map(str, path)): (Value.cast(value), None) for path, _, value in members}
    text = rtlil.convert(harness, name=name, ports=ports, emit_src=False)
    with TemporaryDirectory(prefix="icepop-") as scratch:
        folder = Path(scratch)
        (folder / f"{name}.il").write_text(text)
        synthesize_script(folder, name, f"{name}.design")
        return (folder / f"{name}.v").read_text()
