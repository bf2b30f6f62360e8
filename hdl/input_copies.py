# amaranth: UnusedElaboratable=no
"""`InputCopies`: a double buffer of whole vectors of bits, read at several places at once."""

import numpy as np
from amaranth import Cat, Module, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from icepop.compiler.planner.plan import Resources
from icepop.compiler.types import Beats, IntArray
from icepop.hdl.memory import Ram, distinct_columns
from icepop.hdl.units.base import counter_cells

MUX_LUT4_PER_LANE = 0.86
"""Look-up tables of a multiplexer for each lane after the first, measured for up to 16."""

MUX_ALIKE = 0.45
"""Share of them that is left, measured, where all multiplexers are switched alike; it grows to 1 with their selects."""


class InputCopies(wiring.Component):
    """Double buffer with a copy in memory for each bit that is read at a time.

    Places are read while ``taken`` has not been told, and in the cycle after it too: the last places of a vector are
    known a cycle after its last step has begun.

    Parameters
    ----------
    beats : Beats
        Layout of the vector, one bit an element; at least two beats.
    copies : int
        Bits read at a time.

    Members
    -------
    i : In(stream.Signature(beats.width))
        Vectors in.
    full : Out(1)
        A whole vector is there, whose reading may begin.
    taken : In(1)
        The reading of that vector ends with the places of the next cycle; only while ``full`` and ``en``.
    places : In(copies * place_bits)
        Beat and lane of each copy's bit, the lane in the low bits.
    en : In(1)
        Go on; while low, nothing is read and ``data`` keeps its value.
    data : Out(copies)
        The bits at the places of the cycle before.
    """

    def __init__(self, beats: Beats, copies: int):
        self.beats, self.copies = beats, copies
        self.beat_bits, self.lane_bits = ceil_log2(beats.count), ceil_log2(beats.lanes)
        self.place_bits = self.beat_bits + self.lane_bits
        self.rams = [Ram(beats.width, 2 << self.beat_bits) for _ in range(copies)]
        super().__init__(
            {
                "i": In(stream.Signature(beats.width)),
                "full": Out(1),
                "taken": In(1),
                "places": In(copies * self.place_bits),
                "en": In(1),
                "data": Out(copies),
            }
        )

    def place(self, beat: int, lane: int) -> int:
        """Number that says where a bit is."""
        return beat << self.lane_bits | lane

    def cost(self, lanes: IntArray) -> Resources:
        """Memories, their lanes' multiplexers, the write counter and the pointers.

        Parameters
        ----------
        lanes : int64 array (reads, copies)
            Lanes that the copies are read at. Selects that are equal in all reads are one register.
        """
        selects = lanes[..., None] >> np.arange(self.lane_bits) & 1
        registers = distinct_columns((selects ^ selects[:1]).reshape(len(lanes), -1))
        alike = MUX_ALIKE + (1 - MUX_ALIKE) * registers / max(1, self.copies * self.lane_bits)
        muxes = round(MUX_LUT4_PER_LANE * (self.beats.lanes - 1) * self.copies * alike)
        select = Resources(lut4=muxes, ff=registers, cells=muxes + registers)
        pointers = Resources(lut4=11, ff=6, cells=12)
        return Resources.total([*(ram.cost for ram in self.rams), select, counter_cells(self.beats.count), pointers])

    def elaborate(self, platform: object) -> Module:
        """Two-bit pointers tell full from empty; their low bit is the half."""
        m = Module()
        written, read, reading = Signal(2), Signal(2), Signal(2)
        position = Signal(self.beat_bits)
        take = Signal()
        m.d.comb += [
            self.full.eq(written != read),
            # a half is free again once its last places have been read
            self.i.ready.eq((written ^ reading) != 0b10),
            take.eq(self.i.valid & self.i.ready),
        ]
        with m.If(take):
            m.d.sync += position.eq(position + 1)
            with m.If(position == self.beats.count - 1):
                m.d.sync += [position.eq(0), written.eq(written + 1)]
        with m.If(self.en):
            m.d.sync += reading.eq(read)
            with m.If(self.taken):
                m.d.sync += read.eq(read + 1)
        for number, ram in enumerate(self.rams):
            m.submodules[f"copy_{number}"] = ram
            place = self.places.word_select(number, self.place_bits)
            lane = Signal(self.lane_bits, name=f"lane_{number}")
            m.d.comb += [
                ram.write_address.eq(Cat(position, written[0])),
                ram.write_data.eq(self.i.payload),
                ram.write_en.eq(take),
                ram.address.eq(Cat(place[self.lane_bits :], reading[0])),
                ram.en.eq(self.en),
                self.data[number].eq(self._lane(ram.data, lane)),
            ]
            with m.If(self.en):
                m.d.sync += lane.eq(place[: self.lane_bits])
        return m

    def _lane(self, word: Value, lane: Value) -> Value:
        """One bit of a word; numbers that no lane has give the bit that makes the multiplexer smallest."""
        lanes, half = self.beats.lanes, (1 << self.lane_bits) // 2
        filled = Cat(word, (word[k - half] for k in range(lanes, 2 * half)))
        return filled.bit_select(lane, 1) if self.lane_bits else word
