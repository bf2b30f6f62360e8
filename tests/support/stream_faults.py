# amaranth: UnusedElaboratable=no
"""Broken twins of stream units: one that works, behind an output that breaks one rule."""

from collections.abc import Callable

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.stream import Interface
from amaranth.lib.wiring import connect, flipped

from icepop.sim.specifications import End

Fault = Callable[[Module, Interface, Interface, Signal, Signal], None]
"""Breaks one thing between the output seen from outside and the unit's own, from the cycle and a stall."""


class Faulty(wiring.Component):
    """A unit behind a broken output.

    Parameters
    ----------
    unit : Component
        One that works.
    broken : End
        Which output.
    fault : str
        One of `FAULTS`.
    """

    def __init__(self, unit: wiring.Component, broken: End, fault: str):
        self.unit, self.broken, self.fault = unit, broken, fault
        super().__init__(dict(unit.signature.members))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.unit = self.unit
        for port in self.unit.signature.members:
            outer, inner = getattr(self, port), getattr(self.unit, port)
            if port != self.broken.port:
                connect(m, flipped(outer), inner)
                continue
            age, stalled = Signal(6), Signal()
            m.d.sync += [age.eq(Mux(age == 63, 63, age + 1)), stalled.eq(outer.valid & ~outer.ready)]
            m.d.comb += [outer.payload.eq(inner.payload), outer.valid.eq(inner.valid), inner.ready.eq(outer.ready)]
            FAULTS[self.fault](m, outer, inner, age, stalled)
        return m


def wrong(m: Module, outer: Interface, inner: Interface, age: Signal, stalled: Signal) -> None:
    """Flip a bit of one beat."""
    m.d.comb += outer.payload.eq(inner.payload ^ (age == 12))


def withdrawn(m: Module, outer: Interface, inner: Interface, age: Signal, stalled: Signal) -> None:
    """Drop valid after a stall."""
    m.d.comb += outer.valid.eq(inner.valid & ~stalled)


def changed(m: Module, outer: Interface, inner: Interface, age: Signal, stalled: Signal) -> None:
    """Change the payload while stalled."""
    m.d.comb += outer.payload.eq(inner.payload ^ stalled)


def lost(m: Module, outer: Interface, inner: Interface, age: Signal, stalled: Signal) -> None:
    """Swallow one beat that nobody has seen yet."""
    done, swallow = Signal(), Signal()
    m.d.comb += swallow.eq(inner.valid & ~stalled & ~done)
    with m.If(swallow):
        m.d.comb += [outer.valid.eq(0), inner.ready.eq(1)]
        m.d.sync += done.eq(1)


def repeated(m: Module, outer: Interface, inner: Interface, age: Signal, stalled: Signal) -> None:
    """Give one beat twice."""
    done = Signal()
    with m.If(inner.valid & ~done):
        m.d.comb += inner.ready.eq(0)
        with m.If(outer.ready):
            m.d.sync += done.eq(1)


def stuck(m: Module, outer: Interface, inner: Interface, age: Signal, stalled: Signal) -> None:
    """Give one beat, then nothing any more."""
    done = Signal()
    with m.If(outer.valid & outer.ready):
        m.d.sync += done.eq(1)
    with m.If(done):
        m.d.comb += [outer.valid.eq(0), inner.ready.eq(0)]


FAULTS: dict[str, Fault] = {fault.__name__: fault for fault in (wrong, withdrawn, changed, lost, repeated, stuck)}
