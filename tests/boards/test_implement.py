"""Attempts at placing and routing, with tools that are replaced."""

import pytest

from icepop.boards.build import build
from icepop.boards.clock import choose_baud, choose_clock
from icepop.boards.icebreaker import BOARD
from icepop.boards.implement import MORE_ENABLED, PATIENCE_S, check_fit
from icepop.boards.tools import TookTooLong
from icepop.boards.yosys import LEAST_ENABLED
from icepop.compiler.errors import PlanError
from icepop.compiler.planner.plan import Resources

CLOCK = choose_clock(BOARD, 36e6)
BAUD = choose_baud(BOARD, CLOCK)


@pytest.mark.parametrize(
    ("fmax", "found"),
    [
        ([36.0], (1, 36e6, LEAST_ENABLED)),
        ([None, 35.99, 36.5], (3, 36.5e6, MORE_ENABLED)),
        (["legal", 37.0], (2, 37e6, MORE_ENABLED)),
    ],
)
def test_the_first_attempt_that_meets_the_clock_is_taken(digest, tmp_path, quick, fmax, found):
    quick["fmax"] = fmax
    report = build(digest, BOARD, tmp_path, CLOCK, BAUD)
    assert (report.seed, report.fmax_hz, quick["enabled"]) == found


def test_a_seed_that_was_asked_for_is_the_only_one(digest, tmp_path, quick):
    quick["fmax"] = [45.0, 35.99, 45.0]
    with pytest.raises(PlanError, match=r"^the design reaches 35\.99 MHz but the clock is 36 MHz; "):
        build(digest, BOARD, tmp_path, CLOCK, BAUD, seeds=[2])
    assert quick["enabled"] == MORE_ENABLED


def test_every_attempt_is_told_by_a_name_of_its_own(digest, tmp_path, quick):
    quick["fmax"] = [None, "legal", 36.5]
    begun = []
    build(digest, BOARD, tmp_path, CLOCK, BAUD, progress=lambda what, done, count: done or begun.append(what))
    assert begun == [
        "elaborate",
        "synthesize",
        "place and route, seed 1",
        "synthesize, fewer clock enables",
        *(f"place and route, seed {seed}, fewer clock enables" for seed in (1, 2, 3)),
        "pack",
    ]


@pytest.mark.parametrize(
    ("fmax", "error", "message"),
    [
        (None, TookTooLong, "nextpnr-ice40 did not finish within None s; make the design smaller"),
        *(
            (
                failure,
                PlanError,
                "the design's 400 LUT4 and 200 flip-flops do not fit the 5280 logic cells of icebreaker; "
                "allow a longer interval or shrink the model",
            )
            for failure in ("legal", "BELs")
        ),
    ],
)
def test_a_design_that_is_never_routed_is_told(digest, tmp_path, quick, fmax, error, message):
    """The last attempt may take as long as any tool."""
    quick["fmax"] = [fmax] * 3
    with pytest.raises(error) as caught:
        build(digest, BOARD, tmp_path, CLOCK, BAUD)
    assert str(caught.value) == message
    assert quick["timeouts"] == [PATIENCE_S] * 3 + [None]


@pytest.mark.parametrize(
    ("needed", "message"),
    [
        (Resources(lut4=6000), "the design needs 6000 LUT4 but icebreaker has 5280; "),
        (Resources(ebr=31), "the design needs 31 EBR but icebreaker has 30; "),
    ],
)
def test_a_design_that_does_not_fit_is_told_before_placement(needed, message):
    with pytest.raises(PlanError) as caught:
        check_fit(needed, BOARD)
    assert str(caught.value) == message + "allow a longer interval or shrink the model"
