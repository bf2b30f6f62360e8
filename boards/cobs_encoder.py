"""`CobsEncoder`: a frame's content to bytes for the line."""

from amaranth import Module, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

CONTENT = data.StructLayout({"data": unsigned(8), "last": 1})
"""A byte of a frame's content; ``last`` ends the frame."""

LONGEST_RUN = 254
"""Bytes of the longest block without a zero."""


class CobsEncoder(wiring.Component):
    """Stuff zeros, and end each frame with 0x00.

    A block's code byte tells its length, so the block waits in one EBR until a zero, the 254th byte or the frame's end
    completes it; while it is sent no input is taken.

    Latency: a block of n bytes starts to leave 1 cycle after its last byte entered. Interval: n + 1 cycles to take it
    and at least 2 n + 1 to send it, plus 1 for the delimiter; the line is slower than that.

    Members
    -------
    i : In(stream.Signature(CONTENT))
        Content; a frame has at least one byte.
    o : Out(stream.Signature(unsigned(8)))
        Bytes for the line.
    """

    def __init__(self) -> None:
        super().__init__({"i": In(stream.Signature(CONTENT)), "o": Out(stream.Signature(unsigned(8)))})

    def elaborate(self, platform: object) -> Module:
        """Collect a block, send its code, send its bytes."""
        m = Module()
        m.submodules.block = block = Memory(shape=unsigned(8), depth=256, init=[], attrs={"ram_block": 1})
        write, read = block.write_port(), block.read_port(domain="sync")
        length, sent = Signal(8), Signal(8)
        owed, last, more = Signal(), Signal(), Signal()
        m.d.sync += more.eq(sent != length)
        m.d.comb += [write.addr.eq(length), write.data.eq(self.i.payload.data), read.addr.eq(sent), read.en.eq(1)]

        with m.FSM():
            with m.State("COLLECT"):
                zero = self.i.payload.data == 0
                m.d.comb += [self.i.ready.eq(1), write.en.eq(self.i.valid)]
                with m.If(self.i.valid):
                    m.d.sync += [owed.eq(zero), last.eq(self.i.payload.last)]
                    with m.If(~zero):
                        m.d.sync += length.eq(length + 1)
                    with m.If(zero | self.i.payload.last | (length == LONGEST_RUN - 1)):
                        m.next = "CODE"
            with m.State("CODE"):
                m.d.comb += [self.o.valid.eq(1), self.o.payload.eq(length + 1)]
                with m.If(self.o.ready):
                    m.next = "FETCH"
            with m.State("FETCH"):
                m.next = "DECIDE"
            with m.State("DECIDE"):
                with m.If(more):
                    m.next = "SEND"
                with m.Else():
                    m.d.sync += [length.eq(0), sent.eq(0), owed.eq(0)]
                    with m.If(~last):
                        m.next = "COLLECT"
                    with m.Elif(owed):
                        # the zero at the very end is told by one more, empty block
                        m.next = "CODE"
                    with m.Else():
                        m.next = "DELIMIT"
            with m.State("SEND"):
                m.d.comb += [self.o.valid.eq(1), self.o.payload.eq(read.data)]
                with m.If(self.o.ready):
                    m.d.sync += sent.eq(sent + 1)
                    m.next = "FETCH"
            with m.State("DELIMIT"):
                m.d.comb += self.o.valid.eq(1)
                with m.If(self.o.ready):
                    m.next = "COLLECT"
        return m
