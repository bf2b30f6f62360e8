import json

from icepop.compiler.planner.plan import Folding, Plan, Resources, SharedMemory, Stage

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
