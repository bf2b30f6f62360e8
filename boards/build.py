"""`build`: an accelerator to a bitstream and the figures of the real chip."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from icepop.boards.base import Board
from icepop.boards.board_top import BoardTop
from icepop.boards.clock import Baud, Clock
from icepop.boards.implement import SEEDS, Progress, implement
from icepop.boards.tools import ICEPACK, run
from icepop.boards.top import Streaming
from icepop.compiler.errors import ToolError
from icepop.compiler.files import replacing
from icepop.compiler.planner.plan import Resources

NAME = "icepop"
"""Name of the top module and of the files."""

ACCELERATOR = "link.accelerator"
"""Where the accelerator is in the top module."""

BITSTREAM, REPORT = f"{NAME}.bin", "report.json"

KEPT = (f"{NAME}.asc", f"{NAME}.pcf", f"{NAME}.yosys.log", f"{NAME}.nextpnr.log", REPORT, BITSTREAM)
"""Files that stay, in the order in which they appear; the bitstream is the last."""


@dataclass(frozen=True)
class Report:
    """What became of a design.

    Parameters
    ----------
    board : str
        Name of the board.
    bitstream : str
        File name of the bitstream, beside the report.
    clock_requested_hz, clock_hz : float
        Frequency asked for and the PLL's or crystal's actual one, in Hz.
    fmax_hz : float
        Highest frequency after routing, in Hz.
    baud : int
        Bits a second on the serial link.
    baud_error : float
        Relative error of the actual rate.
    seed : int
        Seed of the placer.
    accelerator, total : Resources
        Of the accelerator alone, and with link, UART and reset.
    """

    board: str
    bitstream: str
    clock_requested_hz: float
    clock_hz: float
    fmax_hz: float
    baud: int
    baud_error: float
    seed: int
    accelerator: Resources
    total: Resources

    def to_json(self) -> str:
        """Text that `from_json` reads back."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @staticmethod
    def from_json(text: str) -> "Report":
        """Inverse of `to_json`.

        Raises
        ------
        ToolError
            The text is no report.
        """
        try:
            fields: dict[str, Any] = json.loads(text)
            return Report(**{**fields, **{part: Resources(**fields[part]) for part in ("accelerator", "total")}})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ToolError(f"{REPORT} must hold what 'icepop bitstream' wrote, not this ({error!r})") from error


def build(
    accelerator: Streaming,
    board: Board,
    output: Path,
    clock: Clock,
    baud: Baud,
    *,
    seeds: Sequence[int] = SEEDS,
    progress: Progress = lambda what, done, total: None,
) -> Report:
    """Build a bitstream; ``output`` gets the files `KEPT` once all of them are complete, or none.

    Parameters
    ----------
    accelerator : Component
        Streams ``i`` and ``o`` with layouts ``input`` and ``output``.
    board : Board
        The board.
    output : Path
        Folder for the files; made if need be.
    clock : Clock
        From `choose_clock`.
    baud : Baud
        From `choose_baud`.
    seeds : sequence of int
        Seeds of the placer, tried one after the other until the clock is met.
    progress : callable
        Told of each step, and of each seed.

    Raises
    ------
    PlanError
        The design does not fit or misses the clock.
    ToolError
        A tool is missing or fails.
    """
    with TemporaryDirectory(prefix="icepop-") as scratch:
        folder = Path(scratch)
        progress("elaborate", 0, 1)
        plan = board.platform().prepare(BoardTop(accelerator, board, clock, baud), NAME)
        for file in (f"{NAME}.il", f"{NAME}.pcf"):
            (folder / file).write_text(plan.files[file])
        progress("elaborate", 1, 1)

        made = implement(folder, NAME, ACCELERATOR, board, clock, seeds, progress)

        progress("pack", 0, 1)
        run(ICEPACK, [f"{NAME}.asc", BITSTREAM], folder)
        progress("pack", 1, 1)
        report = Report(
            board=board.name,
            bitstream=BITSTREAM,
            clock_requested_hz=clock.requested_hz,
            clock_hz=clock.actual_hz,
            fmax_hz=made.fmax_hz,
            baud=baud.requested,
            baud_error=baud.error,
            seed=made.seed,
            accelerator=made.part,
            total=made.total,
        )
        (folder / REPORT).write_text(report.to_json())
        deliver(folder, output)
    return report


def deliver(folder: Path, output: Path) -> None:
    """Copy the files to where the user wants them; each appears under its name only when whole."""
    for name in KEPT:
        with replacing(output / name) as temporary:
            shutil.copyfile(folder / name, temporary)


def read_report(folder: Path) -> Report:
    """Report of a built bitstream.

    Raises
    ------
    ToolError
        The folder holds none.
    """
    if not (folder / REPORT).is_file():
        raise ToolError(f"no {REPORT} in '{folder}'; 'icepop bitstream' writes one")
    return Report.from_json((folder / REPORT).read_text())


def check_packed(folder: Path) -> None:
    """Check that a folder's bitstream is its placed design, and not an older or newer one.

    Raises
    ------
    ToolError
        A file is missing, or they differ.
    """
    placed = folder / f"{NAME}.asc"
    for path in (placed, folder / BITSTREAM):
        if not path.is_file():
            raise ToolError(f"no {path.name} in '{folder}'; 'icepop bitstream' writes one")
    with TemporaryDirectory(prefix="icepop-") as scratch:
        shutil.copyfile(placed, Path(scratch) / placed.name)
        run(ICEPACK, [placed.name, BITSTREAM], Path(scratch))
        packed = (Path(scratch) / BITSTREAM).read_bytes()
    if packed != (folder / BITSTREAM).read_bytes():
        raise ToolError(f"{BITSTREAM} in '{folder}' is not {placed.name} packed; build both again")
