"""What units are proved to do: `BitSumSpec` for a sum of bits, `StreamSpec` for every stream unit."""

from collections.abc import Callable, Sequence

from amaranth import Array, Cat, Module, Mux, ResetSignal, Signal, Value
from amaranth.hdl import Assert, Assume
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In

from icepop.hdl.bit_sum import BitSum
from icepop.hdl.units.base import StreamUnit

Function = Callable[[Sequence[Value]], Sequence[Value]]
"""From the elements of a sample to the elements of its result, as hardware codes."""


class BitSumSpec(wiring.Component):
    """``o`` is the sum of what the bits of ``i`` were worth `latency` cycles ago.

    Parameters
    ----------
    bit_sum : BitSum
        What is specified.

    Members
    -------
    i : In(len(bit_sum.shifts))
        Any bits, every cycle.
    """

    def __init__(self, bit_sum: BitSum):
        self.bit_sum = bit_sum
        super().__init__({"i": In(len(bit_sum.shifts))})

    def elaborate(self, platform: object) -> Module:
        """Delay the input, add its bits one by one, compare."""
        m = Module()
        m.submodules.bit_sum = bit_sum = self.bit_sum
        m.d.comb += [bit_sum.i.eq(self.i), Assume(~ResetSignal())]
        delayed: Value = self.i
        ready: Value = Signal(init=1)
        for _ in range(bit_sum.latency):
            earlier, known = Signal(len(self.i)), Signal()
            m.d.sync += [earlier.eq(delayed), known.eq(ready)]
            delayed, ready = earlier, known
        total = Signal.like(bit_sum.o)
        for bit, shift in zip(delayed, bit_sum.shifts, strict=True):
            total = (total + (bit << shift))[: len(bit_sum.o)]
        with m.If(ready):
            m.d.comb += Assert(bit_sum.o == total)
        return m


class StreamSpec(wiring.Component):
    """A stream unit computes a function of each sample, in order, and keeps the rules of streams.

    Asserted: ``o.valid`` and its payload stay until the transfer; every result beat is that of the next sample in
    order, so none is wrong, lost, repeated or out of order; never more than ``bound`` cycles pass without a transfer
    while the consumer is ready and there is something to take or to give. Assumed: the producer keeps the rules too,
    and pads a sample's last beat with zeros.

    Parameters
    ----------
    unit : StreamUnit
        What is specified.
    function : callable
        Elements of a result from the elements of a sample.
    bound : int
        Cycles.

    Members
    -------
    i, o : In
        The unit's two streams from outside: any payloads, any stalls.
    """

    held = 8
    """Samples that the unit may hold at once."""

    def __init__(self, unit: StreamUnit, function: Function, bound: int):
        self.unit, self.function, self.bound = unit, function, bound
        super().__init__({"i": In(stream.Signature(unit.input.width)), "ready": In(1)})

    def elaborate(self, platform: object) -> Module:
        """Wire the unit to free inputs, and state the three claims."""
        m = Module()
        m.submodules.unit = unit = self.unit
        m.d.comb += [
            Assume(~ResetSignal()),
            unit.i.valid.eq(self.i.valid),
            unit.i.payload.eq(self.i.payload),
            self.i.ready.eq(unit.i.ready),
            unit.o.ready.eq(self.ready),
        ]
        self._rules(m)
        waiting = self._results(m)
        self._progress(m, waiting)
        return m

    def _rules(self, m: Module) -> None:
        """Neither side withdraws or changes what it offers."""
        for port, claim in ((self.unit.i, Assume), (self.unit.o, Assert)):
            stalled, before = Signal(), Signal.like(port.payload)
            m.d.sync += [stalled.eq(port.valid & ~port.ready), before.eq(port.payload)]
            with m.If(stalled):
                m.d.comb += claim(port.valid & (port.payload == before))

    def _results(self, m: Module) -> Value:
        """Each result beat is the function of its sample; returns whether a whole sample waits for its result."""
        unit = self.unit
        source, result = unit.input, unit.output
        samples = Array(Array(Signal(source.width) for _ in range(source.count)) for _ in range(self.held))
        taken, given = Signal(4), Signal(4)
        part_in, part_out = Signal(range(source.count + 1)), Signal(range(result.count + 1))
        with m.If(unit.i.valid & unit.i.ready):
            m.d.sync += samples[taken[:3]][part_in].eq(unit.i.payload)
            m.d.sync += part_in.eq(Mux(part_in == source.count - 1, 0, part_in + 1))
            with m.If(part_in == source.count - 1):
                m.d.sync += taken.eq(taken + 1)
        with m.If(unit.o.valid & unit.o.ready):
            m.d.sync += part_out.eq(Mux(part_out == result.count - 1, 0, part_out + 1))
            with m.If(part_out == result.count - 1):
                m.d.sync += given.eq(given + 1)

        padding = unit.i.payload[(source.length - (source.count - 1) * source.lanes) * source.domain.bits :]
        with m.If(unit.i.valid & (part_in == source.count - 1)):
            m.d.comb += Assume(padding == 0)

        begun = (taken != given) | (part_in != 0)
        sample = Signal(source.count * source.width)
        m.d.comb += sample.eq(Cat(samples[given[:3]][k] for k in range(source.count)))
        bits = source.domain.bits
        expected = self.function([sample[k * bits : (k + 1) * bits] for k in range(source.length)])
        with m.If(unit.o.valid):
            m.d.comb += Assert(begun)
        for beat in range(result.count):
            lanes = expected[beat * result.lanes : (beat + 1) * result.lanes]
            with m.If(unit.o.valid & (part_out == beat)):
                for lane, element in enumerate(lanes):
                    m.d.comb += Assert(unit.o.payload.word_select(lane, result.domain.bits) == element)
        m.d.comb += Assert((taken - given)[:4] < self.held)
        return taken != given

    def _progress(self, m: Module, waiting: Value) -> None:
        """Something moves within the bound."""
        unit = self.unit
        idle = Signal(range(self.bound + 2))
        moves = (unit.i.valid & unit.i.ready) | (unit.o.valid & unit.o.ready)
        with m.If(unit.o.ready & (unit.i.valid | waiting) & ~moves):
            m.d.sync += idle.eq(idle + 1)
        with m.Else():
            m.d.sync += idle.eq(0)
        m.d.comb += Assert(idle <= self.bound)
