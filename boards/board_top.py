"""`BoardTop`: a `LinkTop` on a board's clock, serial pins and LEDs."""

from amaranth import ClockDomain, Module
from amaranth.hdl import Elaboratable
from amaranth.lib import io
from amaranth.vendor import SiliconBluePlatform

from icepop.boards.base import Board
from icepop.boards.clock import Baud, Clock
from icepop.boards.top import LinkTop, Streaming
from icepop.hdl.ice40 import Clocking, LedDriver


class BoardTop(Elaboratable):
    """What becomes the bitstream.

    Parameters
    ----------
    accelerator : Component
        Streams ``i`` and ``o`` with layouts ``input`` and ``output``.
    board : Board
        The board.
    clock : Clock
        Its clock.
    baud : Baud
        Its baud rate.
    """

    def __init__(self, accelerator: Streaming, board: Board, clock: Clock, baud: Baud):
        self.accelerator, self.board, self.clock, self.baud = accelerator, board, clock, baud

    def elaborate(self, platform: SiliconBluePlatform) -> Module:
        """Request the pins; LEDs beyond the class's width stay dark."""
        m = Module()
        board = self.board
        m.domains.sync = ClockDomain()
        crystal = platform.request(board.crystal, dir="-")
        m.submodules.clocking = Clocking(crystal, self.clock.actual_hz, self.clock.pll)
        m.submodules.link = link = LinkTop(self.accelerator, self.clock.actual_hz, self.baud.requested)
        uart = platform.request(board.uart, dir="-")
        m.submodules.rx = rx = io.Buffer("i", uart.rx)
        m.submodules.tx = tx = io.Buffer("o", uart.tx)
        m.d.comb += [link.rx.eq(rx.i), tx.o.eq(link.tx)]

        for bit, (name, number) in enumerate(board.leds):
            m.submodules[f"led{bit}"] = led = io.Buffer("o", platform.request(name, number, dir="-"))
            m.d.comb += led.o.eq(link.label[bit : bit + 1])
        if board.rgb:
            platform.add_resources(board.rgb)
            pins = tuple(platform.request(pin.name, pin.number, dir="-") for pin in board.rgb)
            m.submodules.rgb = rgb = LedDriver(pins)
            m.d.comb += rgb.lit.eq(link.label[len(board.leds) :])
        return m
