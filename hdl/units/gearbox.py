# amaranth: UnusedElaboratable=no
"""Gearboxes: the same tensor with another number of lanes."""

from dataclasses import replace
from functools import cached_property
from math import gcd

import numpy as np
from amaranth import Cat, Const, Module, Mux, Signal, Value

from icepop.compiler.planner.plan import Resources
from icepop.compiler.planner.timing import Inlet, Timing, streaming
from icepop.compiler.types import Beats
from icepop.hdl.units.base import StreamUnit, registered_cells


class Pack(StreamUnit):
    """More lanes: ``ratio = lanes / input.lanes`` beats of a pixel become one.

    Parameters
    ----------
    input : Beats
        Layout of the incoming stream.
    lanes : int
        Lanes of the outgoing one, a multiple.

    Notes
    -----
    ``interval = input.count``; a beat leaves the cycle after its last part has come. Where a pixel ends inside a
    beat, zeros fill it.
    """

    def __init__(self, input: Beats, lanes: int):
        super().__init__([input], replace(input, lanes=lanes))
        self.ratio = lanes // input.lanes
        self.padded = input.pixel_beats % self.ratio > 0

    @cached_property
    def timing(self) -> Timing:
        """A part a cycle; a beat leaves after its last part."""
        part = np.arange(1, self.input.pixel_beats + 1)
        ends = (part % self.ratio == 0) | (part == self.input.pixel_beats)
        return streaming(self.input.count, np.tile(ends, self.input.pixels))

    @cached_property
    def cost(self) -> Resources:
        """The register, and a counter; with padding one more counter and the choice of the part."""
        cells = self.output.width + self.ratio.bit_length() + 2
        if self.padded:
            cells += self.ratio + 2 * self.input.pixel_beats.bit_length()
        return Resources(lut4=cells - (0 if self.padded else self.output.width), ff=cells, cells=cells)

    def elaborate(self, platform: object) -> Module:
        """Collect parts until the beat or the pixel is whole."""
        m = Module()
        part, last, take = Signal(range(self.ratio)), Signal(), Signal()
        m.d.comb += [
            self.i.ready.eq(~self.o.valid | self.o.ready),
            take.eq(self.i.valid & self.i.ready),
        ]
        with m.If(self.i.ready):
            m.d.sync += self.o.valid.eq(take & last)
        with m.If(take):
            m.d.sync += part.eq(Mux(last, 0, part + 1))
        if self.padded:
            self._place(m, part, last, take)
        else:
            m.d.comb += last.eq(part == self.ratio - 1)
            with m.If(take):
                m.d.sync += self.o.payload.eq(Cat(self.o.payload, self.i.payload)[self.input.width :])
        return m

    def _place(self, m: Module, part: Signal, last: Signal, take: Signal) -> None:
        """Write each part where it belongs, the first with zeros behind it; a pixel's end is a beat's end too."""
        position = Signal(range(self.input.pixel_beats))
        end = position == self.input.pixel_beats - 1
        m.d.comb += last.eq((part == self.ratio - 1) | end)
        with m.If(take):
            m.d.sync += position.eq(Mux(end, 0, position + 1))
            for k in range(self.ratio):
                lane = self.o.payload.word_select(k, self.input.width)
                with m.If(part == k):
                    m.d.sync += lane.eq(self.i.payload)
                with m.Elif(part == 0):
                    m.d.sync += lane.eq(0)


class Unpack(StreamUnit):
    """Fewer lanes: one beat becomes ``ratio = input.lanes / lanes``, what pads a pixel's or a run's last one dropped.

    Parameters
    ----------
    input : Beats
        Layout of the incoming stream.
    lanes : int
        Lanes of the outgoing one, a divisor; of beats that carry several pixels, a divisor of a pixel's channels.

    Notes
    -----
    ``interval = output.count``; part k of a beat leaves ``1 + k`` cycles after the beat has come.
    """

    def __init__(self, input: Beats, lanes: int):
        super().__init__([input], replace(input, lanes=lanes, run=1))
        self.ratio = ratio = input.lanes // lanes
        self.parts = self.output.count // input.runs
        self.rest = self.parts - (input.run_beats - 1) * ratio

    @cached_property
    def timing(self) -> Timing:
        """A part a cycle; the first part of a beat takes it."""
        part = np.arange(self.parts)
        beats = part // self.ratio + 1 + self.input.run_beats * np.arange(self.input.runs)[:, None]
        count = self.output.count
        return Timing((Inlet(beats.reshape(-1)),), np.ones(count, np.int64), np.ones(count, bool), 1)

    @cached_property
    def cost(self) -> Resources:
        """The shift register, which loads and shifts, and its counters."""
        counter = self.ratio.bit_length() + (self.input.run_beats.bit_length() if self.rest < self.ratio else 0)
        return registered_cells(self.input.width + counter + 4)

    def elaborate(self, platform: object) -> Module:
        """Shift parts out at the bottom."""
        m = Module()
        word = Signal(self.input.width)
        part, last = Signal(range(self.ratio)), Signal()
        ends = part == self.ratio - 1
        if self.rest < self.ratio:
            ends |= self._in_final_beat(m, last) & (part == self.rest - 1)
        m.d.comb += [
            last.eq(ends),
            self.o.payload.eq(word[: self.output.width]),
            self.i.ready.eq(~self.o.valid | (self.o.ready & last)),
        ]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += [word.eq(word >> self.output.width), part.eq(Mux(last, 0, part + 1))]
            with m.If(last):
                m.d.sync += self.o.valid.eq(0)
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [word.eq(self.i.payload), self.o.valid.eq(1)]
        return m

    def _in_final_beat(self, m: Module, last: Signal) -> Value:
        """Whether the beat held is the last one of a pixel, or of a run of pixels."""
        if self.input.run_beats == 1:
            return Const(1)
        beat = Signal(range(self.input.run_beats))
        final = beat == self.input.run_beats - 1
        with m.If(self.o.valid & self.o.ready & last):
            m.d.sync += beat.eq(Mux(final, 0, beat + 1))
        return final


def gearboxes(source: Beats, lanes: int) -> list[StreamUnit]:
    """Units that bring a stream to ``lanes`` lanes: none, one, or two by way of the greatest common divisor.

    A beat that carries several pixels comes apart into parts of one.
    """
    common = gcd(source.lanes if source.run == 1 else source.channels, lanes)
    chain: list[StreamUnit] = []
    if common < source.lanes:
        chain.append(Unpack(source, common))
    if common < lanes:
        chain.append(Pack(chain[-1].output if chain else source, lanes))
    return chain


GEARBOXES: dict[str, type[Pack] | type[Unpack]] = {"Pack": Pack, "Unpack": Unpack}
"""By the name that a plan gives them."""
