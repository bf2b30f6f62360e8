"""What the verbs of the command line tell of their results."""

from dataclasses import asdict
from typing import Any

import numpy as np

from icepop.compiler.cli.console import Output
from icepop.compiler.planner.plan import Plan

COLUMNS = {"LUT4": "lut4", "flip-flops": "ff", "logic cells": "cells", "EBR": "ebr"}
"""What a build is compared by, and where `Resources` holds it."""


def say_build(out: Output, plan: Plan, built: Any) -> None:
    """Print what was planned beside what it became."""
    real, cost = built.accelerator, plan.cost
    rows = [(f"accelerator {name}", str(getattr(cost, key)), str(getattr(real, key))) for name, key in COLUMNS.items()]
    rows += [(f"with link {name}", "", str(getattr(built.total, key))) for name, key in COLUMNS.items()]
    rows.append(("clock", f"{built.clock_hz / 1e6:.2f} MHz", f"{built.fmax_hz / 1e6:.2f} MHz possible"))
    out.planned_and_real(rows)
    out.say(f"place and route: seed {built.seed}")
    rate = built.clock_hz / plan.interval
    out.say(f"{rate:.0f} inferences/s in the core at {built.clock_hz / 1e6:.2f} MHz")
    out.result(interval=plan.interval, latency=plan.latency, clock_hz=built.clock_hz, fmax_hz=built.fmax_hz)
    out.result(planned=asdict(cost), accelerator=asdict(real), total=asdict(built.total), seed=built.seed, rate=rate)


def say_simulation(out: Output, found: Any) -> None:
    """Print what a simulation has shown."""
    stalls = ", then ".join(str(trial.stall) for trial in found.trials)
    out.say(f"{found.backend}: {stalls}; {found.cycles} cycles in {found.seconds:.1f} s")
    if found.message is not None:
        out.say(f"mismatch: {found.message}")
    out.say(f"bit-exact {found.exact}/{found.total}")
    measured = [("interval", found.interval, found.planned_interval), ("latency", found.latency, found.planned_latency)]
    for what, real, plan in measured:
        early = f" as planned for {found.total} samples" if real not in (None, plan) and found.as_planned else ""
        out.say(f"{what}: planned {plan} cycles, simulated {'unknown' if real is None else real}{early}")
    out.result(exact=found.exact, total=found.total, mismatch=found.message, cycles=found.cycles)
    out.result(interval=found.interval, latency=found.latency)


def say_accuracy(out: Output, who: str, labels: Any, y: Any) -> None:
    """Print the share of labels that are right, if they are known."""
    flat = np.asarray(labels).reshape(-1)
    if y is not None and len(flat) == len(y):
        right = float((flat == y).mean())
        out.say(f"{who}: accuracy {right:.2%} of {len(y)}")
        out.result(**{f"{who}_accuracy": right})
