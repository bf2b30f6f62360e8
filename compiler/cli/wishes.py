# amaranth: UnusedElaboratable=no
"""What the user asks of a plan, and the plan."""

from dataclasses import dataclass, replace
from pathlib import Path

from icepop.compiler.errors import IcepopError
from icepop.compiler.planner.explain import ENDLESS, NAMES, explain
from icepop.compiler.planner.plan import Plan
from icepop.compiler.project import PLAN, Network, make_plan


@dataclass(frozen=True)
class Wishes:
    """What the user asks of a plan.

    Parameters
    ----------
    interval : int or None
        Cycles an inference.
    fps : float or None
        Inferences a second, instead.
    max_lut : int or None
        LUT4 that the accelerator may use.
    saved : Path or None
        A plan to take over.
    clock_mhz : float or None
        Clock; the board's without it.
    """

    interval: int | None = None
    fps: float | None = None
    max_lut: int | None = None
    saved: Path | None = None
    clock_mhz: float | None = None

    @property
    def clock_hz(self) -> float | None:
        """The clock in Hz."""
        return None if self.clock_mhz is None else self.clock_mhz * 1e6

    def with_plan_of(self, model: Path) -> "Wishes":
        """The same, and where nothing is asked for the plan of a build's folder."""
        return Wishes(saved=model / PLAN) if model.is_dir() and self == Wishes() else self

    def cycles(self, clock_hz: float) -> int | None:
        """Cycles an inference at a clock, as asked for in either way; None where neither is given."""
        if self.fps is None:
            return self.interval
        if self.interval is not None:
            raise IcepopError("give either --interval or --fps, not both")
        if not 0 < self.fps <= clock_hz:
            raise IcepopError(f"--fps must be above 0 and at most {clock_hz:g}, the clock in Hz, not {self.fps:g}")
        return int(clock_hz // self.fps)


def planned(network: Network, board: str, wishes: Wishes, unbounded: str = "") -> Plan:
    """Plan for a board, what its link takes set aside; of one resource there may be as much as one likes."""
    from icepop.boards.clock import choose_clock
    from icepop.boards.registry import find as find_board
    from icepop.hdl.units.registry import unit_library

    target = find_board(board)
    interval = wishes.cycles(choose_clock(target, wishes.clock_hz).actual_hz)
    budget = target.for_accelerator(network.ends()[0])
    if unbounded:
        budget = replace(budget, **{unbounded: ENDLESS})
    asked = interval, wishes.saved, wishes.max_lut, wishes.clock_hz
    return make_plan(network, unit_library(), target.name, budget, *asked)


def reasons(network: Network, board: str, plan: Plan, wishes: Wishes) -> list[str]:
    """What bounds a plan's rate, from the fastest plans with what there is and with more than that."""
    from icepop.boards.clock import choose_clock
    from icepop.boards.link import line_order, link_rate
    from icepop.boards.registry import find as find_board

    target = find_board(board)
    free = replace(wishes, interval=None, fps=None, saved=None)
    fastest = planned(network, board, free).interval
    relaxed = {name: planned(network, board, free, unbounded=name).interval for name in NAMES}
    hz = choose_clock(target, wishes.clock_hz).actual_hz
    source, result = (line_order(type) for type in network.ends())
    rates = hz / plan.interval, link_rate(source, result, target.baud)
    return explain(plan, target.for_accelerator(network.ends()[0]), fastest, relaxed, *rates)
