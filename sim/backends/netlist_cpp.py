"""The netlist that synthesis makes of the design, with models of the iCE40's cells, in Verilator with a bench in C++.

What `netlist` shows in Icarus, hundreds of times faster, so that all of a test set can be compared. Every bit is 0 or 1
here; that no unknown one matters only Icarus can tell.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from amaranth.lib import wiring

from icepop.boards.yosys import cell_models, synthesis
from icepop.sim.backends import Sight, verilator_cpp
from icepop.sim.bench import Progress, Stimulus
from icepop.sim.harness import TOP
from icepop.sim.native import simulation
from icepop.sim.native.build import AFTER_RESET, Flow
from icepop.sim.native.compiler import Unit
from icepop.sim.records import Run

SEES = Sight.STREAMS

PASSES = (*synthesis(TOP, f"{TOP}.design"), *AFTER_RESET, "write_verilog -noattr")

DEFINED = "`define NO_ICE40_DEFAULT_ASSIGNMENTS\n"
"""All ports of a netlist's cells are connected."""

missing = verilator_cpp.missing


def run(design: wiring.Component, stimuli: Sequence[Stimulus], progress: Progress) -> list[Run]:
    """Synthesise ``design`` and simulate it from reset with each stimulus."""
    return simulation.run(FLOW, design, stimuli, progress)


def units(texts: Mapping[str, str], folder: Path) -> list[Unit]:
    """Netlists, each with the models of its cells, as C++."""
    models = cell_models()
    return verilator_cpp.units({name: DEFINED + models + text for name, text in texts.items()}, folder)


FLOW = Flow(
    "netlist_cpp",
    verilator_cpp.YOSYS,
    PASSES,
    "v",
    lambda: verilator_cpp.version() + cell_models(),
    verilator_cpp.runtime,
    units,
    Path(__file__),
)
