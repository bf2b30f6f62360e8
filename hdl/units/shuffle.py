# amaranth: UnusedElaboratable=no
"""`Shuffle`: elements in another order."""

from collections.abc import Iterator
from functools import cached_property

import numpy as np
from amaranth import Cat, Module, Mux, Signal, Value
from amaranth.utils import ceil_log2

from icepop.compiler.errors import PlanError
from icepop.compiler.ops.gather import Gather
from icepop.compiler.planner.plan import Folding, Resources, Span
from icepop.compiler.planner.timing import Inlet, Timing, streaming
from icepop.compiler.types import Beats
from icepop.hdl.memory import Rom
from icepop.hdl.reorder import Reorder, stream_positions
from icepop.hdl.sources.ping_pong import PingPong
from icepop.hdl.units.base import LayerUnit, counter_cells, divisors, lone_registers, look_ups


class Shuffle(LayerUnit):
    """A choice of the input's elements in any order, by as little as the order takes.

    Where every beat becomes one in its turn, lanes are wired and nothing else is there: the whole pixel of a channel
    shuffle, a reshape. Where beats are only left out, as in a slice, a register follows. Else a double buffer holds a
    block of beats, a pixel or a map, and a memory says in which order it is read.

    Parameters
    ----------
    span : Span
        A `Gather`.
    folding : Folding
        Lanes out (pe) and in (simd) that divide the channels, with which a beat comes from one beat, and its lanes
        always from the same ones. One by one is always possible.

    Notes
    -----
    ``interval`` is the number of beats: in where they pass, out where they are buffered. Wires take no cycle, a
    register one; out of a buffer the first beat of a block comes two cycles after its last was taken.
    """

    def __init__(self, span: Span, folding: Folding):
        order = ordered(span, folding)
        if order is None:
            raise PlanError(
                f"layer '{span.name}' cannot be folded {folding}: its order does not keep such beats together; "
                "use 1x1 or leave the folding out"
            )
        self.order, self.folding = order, folding
        super().__init__([Beats.of(span.input, folding.simd)], Beats.of(span.result, folding.pe))

    @staticmethod
    def matches(span: Span) -> int:
        """One Gather."""
        return int(isinstance(span.ops[0], Gather))

    @staticmethod
    def foldings(span: Span) -> Iterator[Folding]:
        """All lanes that keep beats together."""
        for lanes_out in divisors(span.result.shape[0]):
            for lanes_in in divisors(span.input.shape[0]):
                folding = Folding(lanes_out, lanes_in)
                if ordered(span, folding) is not None:
                    yield folding

    @cached_property
    def timing(self) -> Timing:
        """Beats as they come, some without giving one; or block by block."""
        order = self.order
        if order.wires:
            return streaming(order.count, latency=0)
        if order.ascending:
            return streaming(order.count, np.tile(order.kept, order.blocks))
        steps, count = len(order.program), self.output.count
        needs = order.block * np.arange(1, order.blocks + 1).repeat(steps)
        over = np.where(np.arange(count) % steps == steps - 1, needs, needs - order.block)
        return Timing((Inlet(needs, 2 * order.block, over),), np.ones(count, np.int64), np.ones(count, bool), 1)

    @cached_property
    def buffer(self) -> PingPong:
        """Two blocks of beats."""
        beats = self.input
        return PingPong(Beats(beats.domain, self.order.block * beats.lanes, beats.lanes), self.order.block, 1)

    @cached_property
    def rom(self) -> Rom:
        """Which beat is read at each step of a block; of beats that pass, which are left out, turned by the first.

        The word of the next step is asked for when a step is done; what is read in the first cycle is not known.
        """
        order = self.order
        if order.ascending:
            return Rom(1, (order.kept != order.kept[0]).astype(int).tolist())
        return Rom(self.buffer.address_bits, order.program.tolist())

    @cached_property
    def cost(self) -> Resources:
        """Nothing; or a register or a buffer, and the program with its counter, whose next value is needed too."""
        order = self.order
        if order.wires:
            return Resources()
        steps = order.block if order.ascending else len(order.program)
        control = Resources.total([self.rom.cost, counter_cells(steps), look_ups(5 + ceil_log2(steps))])
        return control + (lone_registers(self.output.width) if order.ascending else self.buffer.cost)

    def elaborate(self, platform: object) -> Module:
        """Wires, a register, or a buffer."""
        m = Module()
        if self.order.wires:
            m.d.comb += [
                self.o.valid.eq(self.i.valid),
                self.o.payload.eq(self._wired(self.i.payload)),
                self.i.ready.eq(self.o.ready),
            ]
        elif self.order.ascending:
            self._pass(m)
        else:
            self._read(m)
        return m

    def _wired(self, payload: Value) -> Value:
        """Lanes of an input beat as those of an output beat."""
        return Cat(payload.word_select(int(lane), self.input.domain.bits) for lane in self.order.lanes)

    def _word(self, m: Module, done: Value, steps: int) -> tuple[Value, Value]:
        """Word of the current step, which is over when ``done``; and whether it is the block's last."""
        m.submodules.rom = rom = self.rom
        step, following, last = Signal(range(steps)), Signal(range(steps)), Signal()
        m.d.comb += [
            last.eq(step == steps - 1),
            following.eq(Mux(done, Mux(last, 0, step + 1), step)),
            rom.address.eq(following),
        ]
        m.d.sync += step.eq(following)
        return rom.data, last

    def _pass(self, m: Module) -> None:
        """Take every beat, and keep some."""
        take = Signal()
        turned, _ = self._word(m, take, self.order.block)
        fetched = Signal()
        m.d.sync += fetched.eq(1)
        kept = (turned & fetched) ^ int(self.order.kept[0])
        m.d.comb += [self.i.ready.eq(~self.o.valid | self.o.ready), take.eq(self.i.valid & self.i.ready)]
        with m.If(self.i.ready):
            m.d.sync += [self.o.valid.eq(self.i.valid & kept), self.o.payload.eq(self._wired(self.i.payload))]

    def _read(self, m: Module) -> None:
        """Read a whole block in the order of the program."""
        m.submodules.buffer = buffer = self.buffer
        advance, read = Signal(), Signal()
        beat, last = self._word(m, read, len(self.order.program))
        m.d.comb += [
            buffer.i.valid.eq(self.i.valid),
            buffer.i.payload.eq(self.i.payload),
            self.i.ready.eq(buffer.i.ready),
            advance.eq(~self.o.valid | self.o.ready),
            read.eq(buffer.valid & advance),
            buffer.beat.eq(beat),
            buffer.take.eq(read),
            buffer.last.eq(last),
            self.o.payload.eq(self._wired(buffer.data)),
        ]
        with m.If(advance):
            m.d.sync += self.o.valid.eq(buffer.valid)


def ordered(span: Span, folding: Folding) -> Reorder | None:
    """The order of a span's beats with such lanes; None where it is none."""
    op = span.ops[0]
    if not isinstance(op, Gather):
        raise TypeError(f"Shuffle takes a Gather, not {type(op).__name__}")
    if span.input.shape[0] % folding.simd or span.result.shape[0] % folding.pe:
        return None
    return Reorder.of(stream_positions(op, span.input.shape), span.input.length, (folding.simd, folding.pe))
