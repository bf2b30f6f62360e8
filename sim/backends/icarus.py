"""Icarus Verilog under cocotb: event driven and four-valued, so it shows an X that others cannot."""

from collections.abc import Sequence
from importlib.util import find_spec
from shutil import which

from amaranth.lib import wiring

from icepop.sim import cocotb_run
from icepop.sim.bench import Progress, Stimulus
from icepop.sim.records import Run


def missing() -> str | None:
    """Name the first thing that is not there, and how to get it."""
    if find_spec("cocotb") is None:
        return "cocotb is not installed; pip install cocotb, or use --backend amaranth"
    for tool in ("iverilog", "vvp"):
        if which(tool) is None:
            return f"{tool} is not on PATH; apt install iverilog, or use --backend verilator"
    return None


def run(design: wiring.Component, stimuli: Sequence[Stimulus], progress: Progress) -> list[Run]:
    """Simulate ``design`` from reset with each stimulus."""
    return cocotb_run.run("icarus", design, stimuli, progress)
