from icepop.compiler.planner.explain import explain
from icepop.compiler.planner.plan import Folding, Plan, Resources, Stage

BUDGET = Resources(cells=1000, ebr=8)


def plan(*intervals: int) -> Plan:
    stages = tuple(
        Stage(f"fc{k}", "Engine", (f"fc{k}",), Folding(), interval, Resources(cells=100, ebr=2))
        for k, interval in enumerate(intervals)
    )
    return Plan("board", "x", stages, max(intervals), 999)


def test_what_bounds_the_rate() -> None:
    assert explain(plan(40, 160, 128), BUDGET, 100, {"ebr": 60, "cells": 100}, 225_000, 935) == [
        "'fc1' takes 160 of 160 cycles, the next slowest, 'fc2', 128",
        "6 of 8 EBR and 300 of 850 logic cells to fill are used",
        "the fastest plan that fits takes 100 cycles, 60 with endless EBR, 100 with endless logic cells: "
        "EBR bound the rate",
        "the core makes 225000 inferences/s, the link carries 935: the link bounds the board",
    ]


def test_both_or_neither() -> None:
    assert explain(plan(50), BUDGET, 50, {"ebr": 50, "cells": 50}, 10, 935) == [
        "'fc0' takes 50 of 50 cycles",
        "2 of 8 EBR and 100 of 850 logic cells to fill are used",
        "no plan is faster than 50 cycles, even with endless EBR or logic cells",
        "the core makes 10 inferences/s, the link carries 935: the core bounds the board",
    ]
    both = explain(plan(50), BUDGET, 50, {"ebr": 40, "cells": 30}, 10, 935)[2]
    assert both.endswith("40 with endless EBR, 30 with endless logic cells: EBR and logic cells bound the rate")
