"""iCEBreaker by 1BitSquared: iCE40 UP5K, 12 MHz, FTDI FT2232H.

The class's bits 0 and 1 light the red (LEDR_N, pin 11) and the green LED (LEDG_N, pin 37), bits 2, 3 and 4 the RGB
LED's pins 39, 40 and 41. The LEDs of the break-off section are left alone: another module may be plugged in there.
"""

from amaranth.build import Pins, Resource
from amaranth_boards.icebreaker import ICEBreakerPlatform

from icepop.boards.base import Board
from icepop.compiler.planner.plan import Resources

BOARD = Board(
    name="icebreaker",
    platform=ICEBreakerPlatform,
    device="up5k",
    package="sg48",
    budget=Resources(lut4=5280, ff=5280, carry=5280, cells=5280, ebr=30, spram=4, dsp=8),
    crystal="clk12",
    crystal_hz=12e6,
    clock_hz=36e6,
    uart="uart",
    baud=1_000_000,
    leds=(("led", 0), ("led", 1)),
    rgb=tuple(Resource("rgb", k, Pins(pin, dir="o")) for k, pin in enumerate(("39", "40", "41"))),
    programmer="ice40_generic",
)
