"""What every stream unit is proved to do: `StreamSpec`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from amaranth import Array, Cat, Const, Module, Mux, ResetSignal, Signal, Value, signed
from amaranth.hdl import Assert, Assume
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In

from icepop.compiler.planner.plan import Span
from icepop.compiler.raster import from_stream, to_stream
from icepop.compiler.types import Beats

Function = Callable[[Sequence[Value]], Sequence[Value]]
"""From the elements of a sample to the elements of its result, as hardware codes."""


@dataclass(frozen=True)
class End:
    """A stream of a unit, and the vectors on it.

    Parameters
    ----------
    port : str
        Name of the stream.
    beats : Beats
        Layout of a sample.
    """

    port: str
    beats: Beats


class StreamSpec(wiring.Component):
    """A stream unit computes a function of each sample, in order, and keeps the rules of streams.

    Asserted of every output: valid and payload stay until the transfer; result ``n`` is the function of sample ``n`` of
    every input, so none is wrong, lost, repeated or out of order; never more than ``bound`` cycles pass without a
    transfer while the consumers are ready and there is something to take or to give. Assumed: the producers keep the
    rules too, and pad a sample's last beat with zeros; what pads one that carries several pixels may be anything.

    Only one sample is followed at a time, from a moment that is free: what holds for it holds for all (Wolper 1986,
    "Expressing Interesting Properties of Programs in Propositional Temporal Logic").

    Parameters
    ----------
    unit : Component
        What is specified.
    function : callable
        Elements of all results, one output after the other, from the elements of all inputs.
    bound : int
        Cycles.
    sources, results : tuple of End
        The unit's inputs and outputs.

    Members
    -------
    i_valid, i_payload, …, o_ready, … : In
        The streams from outside: any payloads, any stalls.
    mark : In(1)
        Follow the next sample of which no input has taken anything.
    """

    held = 8
    """Samples that the unit may hold at once."""

    def __init__(
        self,
        unit: wiring.Component,
        function: Function,
        bound: int,
        sources: tuple[End, ...],
        results: tuple[End, ...],
    ):
        self.unit, self.function, self.bound = unit, function, bound
        self.sources, self.results = sources, results
        super().__init__(
            {
                "mark": In(1),
                **{f"{end.port}_valid": In(1) for end in self.sources},
                **{f"{end.port}_payload": In(end.beats.width) for end in self.sources},
                **{f"{end.port}_ready": In(1) for end in self.results},
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Wire the unit to free inputs, and state the claims."""
        m = Module()
        m.submodules.unit = self.unit
        m.d.comb += Assume(~ResetSignal())
        for end in self.sources:
            port = getattr(self.unit, end.port)
            m.d.comb += [
                port.valid.eq(getattr(self, f"{end.port}_valid")),
                port.payload.eq(getattr(self, f"{end.port}_payload")),
            ]
            kept(m, port, Assume)
        for end in self.results:
            port = getattr(self.unit, end.port)
            m.d.comb += port.ready.eq(getattr(self, f"{end.port}_ready"))
            kept(m, port, Assert)
        taken = [Passing(m, getattr(self.unit, end.port), end.beats) for end in self.sources]
        given = [Passing(m, getattr(self.unit, end.port), end.beats) for end in self.results]
        leads = [[self._lead(m, source, result) for result in given] for source in taken]
        for k, result in enumerate(given):
            begun = [
                (lead[k] > 0) | (source.part != 0) | source.port.valid
                for source, lead in zip(taken, leads, strict=True)
            ]
            m.d.comb += Assert(~result.port.valid | Cat(begun).any())
        self._follow(m, taken, given, leads)
        expected = list(self.function([element for source in taken for element in self._sample(m, source)]))
        for result in given:
            self._check(m, result, expected[: result.beats.length])
            expected = expected[result.beats.length :]
        self._progress(m, taken, given, leads)
        return m

    def _lead(self, m: Module, source: "Passing", result: "Passing") -> Signal:
        """Samples that were taken and whose result was not given.

        It is -1 where a result was given of a sample whose last beat is still offered.
        """
        lead = Signal(signed(5))
        m.d.sync += lead.eq(lead + source.passes - result.passes)
        m.d.comb += [
            Assert(~(source.passes & ~result.passes & (lead == self.held - 1))),
            Assert(~result.passes | (lead > 0) | (source.last & source.port.valid)),
            Assert(~result.port.valid | (lead >= 0)),
        ]
        return lead

    def _follow(
        self, m: Module, taken: "Sequence[Passing]", given: "Sequence[Passing]", leads: Sequence[Sequence[Signal]]
    ) -> None:
        """Set out to follow the next sample, as the mark says."""
        start = Signal()
        early = Cat(lead < 0 for row in leads for lead in row).any()
        m.d.comb += start.eq(self.mark & ~early & ~Cat(each.follows for each in (*taken, *given)).any())
        next_one: Value = Const(0, 4)
        for source, lead in zip(taken, leads, strict=True):
            begun = lead[0] + (source.part != 0)
            next_one = Mux(begun > next_one, begun, next_one)
        for source, lead in zip(taken, leads, strict=True):
            source.follow(m, start, next_one - lead[0])
        for result, lead in zip(given, leads[0], strict=True):
            result.follow(m, start, next_one - leads[0][0] + lead)

    def _sample(self, m: Module, source: "Passing") -> list[Value]:
        """Elements of the sample that is followed, also those that are just being taken."""
        port, beats = source.port, source.beats
        words: list[Value] = []
        for k in range(beats.count):
            word, now = Signal(beats.width), Signal(beats.width)
            comes = source.current & port.valid & (source.part == k)
            m.d.comb += now.eq(Mux(comes, port.payload, word))
            m.d.sync += word.eq(now)
            words.append(now)
        padding = port.payload[(beats.length - (beats.count - 1) * beats.lanes) * beats.domain.bits :]
        if beats.run == 1:
            with m.If(port.valid & source.last):
                m.d.comb += Assume(padding == 0)
        with m.If(port.valid):
            m.d.comb += Assume(Cat(legal(beats, lane, source.part, port) for lane in range(beats.lanes)).all())
        sample, bits = Cat(words), beats.domain.bits
        return [sample[k * bits : (k + 1) * bits] for k in range(beats.length)]

    def _check(self, m: Module, result: "Passing", due: Sequence[Value]) -> None:
        """Each beat of the result that is followed is right."""
        port, beats = result.port, result.beats
        for beat in range(beats.count):
            with m.If(port.valid & result.current & (result.part == beat)):
                for lane, element in enumerate(due[beat * beats.lanes : (beat + 1) * beats.lanes]):
                    m.d.comb += Assert(port.payload.word_select(lane, beats.domain.bits) == element)

    def _progress(
        self, m: Module, taken: "Sequence[Passing]", given: "Sequence[Passing]", leads: Sequence[Sequence[Signal]]
    ) -> None:
        """Something moves within the bound, once every input offers a beat or has given what a result needs."""
        moves = Cat(each.port.valid & each.port.ready for each in (*taken, *given)).any()
        ready = Cat(each.port.ready for each in given).all()
        able = Const(0)
        for k in range(len(given)):
            able |= Cat(source.port.valid | (lead[k] > 0) for source, lead in zip(taken, leads, strict=True)).all()
        idle = Signal(range(self.bound + 2))
        m.d.sync += idle.eq(Mux(ready & able & ~moves, idle + 1, 0))
        m.d.comb += Assert(idle <= self.bound)


