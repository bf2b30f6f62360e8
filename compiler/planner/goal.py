"""`Goal`: what a plan has to reach, and when it fits."""

from dataclasses import dataclass

from icepop.compiler.planner.pipeline import READY_UNITS
from icepop.compiler.planner.plan import Resources

FILL = 0.85
"""Share of the logic cells that place and route fills without trouble."""


@dataclass(frozen=True)
class Goal:
    """What a plan has to reach, and with what.

    Parameters
    ----------
    board : str
        Name of the board, for messages.
    budget : Resources
        What it has for the accelerator.
    interval : int or None
        Cycles a sample that must be reached, with the least area; without it, as few as fit.
    max_lut : int or None
        LUT4 that may be used.
    ready_units : int
        Units through which a ready may run in one cycle.
    even : bool or None
        Whether FIFOs even out bursts; None where either will do.
    """

    board: str
    budget: Resources
    interval: int | None = None
    max_lut: int | None = None
    ready_units: int = READY_UNITS
    even: bool | None = None

    def fits(self, cost: Resources) -> bool:
        """Whether a cost leaves enough of the chip free to be placed and routed."""
        few = self.max_lut is None or cost.lut4 <= self.max_lut
        return few and cost.ebr <= self.budget.ebr and cost.cells <= FILL * self.budget.cells
