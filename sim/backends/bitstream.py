"""The finished bitstream, turned back into Verilog, in Icarus Verilog under cocotb, driven at a board's pins.

What it shows beyond the netlist is whether place and route kept their word, and that the link carries the samples.
"""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from icepop.boards.build import build
from icepop.boards.clock import choose_baud, choose_clock
from icepop.boards.registry import find
from icepop.hdl.accelerator import Accelerator
from icepop.sim import fabric
from icepop.sim.backends import Sight, icarus
from icepop.sim.bench import BenchError, Progress, Stimulus
from icepop.sim.chip import ask
from icepop.sim.records import Run

SEES = Sight.PINS


def missing() -> str | None:
    """Name the first thing that is not there, and how to get it."""
    return icarus.missing() or fabric.missing()


def run(design: Accelerator, stimuli: Sequence[Stimulus], progress: Progress) -> list[Run]:
    """Build ``design`` for its plan's board, with the board's clock and baud rate, and send it each stimulus's samples.

    Raises
    ------
    BenchError
        A stimulus has stalls: the line has none.
    """
    if any(stall.kind != "none" for stimulus in stimuli for stall in (stimulus.offer, stimulus.accept)):
        raise BenchError("a bitstream's streams cannot be stalled at its pins; simulate it without stalls")
    board = find(design.plan.board)
    clock = choose_clock(board)
    with TemporaryDirectory(prefix="icepop-") as scratch:
        folder = Path(scratch)
        build(design, board, folder, clock, choose_baud(board, clock), progress=progress)
        return [
            ask(folder, design.input.unpack(each.payloads), design.input, design.output, each.patience, progress)
            for each in stimuli
        ]
