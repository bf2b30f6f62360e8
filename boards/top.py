"""`LinkTop`: an accelerator behind two UART pins; simulable as it stands."""

from typing import Protocol

from amaranth import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect

from icepop.boards.responder import Responder
from icepop.compiler.types import Beats
from icepop.hdl.uart import UartReceiver, UartTransmitter, baud_divisor


class Streaming(Protocol):
    """What the top needs of an accelerator."""

    @property
    def input(self) -> Beats:
        """Layout of the stream ``i``."""

    @property
    def output(self) -> Beats:
        """Layout of the stream ``o``."""

    @property
    def i(self) -> stream.Interface:
        """Samples."""

    @property
    def o(self) -> stream.Interface:
        """Results."""


class LinkTop(wiring.Component):
    """An accelerator, its responder and a UART.

    Latency from the last stop bit of a request to the first start bit of its reply: about 9 cycles for each byte of
    the sample, the accelerator's latency, and 9 for each byte of the reply (which the COBS encoder must see to the
    first zero).

    Parameters
    ----------
    accelerator : Component
        Streams ``i`` and ``o`` with layouts ``input`` and ``output``.
    clock_hz : float
        Frequency of ``sync``, in Hz.
    baud : int
        Bits a second.

    Members
    -------
    rx : In(1, init=1)
        Serial line in.
    tx : Out(1, init=1)
        Serial line out.
    label : Out(min(8, output.width))
        Lowest bits of the last result beat: the class, for a network that ends in an argmax.
    """

    def __init__(self, accelerator: Streaming, clock_hz: float, baud: int):
        self.accelerator = accelerator
        self.divisor = baud_divisor(clock_hz, baud)
        label = min(8, accelerator.output.width)
        super().__init__({"rx": In(1, init=1), "tx": Out(1, init=1), "label": Out(label)})

    def elaborate(self, platform: object) -> Module:
        """Connect the four."""
        m = Module()
        m.submodules.accelerator = accelerator = self.accelerator
        m.submodules.responder = responder = Responder(accelerator.input, accelerator.output)
        m.submodules.receiver = receiver = UartReceiver(self.divisor)
        m.submodules.transmitter = transmitter = UartTransmitter(self.divisor)
        connect(m, receiver.o, responder.rx)
        connect(m, responder.tx, transmitter.i)
        connect(m, responder.samples, accelerator.i)
        connect(m, accelerator.o, responder.results)
        m.d.comb += [receiver.rx.eq(self.rx), self.tx.eq(transmitter.tx)]
        with m.If(accelerator.o.valid & accelerator.o.ready):
            m.d.sync += self.label.eq(accelerator.o.payload)
        return m
