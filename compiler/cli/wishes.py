# amaranth: UnusedElaboratable=no
"""What the user asks of a plan, and the plan."""

from dataclasses import dataclass, replace
from pathlib import Path

from icepop.compiler.errors import IcepopError
from icepop.compiler.planner.explain import ENDLESS, NAMES, explain
from icepop.compiler.planner.plan import Plan
from icepop.compiler.project import Network, make_plan


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


def planned(network: Network, board: str, wishes: Wishes, unbounded: str = "") -> Plan:
    """Plan for a board, what its link takes set aside; of one resource there may be as much as one likes."""
    from icepop.boards.clock import choose_clock
    from icepop.boards.registry import find as find_board
    from icepop.hdl.units.registry import unit_library

    target = find_board(board)
    interval = wishes.interval
    if wishes.fps is not None:
        if interval is not None:
            raise IcepopError("give either --interval or --fps, not both")
        hz = choose_clock(target, None if wishes.clock_mhz is None else wishes.clock_mhz * 1e6).actual_hz
        if not 0 < wishes.fps <= hz:
            raise IcepopError(f"--fps must be above 0 and at most {hz:g}, the clock in Hz, not {wishes.fps:g}")
        interval = int(hz // wishes.fps)
    budget = target.for_accelerator(network.ends()[0])
    if unbounded:
        budget = replace(budget, **{unbounded: ENDLESS})
    clock_hz = None if wishes.clock_mhz is None else wishes.clock_mhz * 1e6
    return make_plan(network, unit_library(), target.name, budget, interval, wishes.saved, wishes.max_lut, clock_hz)


def reasons(network: Network, board: str, plan: Plan, wishes: Wishes) -> list[str]:
    """What bounds a plan's rate, from the fastest plans with what there is and with more than that."""
    from icepop.boards.clock import choose_clock
    from icepop.boards.link import line_order, link_rate
    from icepop.boards.registry import find as find_board

    target = find_board(board)
    free = Wishes(max_lut=wishes.max_lut)
    fastest = planned(network, board, free).interval
    relaxed = {name: planned(network, board, free, unbounded=name).interval for name in NAMES}
    hz = choose_clock(target, None if wishes.clock_mhz is None else wishes.clock_mhz * 1e6).actual_hz
    source, result = (line_order(type) for type in network.ends())
    rates = hz / plan.interval, link_rate(source, result, target.baud)
    return explain(plan, target.for_accelerator(network.ends()[0]), fastest, relaxed, *rates)
