import json
from pathlib import Path
from typing import Any

import pytest
from messages import says

from icepop.compiler.errors import PlanError
from icepop.compiler.planner.plan import Folding, Pin, Plan, Resources, Stage
from icepop.compiler.planner.saved import SavedPlan, read_plan

CHOSEN = Folding(1, 16, "binary", "ebr", "registers", 8, 3, 4)
PLAN = Plan(
    "icebreaker",
    "encode",
    (
        Stage("fc1", "MatrixVector", ("fc1", "act1"), Folding(4, 32), 192, Resources()),
        Stage("to fc2", "Unpack", (), Folding(1, 4), 128, Resources()),
        Stage("fc2", "MatrixVector", ("fc2",), CHOSEN, 80, Resources()),
    ),
    192,
    700,
    (192,) * 7,
    "uint8/255",
    True,
    1,
    False,
)


def test_a_saved_plan_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(PLAN.to_json())
    assert PLAN.pins == {"fc1": Pin(Folding(4, 32), "MatrixVector"), "fc2": Pin(CHOSEN, "MatrixVector")}
    assert read_plan(path) == SavedPlan(PLAN.pins, "uint8/255", True, 1, False)


def stage(folding: str) -> bytes:
    return b'{"stages": [{"ops": ["fc"], "name": "fc", "folding": ' + folding.encode() + b"}]}"


def test_a_saved_plan_may_leave_choices_out(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(stage('{"pe": 4, "simd": 32}'))
    assert read_plan(path) == SavedPlan({"fc": Pin(Folding(4, 32))})


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("pe", "many", "'pe' of {} must be a whole number, not 'many'"),
        ("simd", 7.5, "'simd' of {} must be a whole number, not 7.5"),
        ("pixels", True, "'pixels' of {} must be a whole number, not True"),
        ("encoding", None, "'encoding' of {} must be a text, not None"),
        ("weights", "spram", "'weights' of {} must be one of 'ebr', 'lut', or empty for the unit's own, not 'spram'"),
        (
            "buffer",
            "sum",
            "'buffer' of {} must be one of 'ebr', 'registers', 'sums', or empty for the unit's own, not 'sum'",
        ),
        (
            "pich",
            8,
            "the folding of {} may have pe, simd, encoding, weights, buffer, pitch, pixels, spacing, not 'pich'",
        ),
    ],
)
def test_a_folding_that_no_layer_can_have(key: str, value: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(stage(json.dumps({"pe": 1, "simd": 1, key: value})))
    with says(PlanError, message.format(f"'fc' in '{path}'")):
        read_plan(path)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("input", 3, "'input' in '{}' must be a text, not 3"),
        ("ready_units", 0, "'ready_units' in '{}' must be a whole number from 1 on, not 0"),
        ("raw", "yes", "'raw' in '{}' must be true or false, not 'yes'"),
        ("even", 2, "'even' in '{}' must be true or false, not 2"),
    ],
)
def test_a_saved_plan_that_cannot_be(key: str, value: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({"stages": [], key: value}))
    with says(PlanError, message.format(path)):
        read_plan(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"{}",
        b"[]",
        b"3",
        b'{"stages": 3}',
        b'{"stages": [{"ops": ["fc"], "name": "fc"}]}',
        stage('{"pe": 1}'),
        stage("null"),
        b'{"stages": "\xff"}',
        b"\x93NUMPY\x01\x00",
        b"[" * 100_000,
    ],
)
def test_a_file_that_is_no_plan(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(content)
    with says(PlanError, f"'{path}' is no plan; 'icepop compile' writes one"):
        read_plan(path)


def test_no_plan_file(tmp_path: Path) -> None:
    with says(PlanError, f"no plan file '{tmp_path}'; 'icepop compile' writes one"):
        read_plan(tmp_path)
