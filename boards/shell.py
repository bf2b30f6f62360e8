"""`Shell`: a component behind four pins, so that it can be placed whatever the width of its streams."""

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

CONSTANT_CELLS = 2
"""nextpnr makes a cell for the constant 0 and one for 1, whatever the design."""


class Shell(wiring.Component):
    """Shift registers around ``core``: one feeds its inputs, one sums up its outputs.

    Every path of the core starts and ends in a register of the shell or its own. The registers cost exactly one
    logic cell a bit and share none with the core as long as synthesis keeps the core's hierarchy: an input bit is a
    flip-flop without a LUT, an output bit a flip-flop behind the shell's own LUT.

    Parameters
    ----------
    core : Component
        Single clock domain ``sync``.

    Members
    -------
    i : In(1)
        First input bit; the others follow from it, a cycle each.
    o : Out(1)
        Sum modulo 2 of all output bits, each from another cycle.

    Attributes
    ----------
    cells : int
        Logic cells of the shell itself and of nextpnr's constants.
    """

    def __init__(self, core: wiring.Component) -> None:
        self.core = core
        members = [(path, member.flow, Value.cast(value)) for path, member, value in core.signature.flatten(core)]
        self.driven = [value for _, flow, value in members if flow is In]
        self.watched = [value for _, flow, value in members if flow is Out]
        self.cells = sum(map(len, self.driven)) + sum(map(len, self.watched)) + CONSTANT_CELLS
        super().__init__({"i": In(1), "o": Out(1)})

    def elaborate(self, _platform: object) -> Module:
        """Build the two registers."""
        m = Module()
        m.submodules.core = self.core
        inputs, outputs = Cat(*self.driven), Cat(*self.watched)
        feed = Signal(len(inputs), reset_less=True)
        digest = Signal(len(outputs), reset_less=True)
        m.d.sync += [feed.eq(Cat(self.i, feed)), digest.eq(Cat(self.i, digest) ^ outputs)]
        m.d.comb += [inputs.eq(feed), self.o.eq(digest[-1])]
        return m
