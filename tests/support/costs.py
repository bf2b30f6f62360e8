"""Planned cost beside what nextpnr packs."""

from amaranth.lib import wiring

from icepop.boards.synthesis import synthesize
from icepop.compiler.planner.plan import Resources


def check_cost(component: wiring.Component, planned: Resources) -> None:
    """Expect cells within 20 or 15 % of those that a component takes, and as many EBR."""
    real = synthesize(component, "unit", place=False)
    assert planned.ebr == real.ebr, (planned, real)
    assert abs(planned.cells - real.cells) <= max(20, 0.15 * real.cells), (planned, real)
