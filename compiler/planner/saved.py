"""A saved plan: what it fixes of a new one, read from a file that may have been edited."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from icepop.compiler.errors import PlanError
from icepop.compiler.planner.pipeline import READY_UNITS
from icepop.compiler.planner.plan import Folding, Pin

DEFAULTS = asdict(Folding())
"""What a folding may say, with the unit's own rule for each choice."""

CHOICES = {"weights": ("ebr", "lut"), "buffer": ("ebr", "registers", "sums")}
"""What texts of a folding may be, where it does not depend on the layer."""


@dataclass(frozen=True)
class SavedPlan:
    """What a plan file fixes.

    Parameters
    ----------
    pins : dict of str to Pin
        Unit and folding of layers by stage name.
    input : str
        Format of the hardware's input; empty where the host applies the first quantizer.
    raw : bool
        As in a `Plan`.
    ready_units : int
        As in a `Plan`.
    even : bool or None
        As in a `Plan`; None where either will do.
    """

    pins: dict[str, Pin]
    input: str = ""
    raw: bool = False
    ready_units: int = READY_UNITS
    even: bool | None = None


def read_plan(path: Path) -> SavedPlan:
    """Read a plan file.

    Raises
    ------
    PlanError
        No such file, it is no plan, or it says what no plan can.
    """
    if not path.is_file():
        raise PlanError(f"no plan file '{path}'; 'icepop compile' writes one")
    try:
        told = json.loads(path.read_bytes())
        stages = [stage for stage in told["stages"] if stage["ops"]]
        pins = {stage["name"]: read_pin(stage, f"'{stage['name']}' in '{path}'") for stage in stages}
        input, raw = told.get("input", ""), told.get("raw", False)
        run, even = told.get("ready_units", READY_UNITS), told.get("even")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise PlanError(f"'{path}' is no plan; 'icepop compile' writes one") from error
    if not isinstance(input, str):
        raise PlanError(f"'input' in '{path}' must be a text, not {input!r}")
    if not isinstance(raw, bool):
        raise PlanError(f"'raw' in '{path}' must be true or false, not {raw!r}")
    if not isinstance(run, int) or run < 1:
        raise PlanError(f"'ready_units' in '{path}' must be a whole number from 1 on, not {run!r}")
    if not (even is None or isinstance(even, bool)):
        raise PlanError(f"'even' in '{path}' must be true or false, not {even!r}")
    return SavedPlan(pins, input, raw, run, even)


def read_pin(stage: Mapping[str, Any], where: str) -> Pin:
    """What a stage fixes; raises KeyError or TypeError where it is none, and `PlanError` for what no folding can be."""
    folding = {"pe": stage["folding"]["pe"], "simd": stage["folding"]["simd"], **stage["folding"]}
    for key, value in folding.items():
        if key not in DEFAULTS:
            raise PlanError(f"the folding of {where} may have {', '.join(DEFAULTS)}, not '{key}'")
        if type(value) is not type(DEFAULTS[key]):
            kind = "a whole number" if isinstance(DEFAULTS[key], int) else "a text"
            raise PlanError(f"'{key}' of {where} must be {kind}, not {value!r}")
        if value and value not in CHOICES.get(key, (value,)):
            allowed = ", ".join(f"'{choice}'" for choice in CHOICES[key])
            raise PlanError(f"'{key}' of {where} must be one of {allowed}, or empty for the unit's own, not '{value}'")
    return Pin(Folding(**folding), str(stage.get("unit", "")))
