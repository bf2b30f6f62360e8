# amaranth: UnusedElaboratable=no
"""`Fork`: one stream for several readers, each behind a FIFO of its own."""

from collections.abc import Sequence
from functools import cached_property

from amaranth import Module, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from icepop.compiler.planner.plan import Resources
from icepop.compiler.planner.timing import Timing, streaming
from icepop.compiler.types import Beats
from icepop.hdl.fifo import LATENCY, fifo


class Fork(wiring.Component):
    """Copies a stream: a beat is taken when every FIFO has a place, and goes into all of them.

    Parameters
    ----------
    beats : Beats
        Layout of the stream.
    depths : sequence of int
        Beats that the FIFO of each output holds, at least 1.

    Attributes
    ----------
    latency : int
        Cycles from a beat's transfer in until it is offered at every output whose FIFO is empty, whatever its depth.

    Members
    -------
    i : In(stream.Signature(unsigned(beats.width)))
        The stream.
    o0, o1, … : Out(stream.Signature(unsigned(beats.width)))
        One copy for each depth.

    Notes
    -----
    A place is free from the cycle after its beat was transferred, so an output moves a beat a cycle from a depth of
    ``latency + 1`` on. No ready depends on another in the same cycle.
    """

    latency = LATENCY

    def __init__(self, beats: Beats, depths: Sequence[int]):
        self.inputs, self.input, self.output, self.input_names = (beats,), beats, beats, ("i",)
        self.depths = tuple(depths)
        self.fifos = [fifo(beats.width, depth) for depth in self.depths]
        port = stream.Signature(unsigned(beats.width))
        super().__init__({"i": In(port), **{f"o{k}": Out(port) for k in range(len(self.depths))}})

    @property
    def timing(self) -> Timing:
        """A beat a cycle; what a schedule's node with `depths` reads."""
        return streaming(self.output.count, latency=self.latency)

    @cached_property
    def cost(self) -> Resources:
        """The FIFOs, and the common ready."""
        return Resources.total([*(each.cost for each in self.fifos), Resources(lut4=2, cells=2)])

    def elaborate(self, platform: object) -> Module:
        """Write all FIFOs at once."""
        m = Module()
        full, take = Signal(len(self.fifos)), Signal()
        m.d.comb += [self.i.ready.eq(~full.any()), take.eq(self.i.valid & self.i.ready)]
        for k, each in enumerate(self.fifos):
            m.submodules[f"fifo_{k}"] = each
            m.d.comb += [each.write.eq(take), each.data.eq(self.i.payload), full[k].eq(each.full)]
            connect(m, each.o, flipped(getattr(self, f"o{k}")))
        return m
