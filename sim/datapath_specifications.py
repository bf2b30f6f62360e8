"""What parts without stalls are proved to do: `PipelineSpec` for a function, `DotProductSpec` for an accumulator."""

from collections.abc import Callable, Mapping

import numpy as np
from amaranth import Array, Cat, Const, Module, Mux, ResetSignal, Signal, Value, signed
from amaranth.hdl import Assert, Assume
from amaranth.lib import wiring
from amaranth.lib.wiring import Flow, In

from icepop.hdl.matrix.processing import ProcessingElement
from icepop.hdl.matrix.row_sums import RowSums


class PipelineSpec(wiring.Component):
    """``o`` is a function of what the inputs were ``latency`` cycles ago.

    Parameters
    ----------
    unit : Component
        What is specified; all its ports but ``o`` are inputs.
    latency : int
        Cycles.
    function : callable
        Result from the inputs by name; it has to be written in another way than the unit.

    Members
    -------
    … : In
        The unit's inputs, anything in every cycle.
    """

    def __init__(self, unit: wiring.Component, latency: int, function: Callable[[Mapping[str, Value]], Value]):
        self.unit, self.latency, self.function = unit, latency, function
        ports = unit.signature.members
        super().__init__({name: port for name, port in ports.items() if port.flow == Flow.In})

    def elaborate(self, platform: object) -> Module:
        """Delay the inputs, compute, compare."""
        m = Module()
        m.submodules.unit = unit = self.unit
        m.d.comb += Assume(~ResetSignal())
        inputs = {name: getattr(self, name) for name in self.signature.members}
        m.d.comb += [getattr(unit, name).eq(value) for name, value in inputs.items()]
        earlier = {name: delayed(m, value, self.latency) for name, value in inputs.items()}
        with m.If(delayed(m, Const(1), self.latency)):
            m.d.comb += Assert(unit.o == self.function(earlier))
        return m


class DotProductSpec(wiring.Component):
    """A processing element's result is the dot product of beats with any weights, whenever these come.

    The rows of the product's weights are all that there can be, and the one to be computed is free: so the weights
    are, while their words and what a sum lacks of the dot product are still what the product makes of constants.

    Parameters
    ----------
    element : ProcessingElement
        What is specified. Every channel of its product's weights has a lane.
    sums : RowSums
        What its sums mean.

    Members
    -------
    row : In
        Weights, chosen at a row's first beat.
    x, inside : In
        A beat of activations of which every code is a value, and whether it is no padding.
    taken : In(1)
        The beat is there.
    """

    def __init__(self, element: ProcessingElement, sums: RowSums):
        self.element, self.sums = element, sums
        self.product, self.row_type = element.row.product, element.row
        rows, self.beats, self.lanes = self.product.filled.shape
        super().__init__({"row": In(range(rows)), "x": In(self.row_type.width), "inside": In(1), "taken": In(1)})

    @property
    def depth(self) -> int:
        """Cycles in which a row and all that follows on it can have passed with a pause."""
        return 2 * self.beats + self.row_type.latency + 2

    def elaborate(self, platform: object) -> Module:
        """Hand beats on, add up products as integers, compare when a row's last beat has gone through."""
        m = Module()
        m.submodules.element = element = self.element
        held, row, beat = Signal.like(self.row), Signal.like(self.row), Signal(range(self.beats))
        first, last = beat == 0, beat == self.beats - 1
        m.d.comb += [Assume(~ResetSignal()), row.eq(Mux(first, self.row, held))]
        with m.If(self.taken):
            m.d.sync += [held.eq(row), beat.eq(Mux(last, 0, beat + 1))]
        before = self.row_type.latency - self.row_type.accumulates
        m.d.comb += [
            element.word.eq(Array(Array(words)[beat] for words in self.product.words)[row]),
            element.x.eq(self.x),
            element.inside.eq(self.inside),
            element.summed.eq(delayed(m, self.taken, before)),
            element.first.eq(delayed(m, first, before)),
            element.start.eq(delayed(m, Array(self.sums.starts.tolist())[row], before)),
        ]
        total, so_far = Signal(signed(16)), Signal(signed(16))
        m.d.comb += total.eq(Mux(first, 0, so_far) + self._dot(row, beat))
        with m.If(self.taken):
            m.d.sync += so_far.eq(total)
        bias = Array(Const(number, signed(16)) for number in self.sums.bias.tolist())[row]
        due, lacking = (delayed(m, value, self.row_type.latency).as_signed() for value in (total, bias))
        with m.If(delayed(m, self.taken & last, self.row_type.latency)):
            m.d.comb += Assert(self._holds(due, lacking))
        return m

    def _dot(self, row: Value, beat: Value) -> Value:
        """Products of a beat, as integers."""
        domain = self.product.operands.domain
        values = Array(int(value) for value in domain.decode(np.arange(1 << domain.bits)))
        total: Value = Const(0)
        for lane in range(self.lanes):
            weights = Array(Array(weights)[beat] for weights in self.product.filled[:, :, lane].tolist())[row]
            total = total + weights * values[self.x.word_select(lane, domain.bits)]
        return Mux(self.inside, total, 0) if self.product.operands.padded else total

    def _holds(self, due: Value, bias: Value) -> Value:
        """Whether the result means the dot product: as an accumulator's code, or as a sum without its bias."""
        result = self.element.o
        if not self.row_type.starts:
            return self.sums.gain * result + bias == due
        domain = self.sums.domain
        code = result[self.sums.spare :]
        value = code.as_signed() if domain.signed else domain.step * code + (domain.lo if domain.step > 1 else 0)
        return value == due


def delayed(m: Module, value: Value, cycles: int) -> Value:
    """Bits of a value some cycles ago; 0 before."""
    bits = Cat(value)
    for _ in range(cycles):
        later = Signal(len(bits))
        m.d.sync += later.eq(bits)
        bits = later
    return bits