class Passing:
    """What passes a stream: beats of samples, one of which is followed.

    Parameters
    ----------
    m : Module
        Where this is counted.
    port : stream
        The stream.
    beats : Beats
        Layout of a sample.

    Attributes
    ----------
    part, last, passes : Value
        Beats of this sample so far, whether the next is its last, and whether that one passes.
    follows : Signal
        Whether the sample that is followed has not passed yet, as registered.
    current : Signal
        Whether this sample is the one.
    """

    def __init__(self, m: Module, port: stream.Interface, beats: Beats):
        self.port, self.beats = port, beats
        self.part, self.follows, self.current = Signal(range(beats.count)), Signal(), Signal()
        self.last = self.part == beats.count - 1
        moves = port.valid & port.ready
        self.passes = moves & self.last
        with m.If(moves):
            m.d.sync += self.part.eq(Mux(self.last, 0, self.part + 1))

    def follow(self, m: Module, start: Value, left: Value) -> None:
        """From ``start``, follow the sample before which ``left`` others pass."""
        before, now, follows = Signal(4), Signal(4), Signal()
        m.d.comb += [
            now.eq(Mux(start, left, before)),
            follows.eq(start | self.follows),
            self.current.eq(follows & (now == 0)),
        ]
        m.d.sync += [
            before.eq(now - (self.passes & follows & (now != 0))),
            self.follows.eq(follows & ~(self.passes & (now == 0))),
        ]


def legal(beats: Beats, lane: int, part: Value, port: stream.Interface) -> Value:
    """Whether a lane holds the code of a value, or padding."""
    domain = beats.domain
    codes = domain.encode(np.arange(domain.lo, domain.hi + 1, domain.step)).tolist()
    if len(codes) == 1 << domain.bits:
        return Const(1)
    padded = (part == beats.count - 1) if (beats.count - 1) * beats.lanes + lane >= beats.length else Const(0)
    return padded | port.payload.word_select(lane, domain.bits).matches(*codes)


def golden_function(span: Span) -> Function:
    """What a run of ops computes as a table over all values of its inputs, in the order of streams."""
    count, widths = 0, [type.integers.bits for type in span.inputs]
    numbers = np.arange(1 << sum(width * type.length for width, type in zip(widths, span.inputs, strict=True)))
    values = []
    for width, type in zip(widths, span.inputs, strict=True):
        codes = numbers[:, None] >> count + width * np.arange(type.length) & (1 << width) - 1
        domain = type.integers
        values.append(from_stream(domain.decode(codes).clip(domain.lo, domain.hi), type.shape))
        count += width * type.length
    results = span.ops[0].golden(*values)
    for op in span.ops[1:]:
        results = op.golden(results)
    result = span.result
    rows = result.integers.encode(to_stream(results))

    def function(elements: Sequence[Value]) -> Sequence[Value]:
        number, width = Cat(elements), result.integers.bits
        return [Array(Const(code, width) for code in column)[number] for column in rows.T.tolist()]

    return function


def kept(m: Module, port: stream.Interface, claim: Callable[[Value], Any]) -> None:
    """What is offered stays offered, unchanged, until it is taken."""
    stalled, before = Signal(), Signal.like(port.payload)
    m.d.sync += [stalled.eq(port.valid & ~port.ready), before.eq(port.payload)]
    with m.If(stalled):
        m.d.comb += claim(port.valid & (port.payload == before))
