"""What the command line prints: tables and results on stdout, progress and errors on stderr."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from icepop.compiler.planner.plan import Plan, Resources

Report = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and of how much."""


WIDTH = 1000
"""Characters of a line at most: tables are as wide as what they hold, as narrow terminals would cut figures off."""


class Output:
    """One command's output.

    Parameters
    ----------
    as_json : bool
        Whether the last line is the results as one JSON object.
    """

    def __init__(self, as_json: bool):
        self.as_json = as_json
        self.console = Console(soft_wrap=True, highlight=False, width=WIDTH)
        self.results: dict[str, Any] = {}

    def say(self, line: str) -> None:
        """Print a line."""
        self.console.print(line, markup=False)

    def result(self, **values: Any) -> None:
        """Remember values for the JSON object."""
        self.results.update(values)

    def finish(self, ok: bool = True) -> int:
        """Print the JSON object if it was asked for; returns the exit code."""
        if self.as_json:
            print(json.dumps({**self.results, "ok": ok}))
        return 0 if ok else 1

    def plan(self, plan: Plan) -> None:
        """Print a plan as a table, a row for each stage."""
        table = Table(box=None, pad_edge=False, header_style="")
        for name in ("layer", "unit", "folding", "cycles", "LUT4", "cells", "EBR"):
            table.add_column(name, justify="left" if name in ("layer", "unit") else "right", no_wrap=True)
        for stage in plan.stages:
            table.add_row(stage.name, stage.unit, str(stage.folding), str(stage.interval), *counts(stage.cost))
        if plan.shared is not None:
            readers = f"of {', '.join(plan.shared.stages)}"
            table.add_row("constants", "SharedRom", readers, "", *counts(plan.shared.cost))
        table.add_row("total", "", "", str(plan.interval), *counts(plan.cost))
        self.console.print(table)
        self.say(f"interval {plan.interval} cycles, latency {plan.latency} cycles")

    def planned_and_real(self, rows: list[tuple[str, str, str]]) -> None:
        """Print a table of planned and real figures."""
        table = Table(box=None, pad_edge=False, header_style="")
        for name in ("", "planned", "real"):
            table.add_column(name, justify="right" if name else "left", no_wrap=True)
        for row in rows:
            table.add_row(*row)
        self.console.print(table)


def counts(cost: Resources) -> tuple[str, str, str]:
    """Columns of a plan's table."""
    return str(cost.lut4), str(cost.cells), str(cost.ebr)


@contextmanager
def progress() -> Iterator[Report]:
    """Bars on stderr, one for each thing that is being done; a plain line for each where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield PlainProgress()
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, Any] = {}

        def report(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield report


class PlainProgress:
    """Progress for logs: a line when something starts, and at every quarter."""

    def __init__(self) -> None:
        self.quarters: dict[str, int] = {}

    def __call__(self, what: str, done: int, total: int) -> None:
        """Print where a new quarter is reached."""
        quarter = 4 * done // total if total else 4
        if self.quarters.get(what, -1) < quarter:
            self.quarters[what] = quarter
            print(f"{what}: {done}/{total}", file=sys.stderr, flush=True)
