"""`FrameReceiver`: keeps a request until all of it is known to be good."""

from amaranth import Cat, Module, Mux, ResetInserter, Signal, Value, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from icepop.boards.cobs_decoder import EVENT
from icepop.boards.link import CRC, CRC_BYTES, HEADER_BYTES, WINDOW, Kind, Status
from icepop.compiler.planner.plan import Resources
from icepop.hdl.memory import Ram, memory_cost


def payloads_cost(payload: int) -> Resources:
    """Cost of the memory that holds payloads of so many bytes."""
    return memory_cost(WINDOW * payload, 8)


class FrameReceiver(wiring.Component):
    """Check requests and hold up to `WINDOW` of them.

    Payloads go into one half of a memory, sequence numbers into registers, and all bytes, a bit a cycle, into the CRC.
    The halves' bytes alternate, so that they take no more than what they hold. At a frame's end its status is known and
    the frame waits at ``o`` with the memory's half; the next frame fills the other half meanwhile. ``o`` is transferred
    when whoever reads the memory is done with it. A frame that begins while both halves are taken is dropped without
    an answer; a host that keeps to the window never sees this.

    Latency: ``o.valid`` 1 cycle after the end is taken. Interval: 9 cycles a byte, so a byte must not come
    sooner than that (a UART's needs 40 or more).

    Parameters
    ----------
    payload : int
        Bytes of a good request's payload.

    Members
    -------
    i : In(stream.Signature(EVENT))
        Content of frames.
    o : Out(stream.Signature(Status))
        Status of the oldest frame held.
    address : In(bits)
        Byte of that frame to read: 0 is the first of the payload, -1 (all ones) the sequence number.
    data : Out(8)
        That byte, 1 cycle later.
    """

    def __init__(self, payload: int):
        self.payload = payload
        # an address more than the payload has bytes: the sequence number's
        self.bits = ceil_log2(payload + 1)
        super().__init__(
            {
                "i": In(stream.Signature(EVENT)),
                "o": Out(stream.Signature(unsigned(2))),
                "address": In(self.bits),
                "data": Out(8),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Positions count from -2, so that the payload starts at address 0."""
        m = Module()
        # one more than a frame has bytes, so that its end and its beginning differ modulo the size
        size = 1 << ceil_log2(HEADER_BYTES + self.payload + CRC_BYTES + 1)
        position = Signal(range(size), init=size - HEADER_BYTES)
        written, read = Signal(2), Signal(2)
        statuses = [Signal(2, name=f"status{half}") for half in range(WINDOW)]
        fresh, dropping, too_long, right_kind = Signal(init=1), Signal(), Signal(), Signal()
        begin, take, finish = Signal(), Signal(), Signal()
        match = self._check(m, take, finish)

        at_end = Signal()
        m.d.comb += [
            at_end.eq(position == (self.payload + CRC_BYTES)),
            take.eq(self.i.valid & self.i.ready & ~self.i.payload.end),
            finish.eq(self.i.valid & self.i.ready & self.i.payload.end),
            begin.eq(take & fresh),
        ]
        with m.If(take):
            m.d.sync += fresh.eq(0)
            with m.If(at_end):
                m.d.sync += too_long.eq(1)
            with m.Else():
                m.d.sync += position.eq(position + 1)
        with m.If(begin):
            m.d.sync += [dropping.eq((written ^ read) == 0b10), right_kind.eq(self.i.payload.data == Kind.REQUEST)]

        status = Signal(2)
        with m.If(~match | self.i.payload.broken):
            m.d.comb += status.eq(Status.BAD_CRC)
        with m.Elif(~right_kind):
            m.d.comb += status.eq(Status.BAD_KIND)
        with m.Elif(~at_end | too_long):
            m.d.comb += status.eq(Status.BAD_LENGTH)
        with m.If(finish):
            m.d.sync += [fresh.eq(1), position.eq(position.init), too_long.eq(0)]
            with m.If(~fresh & ~dropping):
                m.d.sync += written.eq(written + 1)
                for half, held in enumerate(statuses):
                    with m.If(written[0] == half):
                        m.d.sync += held.eq(status)

        m.d.comb += [self.o.valid.eq(written != read), self.o.payload.eq(Cat(statuses).word_select(read[0], 2))]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += read.eq(read + 1)

        storing = Signal()
        m.d.comb += storing.eq(take & ((written ^ read) != 0b10))
        self._store(m, storing, position, written[0], read[0])
        return m

    def _store(self, m: Module, storing: Signal, position: Signal, half: Value, reading: Value) -> None:
        """Keep what comes in one half, and read the other one."""
        sequences = [Signal(8, name=f"sequence{half}") for half in range(WINDOW)]
        at_sequence = Signal()
        with m.If(storing & (position == (1 << len(position)) - 1)):
            for number, sequence in enumerate(sequences):
                with m.If(half == number):
                    m.d.sync += sequence.eq(self.i.payload.data)
        m.d.sync += at_sequence.eq(self.address.all())

        m.submodules.payloads = payloads = Ram(8, WINDOW * self.payload)
        bits = len(payloads.address)
        m.d.comb += [
            payloads.write_address.eq(Cat(half, position)[:bits]),
            payloads.write_data.eq(self.i.payload.data),
            payloads.write_en.eq(storing & (position < self.payload)),
            payloads.address.eq(Cat(reading, self.address)[:bits]),
            payloads.en.eq(1),
            self.data.eq(Mux(at_sequence, Cat(sequences).word_select(reading, 8), payloads.data)),
        ]

    def _check(self, m: Module, take: Signal, finish: Signal) -> Signal:
        """Feed the CRC bit by bit; input waits meanwhile. Returns whether the frame so far ends in its CRC."""
        bits = Signal(8)
        left = Signal(4)
        crc = CRC(data_width=1).create()
        m.submodules.crc = ResetInserter(finish)(crc)
        m.d.comb += [crc.data.eq(bits[0]), crc.valid.eq(left[3]), self.i.ready.eq(~left[3])]
        with m.If(take):
            m.d.sync += [bits.eq(self.i.payload.data), left.eq(0b1000)]
        with m.Elif(left[3]):
            m.d.sync += [bits.eq(bits[1:]), left.eq(left + 1)]
        return crc.match_detected
