# amaranth: UnusedElaboratable=no
"""Buffers between a stream of beats and a unit that reads a vector many times."""

from amaranth import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from icepop.compiler.plan import Resources
from icepop.compiler.types import Beats
from icepop.hdl.memory import Ram


class PingPong(wiring.Component):
    """Double buffer of whole vectors: one is written from the stream while the other is read at will.

    Parameters
    ----------
    beats : Beats
        Layout of the vector; at least two beats.

    Members
    -------
    i : In(stream.Signature(beats.width))
        Vectors in.
    full : Out(1)
        A whole vector is there to read.
    release : In(1)
        Done with that vector after this cycle; only while ``full``.
    beat : In(range(beats.count))
        Which beat to read.
    en : In(1)
        Read; ``data`` keeps its value while low.
    data : Out(beats.width)
        The beat asked for one cycle before.
    """

    def __init__(self, beats: Beats):
        self.beats = beats
        self.address_bits = ceil_log2(beats.count)
        self.ram = Ram(beats.width, 2 << self.address_bits)
        super().__init__(
            {
                "i": In(stream.Signature(beats.width)),
                "full": Out(1),
                "release": In(1),
                "beat": In(self.address_bits),
                "en": In(1),
                "data": Out(beats.width),
            }
        )

    @property
    def cost(self) -> Resources:
        """EBR, the write counter and the two pointers."""
        counter = self.address_bits
        control = Resources(lut4=counter + 9, ff=counter + 4, carry=max(0, counter - 2), cells=counter + 9)
        return self.ram.cost + control

    def elaborate(self, platform: object) -> Module:
        """Two-bit pointers tell full from empty; their low bit is the half."""
        m = Module()
        m.submodules.ram = ram = self.ram
        written, read = Signal(2), Signal(2)
        position = Signal(self.address_bits)
        m.d.comb += [
            self.full.eq(written != read),
            self.i.ready.eq((written ^ read) != 0b10),
            ram.write_address.eq(Cat(position, written[0])),
            ram.write_data.eq(self.i.payload),
            ram.write_en.eq(self.i.valid & self.i.ready),
            ram.address.eq(Cat(self.beat, read[0])),
            ram.en.eq(self.en),
            self.data.eq(ram.data),
        ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += position.eq(position + 1)
            with m.If(position == self.beats.count - 1):
                m.d.sync += [position.eq(0), written.eq(written + 1)]
        with m.If(self.release):
            m.d.sync += read.eq(read + 1)
        return m
