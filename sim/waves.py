"""Waves around a fault: the run is repeated in Amaranth's simulator and the cycles around it are kept."""

from dataclasses import dataclass
from pathlib import Path

from amaranth.lib import wiring

from icepop.sim.backends.amaranth import PERIOD_NS, simulate
from icepop.sim.bench import Progress, Stimulus
from icepop.sim.harness import Harness
from icepop.sim.records import Record, transfers
from icepop.sim.vcd import Window

BEFORE, AFTER = 64, 16
"""Cycles that are kept on each side of the fault."""

CYCLE_FS = PERIOD_NS * 1_000_000
"""A cycle in femtoseconds, the time unit of Amaranth's VCD."""


@dataclass(frozen=True)
class Waves:
    """A VCD file.

    Parameters
    ----------
    path : Path
        Where it is.
    first, last : int
        Cycles it shows.
    """

    path: Path
    first: int
    last: int

    def __str__(self) -> str:
        return f"cycles {self.first} to {self.last} are in {self.path}, {PERIOD_NS} ns each"


def capture(
    design: wiring.Component, stimulus: Stimulus, cycle: int, path: Path, progress: Progress
) -> tuple[Waves, dict[str, Record]]:
    """Repeat a run up to some cycles after ``cycle``, and write the waves around it.

    Returns
    -------
    waves : Waves
        What was written; the file appears under its name only when it is complete.
    records : dict of str to Record
        What was seen up to there, by port.
    """
    harness = Harness(design, registered=False)
    first, last = max(0, cycle - BEFORE), cycle + AFTER
    partial = path.with_name(path.name + ".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    with Window(partial.open("w"), first * CYCLE_FS, (last + 1) * CYCLE_FS) as window:
        rows, _ = simulate(harness, stimulus, progress, window, last + 1)
    partial.replace(path)
    return Waves(path, first, last), transfers(harness.layout, rows)
