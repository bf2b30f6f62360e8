import json
from pathlib import Path

import pytest
from messages import says

from icepop.compiler.errors import PlanError
from icepop.compiler.planner.plan import Folding, Pin, Plan, Resources, SharedMemory, Stage, read_folding, read_pins

CHOSEN = Folding(1, 16, "binary", "ebr", "registers", 8, 3, 4)
PLAN = Plan(
    "icebreaker",
    "encode",
    (
        Stage("fc1", "MatrixVector", ("fc1", "act1"), Folding(4, 32), 192, Resources(100, 50, 30, 120, 9)),
        Stage("to fc2", "Unpack", (), Folding(1, 4), 128, Resources(5, 5, 0, 6)),
        Stage(
            "fc2",
            "MatrixVector",
            ("fc2",),
            CHOSEN,
            80,
            Resources(40, 20, 10, 50, 2, 1, 3),
        ),
    ),
    192,
    700,
    shared=SharedMemory(("fc2",), Resources(9, 8, 7, 6, 5)),
)


def test_resources_add_up() -> None:
    assert PLAN.cost == Resources(154, 83, 47, 182, 16, 1, 3)
    assert Resources(1, 2, 3, 4, 5, 6, 7) * 3 == Resources(3, 6, 9, 12, 15, 18, 21)
    assert Resources.total([]) == Resources()


def test_foldings_come_back_from_a_saved_plan(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(PLAN.to_json())
    assert PLAN.pins == {"fc1": Pin(Folding(4, 32), "MatrixVector"), "fc2": Pin(CHOSEN, "MatrixVector")}
    assert read_pins(path) == PLAN.pins


def test_a_saved_plan_says_what_it_reaches() -> None:
    saved = json.loads(PLAN.to_json())
    assert (saved["interval"], saved["latency"], saved["board"]) == (192, 700, "icebreaker")
    assert saved["cost"]["ebr"] == 16
    assert saved["shared"]["stages"] == ["fc2"]
    folding = saved["stages"][0]["folding"]
    texts = {"encoding": "", "weights": "", "buffer": ""}
    assert folding == {"pe": 4, "simd": 32, **texts, "pitch": 0, "pixels": 1, "spacing": 0}


def test_a_folding_says_what_was_chosen() -> None:
    assert str(Folding(4, 32)) == "4x32"
    assert str(Folding(1, 1, spacing=6)) == "1x1, constants shared 1/6"
    assert str(Folding(4, 32, "ternary", "lut", "registers", 8)) == (
        "4x32, ternary, weights in lut, in registers, pitch 8"
    )
    assert str(Folding(4, 32, "ternary", pixels=2)) == "4x32, 2 pixels, ternary"
    assert str(Folding(4, 32, pixels=0)) == "4x32, 0 pixels"  # refused, and said


def test_a_saved_plan_may_leave_choices_out() -> None:
    assert read_folding({"pe": 4, "simd": "32"}) == Folding(4, 32)


def stage(folding: str) -> bytes:
    return b'{"stages": [{"ops": ["fc"], "name": "fc", "folding": ' + folding.encode() + b"}]}"


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
        stage('{"pe": "many", "simd": 1}'),
        stage('{"pe": Infinity, "simd": 1}'),
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
        read_pins(path)


def test_no_plan_file(tmp_path: Path) -> None:
    with says(PlanError, f"no plan file '{tmp_path}'; 'icepop compile' writes one"):
        read_pins(tmp_path)
