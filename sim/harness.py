"""`Harness`: a design with all of its streams behind one input and one output vector.

One write and one read a cycle are all that a simulator's slow interface to Python then has to do.
"""

from amaranth import Cat, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from icepop.sim.records import Layout, Stream

TOP = "bench"
"""Name of the harness as a Verilog module."""

PORTS = ("clk", "rst", "drive", "seen")
"""All ports of that module."""


class Harness(wiring.Component):
    """Wrap a component with ports ``i`` and ``o`` and, if it has ``taps``, its taps.

    Parameters
    ----------
    design : Component
        Single clock domain ``sync``.
    registered : bool
        Hold ``drive`` in registers. A simulator driven in the middle of a cycle then shows the cycle's settled
        ``seen`` and takes the inputs of the next cycle at the same moment, without a race.

    Members
    -------
    drive : In(2 + input width)
        The output's ready, the input's valid, the input's payload.
    seen : Out(8 * layout.size)
        Every watched stream, as `Layout` says.
    """

    def __init__(self, design: wiring.Component, *, registered: bool) -> None:
        self.design = design
        self.registered = registered
        taps = [(tap.name, f"tap '{tap.op}'") for tap in getattr(design, "taps", ())]
        ports = [("i", "input"), *taps, ("o", "output")]
        self.streams = [getattr(design, port) for port, _ in ports]
        self.width = len(Value.cast(design.i.payload))
        self.layout = Layout(
            tuple(
                Stream(port, label, len(Value.cast(stream.payload)))
                for (port, label), stream in zip(ports, self.streams, strict=True)
            )
        )
        super().__init__({"drive": In(2 + self.width), "seen": Out(8 * self.layout.size)})

    def elaborate(self, platform: object) -> Module:
        """Unpack the inputs and pack what is watched."""
        m = Module()
        m.submodules.design = design = self.design
        m.d.sync += Signal(name="tick", reset_less=True).eq(1)  # a design of wires alone has no clock
        word: Value = self.drive
        if self.registered:
            # not reset: the inputs of cycle 0 are loaded while the design is still held in reset
            held = Signal.like(self.drive, reset_less=True)
            m.d.sync += held.eq(self.drive)
            word = held
        m.d.comb += [
            design.o.ready.eq(word[0]),
            design.i.valid.eq(word[1]),
            Value.cast(design.i.payload).eq(word[2:]),
        ]
        flags = Cat(Cat(stream.valid, stream.ready) for stream in self.streams)
        m.d.comb += self.seen[: len(flags)].eq(flags)
        for stream, where in zip(self.streams, self.layout.slices, strict=True):
            payload = Value.cast(stream.payload)
            m.d.comb += self.seen[8 * where.start :][: len(payload)].eq(payload)
        return m
