"""`ReplyComposer`: the reply to a request, bit by bit."""

from amaranth import Const, Module, ResetInserter, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from icepop.boards.bits import BIT
from icepop.boards.link import CRC, CRC_BYTES, Kind, Status


class ReplyComposer(wiring.Component):
    """Kind, sequence number, status, result and CRC in a row.

    The CRC register sees the bits as they leave. At the end it is fed its own output, which turns it into the shift
    register that sends it.

    Latency: 0 cycles. Interval: 1 cycle a bit.

    Members
    -------
    request : In(stream.Signature(Status))
        The request to answer; transferred when its answer is out and its sample is in.
    sequence : In(stream.Signature(BIT))
        Its sequence number: eight bits are taken.
    result : In(stream.Signature(BIT))
        Result, whole bytes; only taken if the request's status is ``OK``.
    feed : Out(1)
        The sequence number is taken and the status is ``OK``: the sample may go to the accelerator.
    fed : In(1)
        All of the sample went there.
    o : Out(stream.Signature(BIT))
        The reply.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "request": In(stream.Signature(unsigned(2))),
                "sequence": In(stream.Signature(BIT)),
                "result": In(stream.Signature(BIT)),
                "feed": Out(1),
                "fed": In(1),
                "o": Out(stream.Signature(BIT)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """One state a field; a counter of bits within it."""
        m = Module()
        count = Signal(range(8 * CRC_BYTES))
        status, good, step, clear, byte_end = Signal(2), Signal(), Signal(), Signal(), Signal()
        crc = CRC(data_width=1).create()
        m.submodules.crc = ResetInserter(clear)(crc)
        m.d.comb += [
            good.eq(status == Status.OK),
            step.eq(self.o.valid & self.o.ready),
            byte_end.eq(step & (count[:3] == 7)),
            crc.valid.eq(step),
            crc.data.eq(self.o.payload.bit),
        ]
        # looked at from the third byte on: a register in between shortens the longest path of the link
        m.d.sync += status.eq(self.request.payload)
        with m.If(step):
            m.d.sync += count.eq(count + 1)

        with m.FSM():
            with m.State("KIND"):
                m.d.comb += self.o.valid.eq(self.request.valid)
                m.d.comb += self.o.payload.bit.eq(Const(Kind.REPLY, 8).bit_select(count[:3], 1))
                with m.If(byte_end):
                    m.next = "SEQUENCE"
            with m.State("SEQUENCE"):
                m.d.comb += self.o.valid.eq(self.sequence.valid)
                m.d.comb += self.o.payload.bit.eq(self.sequence.payload.bit)
                m.d.comb += self.sequence.ready.eq(self.o.ready)
                with m.If(byte_end):
                    m.next = "STATUS"
            with m.State("STATUS"):
                m.d.comb += self.o.valid.eq(1)
                m.d.comb += self.o.payload.bit.eq((status >> count[:3])[0])
                with m.If(byte_end):
                    m.d.sync += count.eq(0)
                    m.next = "RESULT"
            with m.State("RESULT"):
                m.d.comb += self.feed.eq(good)
                m.d.comb += self.o.valid.eq(self.result.valid & good)
                m.d.comb += self.o.payload.bit.eq(self.result.payload.bit)
                m.d.comb += self.result.ready.eq(self.o.ready & good)
                with m.If((step & self.result.payload.last) | ~good):
                    m.d.sync += count.eq(0)
                    m.next = "CRC"
            with m.State("CRC"):
                m.d.comb += self.feed.eq(good)
                m.d.comb += self.o.valid.eq(1)
                m.d.comb += self.o.payload.bit.eq(crc.crc[0])
                m.d.comb += self.o.payload.last.eq(count == 8 * CRC_BYTES - 1)
                # the complement of the bit sent is the register's own last bit: the feedback becomes zero
                m.d.comb += crc.data.eq(~crc.crc[0])
                with m.If(step & self.o.payload.last):
                    m.next = "DONE"
            with m.State("DONE"):
                m.d.comb += [self.feed.eq(good), clear.eq(1)]
                m.d.comb += self.request.ready.eq(self.fed | ~good)
                with m.If(self.request.ready):
                    m.d.sync += count.eq(0)
                    m.next = "KIND"
        return m
