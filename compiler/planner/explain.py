"""What bounds a plan's rate, in sentences."""

from collections.abc import Mapping

from icepop.compiler.planner.goal import FILL
from icepop.compiler.planner.plan import Plan, Resources

ENDLESS = 10**9
"""More of a resource than any network takes."""

NAMES = {"ebr": "EBR", "cells": "logic cells"}
"""Resources that may bound a rate, as `Resources` calls them and as people do."""


def explain(
    plan: Plan, budget: Resources, fastest: int, relaxed: Mapping[str, int], core_rate: float, link_rate: float
) -> list[str]:
    """Sentences on what bounds a plan.

    Parameters
    ----------
    plan : Plan
        The plan.
    budget : Resources
        What the board has for the accelerator.
    fastest : int
        Fewest cycles a sample that fit the board.
    relaxed : mapping of str to int
        The same with endless ``ebr`` or ``cells``.
    core_rate, link_rate : float
        Inferences a second that the pipeline computes, and that the serial link carries.
    """
    stages = sorted(plan.stages, key=lambda stage: stage.interval, reverse=True)
    slowest = f"'{stages[0].name}' takes {stages[0].interval} of {plan.interval} cycles"
    if len(stages) > 1:
        slowest += f", the next slowest, '{stages[1].name}', {stages[1].interval}"
    fill = int(FILL * budget.cells)
    used = f"{plan.cost.ebr} of {budget.ebr} EBR and {plan.cost.cells} of {fill} logic cells to fill are used"
    bounds = [NAMES[name] for name, interval in relaxed.items() if interval < fastest]
    found = ", ".join(f"{interval} with endless {NAMES[name]}" for name, interval in relaxed.items())
    who = " and ".join(bounds) or "EBR and logic cells together"
    limit = f"the fastest plan that fits takes {fastest} cycles, {found}: {who} bound the rate"
    if fastest == min(relaxed.values()) and not bounds and fastest == plan.interval == stages[0].interval:
        limit = f"no plan is faster than {fastest} cycles, even with endless EBR or logic cells"
    narrow = "the link" if link_rate < core_rate else "the core"
    board = f"the core makes {core_rate:.0f} inferences/s, the link carries {link_rate:.0f}: {narrow} bounds the board"
    return [slowest, used, limit, board]
