# amaranth: UnusedElaboratable=no
"""A design on rasters, a pixel a beat: what is driven, watched and given back has the channel innermost."""

from dataclasses import dataclass

import numpy as np
import pytest
from amaranth import Module, Mux, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from icepop.compiler.graph import Graph
from icepop.compiler.ops.input import Input
from icepop.compiler.ops.threshold import Threshold
from icepop.compiler.types import BIPOLAR, Beats, TensorType
from icepop.hdl.accelerator import Tap
from icepop.sim.pins import through_pins
from icepop.sim.prove import simulate

SHAPE = CHANNELS, ROWS, COLUMNS = (2, 3, 5)
PIXELS = ROWS * COLUMNS


@dataclass(frozen=True)
class Timing:
    interval: int = PIXELS
    latency: int = PIXELS - 1
    first_intervals: tuple[int, ...] = (PIXELS, PIXELS)


class Bars(wiring.Component):
    """Channel 0 as it is, channel 1 always +1; with ``wrong``, one channel of one pixel of every raster flipped."""

    def __init__(self, wrong: tuple[int, int, int] | None = None):
        self.wrong = wrong
        thresholds = np.array([[0], [-9]])
        self.graph = Graph(
            (
                Input("x", (), TensorType(SHAPE, BIPOLAR)),
                Threshold("bars", ("x",), thresholds, np.ones(CHANNELS, np.int64), BIPOLAR),
            )
        )
        self.plan, self.input_op = Timing(), "x"
        self.input = self.output = Beats(BIPOLAR, CHANNELS * PIXELS, CHANNELS)
        self.taps = (Tap("tap0", "bars", self.output),)
        watch = wiring.Signature({"payload": Out(CHANNELS), "valid": Out(1), "ready": Out(1)})
        pixels = stream.Signature(unsigned(CHANNELS))
        super().__init__({"i": In(pixels), "o": Out(pixels), "tap0": Out(watch)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        pixel = Signal(range(PIXELS))
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += pixel.eq(Mux(pixel == PIXELS - 1, 0, pixel + 1))
        m.d.comb += [
            self.o.payload.eq(self.i.payload | 0b10),
            self.o.valid.eq(self.i.valid),
            self.i.ready.eq(self.o.ready),
            *(getattr(self.tap0, member).eq(getattr(self.o, member)) for member in ("payload", "valid", "ready")),
        ]
        if self.wrong:
            channel, row, column = self.wrong
            with m.If(pixel == row * COLUMNS + column):
                m.d.comb += self.o.payload.eq((self.i.payload | 0b10) ^ (1 << channel))
        return m


@pytest.fixture
def rasters():
    return np.random.default_rng(4).choice([-1, 1], (3, *SHAPE))


def test_a_raster_is_driven_watched_and_given_back_in_the_model_s_order(rasters):
    design = Bars()
    report = simulate(design, rasters)
    assert (report.exact, report.message, report.as_planned) == (3, None, True)
    assert np.array_equal(report.output, design.graph.run(rasters)["bars"])
    assert report.output.shape == rasters.shape


@pytest.mark.parametrize("wrong", [(0, 0, 4), (1, 2, 1)])
def test_a_wrong_pixel_is_named_in_the_model_s_order(rasters, wrong):
    design = Bars(wrong)
    report = simulate(design, rasters)
    assert (report.exact, report.mismatch.op, report.mismatch.index) == (0, "bars", wrong)
    different = report.output != design.graph.run(rasters)["bars"]
    assert np.argwhere(different).tolist() == [[sample, *wrong] for sample in range(3)]


def test_a_raster_through_the_serial_pins(rasters):
    design = Bars()
    assert np.array_equal(through_pins(design, rasters, 8e6, 1_000_000), design.graph.run(rasters)["bars"])
