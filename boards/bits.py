"""Samples between bytes and beats, one bit a cycle: the line is slower than that."""

from amaranth import Cat, Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from icepop.boards.cobs_encoder import CONTENT
from icepop.boards.link import sample_bytes
from icepop.compiler.types import Beats

BIT = data.StructLayout({"bit": 1, "last": 1})
"""One bit of a sample; ``last`` marks the sample's last one."""


class BitReader(wiring.Component):
    """Read a request out of the receiver's memory: its sequence number, then its sample.

    Latency: 1 cycle. Interval: 9 cycles a byte (the memory's read takes one).

    Parameters
    ----------
    address_bits : int
        Width of the memory's address.
    length : int
        Bits of the sample.

    Members
    -------
    restart : In(1)
        Go back to the sequence number; no transfer may be open then.
    done : Out(1)
        All bits are read.
    address : Out(address_bits)
        Byte to read; -1 is the sequence number's, the sample begins at 0.
    data : In(8)
        That byte, 1 cycle later.
    o : Out(stream.Signature(BIT))
        Eight bits of sequence number, then the sample, least significant bits first.
    """

    def __init__(self, address_bits: int, length: int):
        self.length = length
        super().__init__(
            {
                "restart": In(1),
                "done": Out(1),
                "address": Out(address_bits),
                "data": In(8),
                "o": Out(stream.Signature(BIT)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Count bits from -8, and wait a cycle whenever the byte changes."""
        m = Module()
        position = Signal(len(self.address) + 3, init=(8 << len(self.address)) - 8)
        fetched = Signal()
        m.d.comb += [
            self.address.eq(position[3:]),
            self.done.eq(position == self.length),
            self.o.valid.eq(fetched & ~self.done),
            self.o.payload.bit.eq(self.data.bit_select(position[:3], 1)),
            self.o.payload.last.eq(position == self.length - 1),
        ]
        m.d.sync += fetched.eq(1)
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += position.eq(position + 1)
            with m.If(position[:3] == 7):
                m.d.sync += fetched.eq(0)
        with m.If(self.restart):
            m.d.sync += [position.eq(position.init), fetched.eq(0)]
        return m


class BeatAssembler(wiring.Component):
    """Bits to beats; the last beat of a sample is filled with zeros.

    Latency: 1 cycle. Interval: ``width + 1`` cycles a beat.

    Parameters
    ----------
    width : int
        Bits a beat.

    Members
    -------
    i : In(stream.Signature(BIT))
        Samples.
    o : Out(stream.Signature(width))
        Their beats.
    """

    def __init__(self, width: int):
        self.width = width
        super().__init__({"i": In(stream.Signature(BIT)), "o": Out(stream.Signature(width))})

    def elaborate(self, platform: object) -> Module:
        """Shift in from the top, zeros once the sample's last bit is in."""
        m = Module()
        beat = Signal(self.width)
        count = Signal(range(self.width))
        full, padding = Signal(), Signal()
        m.d.comb += [self.o.payload.eq(beat), self.o.valid.eq(full), self.i.ready.eq(~full & ~padding)]
        with m.If(full & self.o.ready):
            m.d.sync += full.eq(0)
        with m.Elif(~full & (self.i.valid | padding)):
            m.d.sync += [beat.eq(Cat(beat, self.i.payload.bit & ~padding)[1:]), count.eq(count + 1)]
            with m.If(self.i.payload.last):
                m.d.sync += padding.eq(1)
            with m.If(count == self.width - 1):
                m.d.sync += [count.eq(0), full.eq(1), padding.eq(0)]
        return m


class BeatSerializer(wiring.Component):
    """Beats to bits; a result is filled with zeros to whole bytes.

    Output and ``i.ready`` come from flip-flops, so that no long path leads through the accelerator's output.

    Latency: 1 cycle. Interval: 2 cycles a bit, and 1 a beat.

    Parameters
    ----------
    beats : Beats
        Layout of the result.

    Members
    -------
    i : In(stream.Signature(beats.width))
        Results; a beat is transferred after its last bit is taken.
    o : Out(stream.Signature(BIT))
        Their bits.
    """

    def __init__(self, beats: Beats):
        self.beats = beats
        super().__init__({"i": In(stream.Signature(beats.width)), "o": Out(stream.Signature(BIT))})

    def elaborate(self, platform: object) -> Module:
        """Select bit after bit of the beat that is offered."""
        m = Module()
        length, total = self.beats.length * self.beats.domain.bits, 8 * sample_bytes(self.beats)
        position, index = Signal(range(total)), Signal(range(self.beats.width))
        real, take, end, beat_end, release = Signal(), Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            real.eq(position < length),
            end.eq(position == total - 1),
            beat_end.eq((index == self.beats.width - 1) | (position == length - 1)),
            take.eq(~self.o.valid & ~release & (self.i.valid | ~real)),
            self.i.ready.eq(release),
        ]
        m.d.sync += release.eq(take & real & beat_end)
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(take):
            m.d.sync += [
                self.o.valid.eq(1),
                self.o.payload.bit.eq(self.i.payload.bit_select(index, 1) & real),
                self.o.payload.last.eq(end),
                position.eq(position + 1),
                index.eq(index + 1),
            ]
            with m.If(beat_end | ~real):
                m.d.sync += index.eq(0)
            with m.If(end):
                m.d.sync += position.eq(0)
        return m


class ByteAssembler(wiring.Component):
    """Bits to bytes.

    Latency: 1 cycle. Interval: 9 cycles a byte.

    Members
    -------
    i : In(stream.Signature(BIT))
        A multiple of eight bits.
    o : Out(stream.Signature(CONTENT))
        Bytes; ``last`` where the byte's last bit was the last one.
    """

    def __init__(self) -> None:
        super().__init__({"i": In(stream.Signature(BIT)), "o": Out(stream.Signature(CONTENT))})

    def elaborate(self, platform: object) -> Module:
        """Shift in from the top."""
        m = Module()
        byte, count, last = Signal(8), Signal(3), Signal()
        m.d.comb += [self.o.payload.data.eq(byte), self.o.payload.last.eq(last), self.i.ready.eq(~self.o.valid)]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [
                byte.eq(Cat(byte[1:], self.i.payload.bit)),
                last.eq(self.i.payload.last),
                count.eq(count + 1),
                self.o.valid.eq(count == 7),
            ]
        with m.Elif(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        return m
