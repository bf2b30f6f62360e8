"""`CobsDecoder`: bytes from the line to a frame's content."""

from amaranth import Module, Mux, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

EVENT = data.StructLayout({"data": unsigned(8), "end": 1, "broken": 1})
"""Either a byte of the content, or (``end``) the frame's end, ``broken`` if it came inside a block."""


class CobsDecoder(wiring.Component):
    """Undo the stuffing of zeros.

    A code byte c announces c - 1 plain bytes and, unless c = 255 or the frame ends, a zero after them. That zero is
    put out when the next code byte comes, so at most one event leaves for each byte that enters.

    Latency: 1 cycle. Interval: 2 cycles a byte with an event.

    Members
    -------
    i : In(stream.Signature(unsigned(8)))
        Bytes from the line.
    o : Out(stream.Signature(EVENT))
        Content.
    """

    def __init__(self) -> None:
        super().__init__({"i": In(stream.Signature(unsigned(8))), "o": Out(stream.Signature(EVENT))})

    def elaborate(self, platform: object) -> Module:
        """Count down a block's plain bytes; an event waits in a register, so that no path runs on into its reader."""
        m = Module()
        left = Signal(8)
        owed = Signal()
        plain, end = Signal(), Signal()
        m.d.comb += [plain.eq(left != 0), end.eq(self.i.payload == 0), self.i.ready.eq(~self.o.valid)]
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [
                self.o.valid.eq(plain | end | owed),
                self.o.payload.end.eq(end),
                self.o.payload.broken.eq(plain),
                self.o.payload.data.eq(Mux(plain, self.i.payload, 0)),
            ]
            with m.If(end):
                m.d.sync += [left.eq(0), owed.eq(0)]
            with m.Elif(plain):
                m.d.sync += left.eq(left - 1)
            with m.Else():
                m.d.sync += [left.eq(self.i.payload - 1), owed.eq(self.i.payload != 0xFF)]
        return m
