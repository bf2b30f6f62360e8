"""`synthesize`: what a bare component costs on an iCE40 and how fast it is."""

import json
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from amaranth.back import rtlil
from amaranth.lib import wiring

from icepop.boards.reports import nextpnr_cells, nextpnr_fmax
from icepop.boards.shell import Shell
from icepop.boards.tools import NEXTPNR, run
from icepop.boards.yosys import synthesize_script


@dataclass(frozen=True)
class Measured:
    """Cost of one component after synthesis and placement.

    Parameters
    ----------
    lut4, ff, carry, ebr, spram, dsp : int
        Primitives, by yosys.
    cells : int
        Logic cells (LUT, carry and flip-flop share one where they can), as nextpnr packs them.
    fmax_mhz : float or None
        Highest clock frequency in MHz; None if it was not placed.
    """

    lut4: int
    ff: int
    carry: int
    cells: int
    ebr: int
    spram: int
    dsp: int
    fmax_mhz: float | None


def synthesize(
    component: wiring.Component, name: str, *, place: bool = True, freq_mhz: float = 48.0, seed: int = 1
) -> Measured:
    """Synthesise and pack ``component``, and place it on a UP5K, inside a `Shell` whose cells are subtracted.

    Parameters
    ----------
    component : Component
        Any ports; one clock domain ``sync``.
    name : str
        Name of the top module.
    place : bool
        Whether to place and route too; how many cells it takes is known before.
    freq_mhz : float
        Clock the placer aims at, in MHz; missing it is not an error here.
    seed : int
        Seed of the placer.

    Raises
    ------
    ToolError
        A tool is missing or fails; the component is to be placed and does not fit the chip.
    """
    shell = Shell(component)
    with TemporaryDirectory(prefix="icepop-") as scratch:
        folder = Path(scratch)
        (folder / f"{name}.il").write_text(rtlil.convert(shell, name=name))
        _, used = synthesize_script(folder, name, f"{name}.core")
        run(NEXTPNR, [*nextpnr_arguments(name, freq_mhz, seed), *([] if place else ["--pack-only"])], folder)
        report = json.loads((folder / "report.json").read_text())
        cells = nextpnr_cells(report) - shell.cells
        fmax = min(nextpnr_fmax(report).values(), default=None)
    return Measured(used.lut4, used.ff, used.carry, cells, used.ebr, used.spram, used.dsp, fmax)


def nextpnr_arguments(name: str, freq_mhz: float, seed: int) -> list[str]:
    """Arguments that pack and place ``name``.json on a UP5K without pin constraints."""
    chip = ["--quiet", "--up5k", "--package", "sg48"]
    aims = ["--freq", f"{freq_mhz:g}", "--seed", str(seed), "--timing-allow-fail"]
    return [*chip, *aims, "--json", f"{name}.json", "--report", "report.json"]
