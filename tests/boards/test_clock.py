import pytest

from icepop.boards.clock import choose_baud, choose_clock
from icepop.boards.icebreaker import BOARD
from icepop.compiler.errors import PlanError


def test_default_clock_and_baud():
    clock = choose_clock(BOARD)
    assert str(clock) == "36 MHz (36 MHz requested, PLL from 12 MHz)"
    assert str(choose_baud(BOARD, clock)) == "1000000 baud (36 cycles a bit, error +0.00%)"


def test_the_crystal_needs_no_pll():
    clock = choose_clock(BOARD, 12e6)
    assert clock.pll is None
    assert str(clock) == "12 MHz (12 MHz requested, crystal)"
    assert choose_baud(BOARD, clock, 3_000_000).divisor == 4


def test_the_nearest_frequency_is_told():
    clock = choose_clock(BOARD, 40e6)
    assert str(clock) == "39.75 MHz (40 MHz requested, PLL from 12 MHz)"
    assert str(choose_baud(BOARD, clock)) == "1000000 baud (40 cycles a bit, error -0.62%)"


@pytest.mark.parametrize("megahertz", [15, 276, 0])
def test_an_impossible_clock_is_refused(megahertz):
    with pytest.raises(PlanError) as caught:
        choose_clock(BOARD, megahertz * 1e6)
    assert str(caught.value) == (
        f"clock must be the crystal's 12 MHz or the PLL's 16 to 275 MHz, not {megahertz} MHz; choose another one"
    )


def test_a_baud_rate_off_by_more_than_two_percent_is_refused():
    with pytest.raises(PlanError) as caught:
        choose_baud(BOARD, choose_clock(BOARD, 12e6), 2_500_000)
    assert str(caught.value) == (
        "baud rate 2500000 is off by -4.0% at 12 MHz but must be within 2%; choose a rate that divides the clock"
    )


@pytest.mark.parametrize("baud", [0, -5, 4_000_000])
def test_a_baud_rate_beyond_the_clock_is_refused(baud):
    with pytest.raises(PlanError) as caught:
        choose_baud(BOARD, choose_clock(BOARD, 12e6), baud)
    assert str(caught.value) == (f"baud rate must be 1 to 3000000 at 12 MHz, not {baud}; lower it or raise the clock")
