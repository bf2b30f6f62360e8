import json

import pytest
from messages import says

from icepop.compiler.errors import PlanError
from icepop.compiler.plan import Folding, Plan, Resources, Stage, foldings_from_json

PLAN = Plan(
    "icebreaker",
    "encode",
    (
        Stage("fc1", "XnorDense", ("fc1", "act1"), Folding(4, 32), 192, Resources(100, 50, 30, 120, 9)),
        Stage("to fc2", "Unpack", (), Folding(1, 4), 128, Resources(5, 5, 0, 6)),
        Stage("fc2", "XnorDense", ("fc2",), Folding(1, 16), 80, Resources(40, 20, 10, 50, 2, 1, 3)),
    ),
    700,
)


def test_resources_add_up() -> None:
    assert PLAN.cost == Resources(145, 75, 40, 176, 11, 1, 3)
    assert Resources(1, 2, 3, 4, 5, 6, 7) * 3 == Resources(3, 6, 9, 12, 15, 18, 21)
    assert Resources.total([]) == Resources()


def test_the_slowest_stage_sets_the_interval() -> None:
    assert PLAN.interval == 192


def test_foldings_come_back_from_a_saved_plan() -> None:
    expected = {"fc1": Folding(4, 32), "fc2": Folding(1, 16)}
    assert PLAN.foldings == expected
    assert foldings_from_json(PLAN.to_json()) == expected
    assert foldings_from_json(PLAN.to_json().encode()) == expected


def test_a_saved_plan_says_what_it_reaches() -> None:
    saved = json.loads(PLAN.to_json())
    assert (saved["interval"], saved["latency"], saved["board"]) == (192, 700, "icebreaker")
    assert saved["cost"]["ebr"] == 11
    assert saved["stages"][0]["folding"] == {"pe": 4, "simd": 32}
    assert str(Folding(4, 32)) == "4x32"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "JSONDecodeError('Expecting property name enclosed in double quotes: line 1 column 2 (char 1)')"),
        ("{}", "KeyError('stages')"),
        ("[]", "TypeError('list indices must be integers or slices, not str')"),
        ('{"stages": 3}', "TypeError(\"'int' object is not iterable\")"),
        ('{"stages": [{"ops": ["fc"], "name": "fc"}]}', "KeyError('folding')"),
        (
            '{"stages": [{"ops": ["fc"], "name": "fc", "folding": {"pe": "many", "simd": 1}}]}',
            "ValueError(\"invalid literal for int() with base 10: 'many'\")",
        ),
        (
            '{"stages": [{"ops": ["fc"], "name": "fc", "folding": {"pe": Infinity, "simd": 1}}]}',
            "OverflowError('cannot convert float infinity to integer')",
        ),
        (
            b"\xff\x00",
            "UnicodeDecodeError('utf-8', b'\\xff\\x00', 0, 1, 'invalid start byte')",
        ),
    ],
)
def test_a_file_that_is_no_plan(text: str | bytes, reason: str) -> None:
    with says(PlanError, f"a plan file must hold what 'icepop compile' wrote, not this ({reason})"):
        foldings_from_json(text)
