"""Place and route: one seed after the other, until a design is routed and meets its clock."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from icepop.boards.base import Board
from icepop.boards.clock import Clock
from icepop.boards.reports import cells_of_part, nextpnr_cells, nextpnr_fmax
from icepop.boards.tools import NEXTPNR, TookTooLong, run
from icepop.compiler.errors import PlanError, ToolError

SEEDS = (1, 2, 3, 4)
"""Seeds of the placer that are tried. Of a chip filled to 85 % most can be routed in a minute; now and then the router
goes round in circles, or the clock is missed by a little."""

PATIENCE_S = 600
"""Longest that one of several seeds may take."""

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and of how much."""


@dataclass(frozen=True)
class Placed:
    """A design on the chip.

    Parameters
    ----------
    seed : int
        Seed of the placer.
    fmax_hz : float
        Highest frequency after routing, in Hz.
    cells, part_cells : int
        Logic cells of the whole, and of the part that is asked for.
    """

    seed: int
    fmax_hz: float
    cells: int
    part_cells: int


def place(
    folder: Path, name: str, part: str, board: Board, clock: Clock, seeds: Sequence[int], progress: Progress
) -> Placed:
    """Place and route the netlist ``name``.json in ``folder`` with the first seed that does.

    Parameters
    ----------
    folder : Path
        Where the netlist and the pins, ``name``.pcf, are, and ``name``.asc and the log go.
    name, part : str
        Top module, and the part of it whose cells are counted.
    board : Board
        The board.
    clock : Clock
        What has to be reached.
    seeds : sequence of int
        In the order in which they are tried.
    progress : callable
        Told of each seed.

    Raises
    ------
    PlanError
        The design does not fit the chip, or no seed meets the clock.
    ToolError
        A tool fails.
    """
    fastest = 0.0
    for seed in seeds:
        step = f"place and route, seed {seed}"
        progress(step, 0, 1)
        try:
            route(folder, name, board, seed, None if len(seeds) == 1 else PATIENCE_S)
        except TookTooLong:
            if len(seeds) == 1:
                raise
            continue
        progress(step, 1, 1)
        timing = json.loads((folder / "timing.json").read_text())
        fmax_hz = 1e6 * min(nextpnr_fmax(timing).values())
        if fmax_hz >= clock.actual_hz:
            part_cells = cells_of_part(json.loads((folder / "placed.json").read_text()), part)
            return Placed(seed, fmax_hz, nextpnr_cells(timing), part_cells)
        fastest = max(fastest, fmax_hz)
    tried = f" with seed {seeds[0]}" if len(seeds) == 1 else f" with seeds {', '.join(map(str, seeds))}"
    if not fastest:
        raise PlanError(f"the design could not be routed within {PATIENCE_S} s{tried}; allow a longer interval")
    raise PlanError(
        f"the design reaches {fastest / 1e6:.2f} MHz{tried} but the clock is {clock.actual_hz / 1e6:g} MHz; "
        "lower the clock, try another seed, or allow a longer interval"
    )


def route(folder: Path, name: str, board: Board, seed: int, timeout_s: float | None) -> None:
    """Run nextpnr with one seed."""
    chip = ["--quiet", f"--{board.device}", "--package", board.package, "--seed", str(seed), "--timing-allow-fail"]
    inputs = ["--json", f"{name}.json", "--pcf", f"{name}.pcf"]
    outputs = ["--asc", f"{name}.asc", "--log", f"{name}.nextpnr.log", "--report", "timing.json"]
    try:
        run(NEXTPNR, [*chip, *inputs, *outputs, "--write", "placed.json"], folder, timeout_s)
    except ToolError as error:
        if "no BELs remaining" not in str(error):
            raise
        raise PlanError(
            f"the design does not fit the {board.budget.cells} logic cells of {board.name}; "
            "allow a longer interval or shrink the model"
        ) from error
