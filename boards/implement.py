"""Synthesis, place and route: one attempt after the other, until a design is routed and meets its clock."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from icepop.boards.base import Board
from icepop.boards.clock import Clock
from icepop.boards.reports import cells_of_part, nextpnr_cells, nextpnr_fmax
from icepop.boards.tools import NEXTPNR, TookTooLong, run
from icepop.boards.yosys import LEAST_ENABLED, synthesize_script
from icepop.compiler.errors import PlanError, ToolError
from icepop.compiler.planner.plan import Resources

SEEDS = (1, 2, 3)
"""Seeds of the placer that are tried. Of a chip filled to 85 % most can be routed in a minute; now and then the placer
finds no legal place for the last cells, the router goes round in circles, or the clock is missed by a little."""

MORE_ENABLED = 8
"""Flip-flops that an enable has at least where the usual number led to nothing: fewer enables and some more look-up
tables. A ShuffleNet that found no legal place then takes 4,346 cells, with 168 pairs of enable and reset, and is placed
in 20 s."""

PATIENCE_S = 300
"""Longest that place and route may take where there is something else to try."""

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and of how much."""


class Unplaced(PlanError):
    """The placer finds no place for some cells."""


@dataclass(frozen=True)
class Implemented:
    """A design on the chip.

    Parameters
    ----------
    seed : int
        Seed of the placer.
    fmax_hz : float
        Highest frequency after routing, in Hz.
    total, part : Resources
        Of the whole, and of the part that is asked for.
    """

    seed: int
    fmax_hz: float
    total: Resources
    part: Resources


def implement(
    folder: Path, name: str, part: str, board: Board, clock: Clock, seeds: Sequence[int], progress: Progress
) -> Implemented:
    """Synthesise ``name``.il in ``folder``, then place and route it, until an attempt meets the clock.

    Parameters
    ----------
    folder : Path
        Where the design and its pins, ``name``.pcf, are, and ``name``.asc and the logs go.
    name, part : str
        Top module, and the instance in it whose resources are counted.
    board : Board
        The board.
    clock : Clock
        What has to be reached.
    seeds : sequence of int
        Seeds of the placer, in the order in which they are tried.
    progress : callable
        Told of each step.

    Raises
    ------
    PlanError
        The design does not fit the chip, or no attempt meets the clock.
    ToolError
        A tool fails.
    """
    fastest, failure, synthesized = 0.0, None, 0
    tries = attempts(seeds)
    for number, (least_enabled, seed) in enumerate(tries, 1):
        how = ", fewer clock enables" if least_enabled > LEAST_ENABLED else ""
        if synthesized != least_enabled:
            progress(f"synthesize{how}", 0, 1)
            total, inner = synthesize_script(folder, name, f"{name}.{part}", least_enabled)
            check_fit(total, board)
            progress(f"synthesize{how}", 1, 1)
            synthesized = least_enabled
        step = f"place and route, seed {seed}{how}"
        progress(step, 0, 1)
        try:
            route(folder, name, board, seed, total, PATIENCE_S if number < len(tries) else None)
        except (TookTooLong, Unplaced) as error:
            failure = error
            continue
        progress(step, 1, 1)
        timing = json.loads((folder / "timing.json").read_text())
        fmax_hz = 1e6 * min(nextpnr_fmax(timing).values())
        if fmax_hz >= clock.actual_hz:
            cells = cells_of_part(json.loads((folder / "placed.json").read_text()), part)
            whole = replace(total, cells=nextpnr_cells(timing))
            return Implemented(seed, fmax_hz, whole, replace(inner, cells=cells))
        fastest = max(fastest, fmax_hz)
    if failure is not None and not fastest:
        raise failure
    raise PlanError(
        f"the design reaches {fastest / 1e6:.2f} MHz but the clock is {clock.actual_hz / 1e6:g} MHz; "
        "lower the clock, try another seed, or allow a longer interval"
    )


def attempts(seeds: Sequence[int]) -> list[tuple[int, int]]:
    """Least flip-flops of an enable, and seed, of each attempt."""
    return [(LEAST_ENABLED, seeds[0]), *((MORE_ENABLED, seed) for seed in seeds)]


def check_fit(total: Resources, board: Board) -> None:
    """Raise `PlanError` for more primitives than the chip has, which nextpnr would tell less plainly."""
    for what, name in (("lut4", "LUT4"), ("ff", "flip-flops"), ("ebr", "EBR"), ("spram", "SPRAM"), ("dsp", "DSP")):
        needed, there = getattr(total, what), getattr(board.budget, what)
        if needed > there:
            raise PlanError(
                f"the design needs {needed} {name} but {board.name} has {there}; "
                "allow a longer interval or shrink the model"
            )


def route(folder: Path, name: str, board: Board, seed: int, total: Resources, timeout_s: float | None) -> None:
    """Run nextpnr with one seed on a netlist of these resources; for so many seconds, or as long as any tool may take.

    Raises
    ------
    Unplaced
        Some cells have no place.
    TookTooLong
        It does not finish in time.
    ToolError
        It fails for another reason.
    """
    chip = ["--quiet", f"--{board.device}", "--package", board.package, "--seed", str(seed), "--timing-allow-fail"]
    inputs = ["--json", f"{name}.json", "--pcf", f"{name}.pcf"]
    outputs = ["--asc", f"{name}.asc", "--log", f"{name}.nextpnr.log", "--report", "timing.json"]
    try:
        run(NEXTPNR, [*chip, *inputs, *outputs, "--write", "placed.json"], folder, timeout_s)
    except ToolError as error:
        if "no BELs remaining" not in str(error) and "legal placement" not in str(error):
            raise
        raise Unplaced(
            f"the design's {total.lut4} LUT4 and {total.ff} flip-flops do not fit the {board.budget.cells} logic cells "
            f"of {board.name}; allow a longer interval or shrink the model"
        ) from error
