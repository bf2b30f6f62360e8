"""Which clock and baud rate a board runs at, and how near they are to what was asked for."""

from dataclasses import dataclass

from icepop.boards.base import Board
from icepop.compiler.errors import PlanError
from icepop.hdl.ice40 import Pll, choose_pll
from icepop.hdl.uart import SMALLEST_DIVISOR, baud_divisor, baud_error

LARGEST_BAUD_ERROR = 0.02
"""Half of what a UART tolerates; the other half is the other end's."""


@dataclass(frozen=True)
class Clock:
    """Clock of a design.

    Parameters
    ----------
    requested_hz, actual_hz : float
        Frequencies in Hz.
    pll : Pll or None
        None where the crystal is used as it is.
    """

    requested_hz: float
    actual_hz: float
    pll: Pll | None

    def __str__(self) -> str:
        source = "crystal" if self.pll is None else f"PLL from {self.pll.input_hz / 1e6:g} MHz"
        return f"{self.actual_hz / 1e6:g} MHz ({self.requested_hz / 1e6:g} MHz requested, {source})"


@dataclass(frozen=True)
class Baud:
    """Baud rate of a link.

    Parameters
    ----------
    requested : int
        Bits a second.
    divisor : int
        Clock cycles a bit.
    error : float
        Relative error of the actual rate.
    """

    requested: int
    divisor: int
    error: float

    def __str__(self) -> str:
        return f"{self.requested} baud ({self.divisor} cycles a bit, error {self.error:+.2%})"


def choose_clock(board: Board, requested_hz: float | None = None) -> Clock:
    """Clock nearest to the request; the board's default without one.

    Raises
    ------
    PlanError
        The PLL cannot make it.
    """
    hz = board.clock_hz if requested_hz is None else requested_hz
    if hz == board.crystal_hz:
        return Clock(hz, hz, None)
    pll = choose_pll(board.crystal_hz, hz)
    return Clock(hz, pll.actual_hz, pll)


def choose_baud(board: Board, clock: Clock, requested: int | None = None) -> Baud:
    """Divisor for a baud rate; the board's default rate without one.

    Raises
    ------
    PlanError
        The clock is too slow for the rate, or misses it by more than `LARGEST_BAUD_ERROR`.
    """
    baud = board.baud if requested is None else requested
    megahertz = f"{clock.actual_hz / 1e6:g} MHz"
    if baud < 1 or clock.actual_hz / baud < SMALLEST_DIVISOR - 0.5:
        highest = int(clock.actual_hz // SMALLEST_DIVISOR)
        raise PlanError(f"baud rate must be 1 to {highest} at {megahertz}, not {baud}; lower it or raise the clock")
    error = baud_error(clock.actual_hz, baud)
    if abs(error) > LARGEST_BAUD_ERROR:
        raise PlanError(
            f"baud rate {baud} is off by {error:+.1%} at {megahertz} but must be within {LARGEST_BAUD_ERROR:.0%}; "
            "choose a rate that divides the clock"
        )
    return Baud(baud, baud_divisor(clock.actual_hz, baud), error)
