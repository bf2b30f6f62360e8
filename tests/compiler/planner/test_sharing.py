"""Constants in one memory: chosen where they save EBR that are short, and given in a plan."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from messages import says
from networks import even

from icepop.compiler.errors import PlanError
from icepop.compiler.graph import Graph
from icepop.compiler.ops.argmax import ArgMax
from icepop.compiler.ops.base import Op
from icepop.compiler.ops.dense import Dense
from icepop.compiler.ops.input import Input
from icepop.compiler.ops.threshold import Threshold
from icepop.compiler.planner.goal import FILL
from icepop.compiler.planner.plan import Folding, Plan, Resources
from icepop.compiler.planner.saved import read_plan
from icepop.compiler.planner.search import search
from icepop.compiler.types import Domain, TensorType
from icepop.hdl.units.registry import unit_library

CODES = Domain(0, 31)
INTERVAL = 400


def network() -> Graph:
    """Layers of 5 bits, whose levels are multiplied, added and shifted."""
    rng = np.random.default_rng(8)
    ops: list[Op] = [Input("x", (), TensorType((16,), CODES))]
    type = ops[0].infer()
    for k, rows in enumerate((40, 36, 20, 5)):
        ops.append(Dense(f"fc{k}", (ops[-1].name,), rng.integers(-15, 16, (rows, type.shape[0]))))
        type = ops[-1].infer(type)
        if rows > 5:
            levels = even(rng, rows, type.integers, CODES.size - 1)
            ops.append(Threshold(f"act{k}", (ops[-1].name,), levels, np.ones(rows, np.int64), CODES))
            type = ops[-1].infer(type)
    return Graph((*ops, ArgMax("argmax", (ops[-1].name,))))


NETWORK = network()


def planned(budget: Resources, interval: int | None = INTERVAL, pins: Mapping[str, Folding] | None = None) -> Plan:
    units = {} if pins is None else {name: "MultiplyAddShift" for name in ("act0", "act1", "act2") if name in pins}
    return search(NETWORK, "x", unit_library(), "board", budget, interval, pins, units)


ROOMY = Resources(cells=10**6, ebr=1000)
PLENTY = planned(ROOMY)
SHORT = Resources(cells=round(1.1 * PLENTY.cost.cells / FILL), ebr=PLENTY.cost.ebr - 3)
FEW = planned(SHORT)


def test_nothing_is_shared_where_there_is_enough() -> None:
    assert PLENTY.shared is None
    assert all(stage.folding.spacing == 0 for stage in PLENTY.stages)


def test_constants_are_shared_where_ebr_are_short() -> None:
    assert FEW.shared is not None
    assert set(FEW.shared.stages) <= {"act0", "act1", "act2"}
    assert FEW.cost.ebr < PLENTY.cost.ebr
    assert FEW.cost == Resources.total([*(stage.cost for stage in FEW.stages), FEW.shared.cost])
    spacings = {stage.name: stage.folding.spacing for stage in FEW.stages if stage.folding.spacing}
    assert tuple(spacings) == FEW.shared.stages
    assert all(stage.interval <= FEW.interval <= INTERVAL for stage in FEW.stages)
    assert all(2 <= spacing <= INTERVAL for spacing in spacings.values())


def test_a_saved_plan_shares_the_same(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(FEW.to_json())
    pins = read_plan(path).pins
    units = {name: pin.unit for name, pin in pins.items()}
    foldings = {name: pin.folding for name, pin in pins.items()}
    again = search(NETWORK, "x", unit_library(), "board", SHORT, None, foldings, units, even=FEW.even)
    assert again == FEW
    assert json.loads(path.read_text())["shared"]["stages"] == list(FEW.shared.stages if FEW.shared else ())


def test_a_given_folding_without_a_spacing_shares_nothing() -> None:
    pins = {stage.name: stage.folding for stage in PLENTY.stages if stage.ops}
    assert planned(ROOMY, pins=pins).shared is None
    with pytest.raises(PlanError, match=r"^the network needs"):
        planned(SHORT, pins=pins)


@pytest.mark.parametrize(
    ("name", "spacing", "message"),
    [
        ("act0", 1, "layer 'act0': spacing must be 2 to 64 cycles, not 1, or 0 for a memory of its own"),
        ("act0", -3, "layer 'act0': spacing must be 2 to 64 cycles, not -3, or 0 for a memory of its own"),
        ("act1", 65, "layer 'act1': spacing must be 2 to 64 cycles, not 65, or 0 for a memory of its own"),
        ("argmax", 4, "layer 'argmax': ArgmaxScan has no constants here that can be shared; set its spacing to 0"),
        ("fc0", 4, "layer 'fc0': MatrixVector has no constants here that can be shared; set its spacing to 0"),
    ],
)
def test_spacings_that_cannot_be(name: str, spacing: int, message: str) -> None:
    pins = {stage.name: stage.folding for stage in PLENTY.stages if stage.ops}
    with says(PlanError, message):
        planned(ROOMY, pins={name: replace(pins[name], spacing=spacing)})


def test_a_memory_gives_a_word_a_cycle_at_most() -> None:
    pins = {f"act{k}": Folding(1, 1, spacing=spacing) for k, spacing in enumerate((2, 4, 4))}
    found = planned(ROOMY, pins=pins).shared
    assert found is not None
    assert found.stages == ("act0", "act1", "act2")
    pins["act1"] = Folding(1, 1, spacing=3)
    with says(
        PlanError,
        "one memory cannot give so many words of constants in so few cycles: 'act0' one in 2, 'act1' one in 3, 'act2' "
        "one in 4; raise a spacing, or set one to 0 for a memory of its own",
    ):
        planned(ROOMY, pins=pins)
