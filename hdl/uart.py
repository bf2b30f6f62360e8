"""UART with 8 data bits, no parity and one stop bit, as byte streams."""

from amaranth import Cat, Module, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

FRAME_BITS = 10
"""Start bit, eight data bits, stop bit."""

SMALLEST_DIVISOR = 4
"""Clock cycles a bit below which the middle of a bit can no longer be found."""


def baud_divisor(clock_hz: float, baud: int) -> int:
    """Clock cycles a bit: the integer nearest to ``clock_hz / baud``.

    Parameters
    ----------
    clock_hz : float
        Clock frequency in Hz.
    baud : int
        Bits a second.

    Raises
    ------
    ValueError
        Fewer than `SMALLEST_DIVISOR` cycles a bit.
    """
    divisor = round(clock_hz / baud)
    if divisor < SMALLEST_DIVISOR:
        raise ValueError(f"clock must be at least {SMALLEST_DIVISOR} cycles a bit, not {clock_hz / baud:.2f}")
    return divisor


def baud_error(clock_hz: float, baud: int) -> float:
    """Relative error of the baud rate that `baud_divisor` gives: ``clock_hz / (divisor * baud) - 1``."""
    return clock_hz / (baud_divisor(clock_hz, baud) * baud) - 1


class UartReceiver(wiring.Component):
    """Serial line to bytes.

    The line passes two flip-flops. A falling edge starts a frame; every bit is sampled once in its middle, so bit n
    is read ``(n + 1/2) * divisor`` cycles after the edge was seen. With a relative difference e between the baud rates
    of both ends the last sample is off by ``9.5 e + 1 / divisor`` bits, which must stay below one half: e may be 2 % at
    4 cycles a bit and 4 % at 12.

    A start bit that is gone in its middle is noise and ignored; a frame without stop bit is dropped, and the line must
    go high before the next one. The line cannot wait: the frame after a byte is missed if the byte is not taken
    when its start bit begins (the byte itself stays valid and unchanged until it is transferred).

    Latency: ``o.valid`` rises in the middle of the stop bit, four cycles (synchronizer, edge, output register) later.

    Parameters
    ----------
    divisor : int
        Clock cycles a bit.

    Members
    -------
    rx : In(1, init=1)
        The line; asynchronous, high when idle.
    o : Out(stream.Signature(unsigned(8)))
        Received bytes, bit 0 first on the line.
    """

    def __init__(self, divisor: int):
        if divisor < SMALLEST_DIVISOR:
            raise ValueError(f"divisor must be at least {SMALLEST_DIVISOR}, not {divisor}")
        self.divisor = divisor
        super().__init__({"rx": In(1, init=1), "o": Out(stream.Signature(unsigned(8)))})

    def elaborate(self, platform: object) -> Module:
        """A shift register full of ones: the frame is complete when the start bit reaches its end."""
        m = Module()
        line, before = Signal(init=1), Signal(init=1)
        m.submodules.synchronizer = FFSynchronizer(self.rx, line, init=1)
        m.d.sync += before.eq(line)

        busy, starting = Signal(), Signal()
        count = Signal(range(self.divisor))
        shift = Signal(9, init=-1)
        m.d.comb += self.o.payload.eq(shift[1:])

        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(~busy), m.If(before & ~line & (self.o.ready | ~self.o.valid)):
            m.d.sync += [busy.eq(1), starting.eq(1), count.eq(self.divisor // 2 - 1), shift.eq(-1)]
        with m.Elif(count != 0):
            m.d.sync += count.eq(count - 1)
        with m.Else():
            m.d.sync += [count.eq(self.divisor - 1), starting.eq(0)]
            with m.If(~shift[0]):
                m.d.sync += [busy.eq(0), self.o.valid.eq(line)]
            with m.Elif(starting & line):
                m.d.sync += busy.eq(0)
            with m.Else():
                m.d.sync += shift.eq(Cat(shift[1:], line))
        return m


class UartTransmitter(wiring.Component):
    """Bytes to serial line.

    Latency: the start bit appears one cycle after the transfer. Interval: ``10 * divisor`` cycles, without a gap
    between frames when the next byte is there in time.

    Parameters
    ----------
    divisor : int
        Clock cycles a bit.

    Members
    -------
    i : In(stream.Signature(unsigned(8)))
        Bytes to send.
    tx : Out(1, init=1)
        The line, high when idle; comes straight from a flip-flop.
    """

    def __init__(self, divisor: int):
        if divisor < SMALLEST_DIVISOR:
            raise ValueError(f"divisor must be at least {SMALLEST_DIVISOR}, not {divisor}")
        self.divisor = divisor
        super().__init__({"i": In(stream.Signature(unsigned(8))), "tx": Out(1, init=1)})

    def elaborate(self, platform: object) -> Module:
        """A shift register that ends with the stop bit, which is also the idle line."""
        m = Module()
        count = Signal(range(self.divisor))
        shift = Signal(FRAME_BITS, init=1)
        m.d.comb += [self.tx.eq(shift[0]), self.i.ready.eq((count == 0) & (shift[1:] == 0))]
        with m.If(count != 0):
            m.d.sync += count.eq(count - 1)
        with m.Elif(self.i.ready), m.If(self.i.valid):
            m.d.sync += [shift.eq(Cat(0, self.i.payload, 1)), count.eq(self.divisor - 1)]
        with m.Else():
            m.d.sync += [shift.eq(shift[1:]), count.eq(self.divisor - 1)]
        return m
