# amaranth: UnusedElaboratable=no
"""What units have in common that apply a function of its own to every channel: a beat in, a beat out."""

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from amaranth import Const, EnableInserter, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from icepop.compiler.planner.plan import Folding, Resources, Span
from icepop.compiler.planner.timing import Inlet, Timing, streaming
from icepop.compiler.types import Beats
from icepop.hdl.constants import MOST, Constants
from icepop.hdl.memory import LUT_DEPTH, Rom, distinct_columns
from icepop.hdl.pipeline import behind
from icepop.hdl.shared_rom import supply
from icepop.hdl.units.base import LayerUnit, adder_cells, counter_cells, lone_registers, registered_cells


class Parameters(wiring.Component):
    """Words of constants, one for each beat of a pixel, each there before its beat comes.

    Parameters
    ----------
    width : int
        Bits of a word.
    words : sequence of int
        In the order of the beats. Where all are the same there is neither memory nor counter.

    Members
    -------
    take : In(1)
        This beat is taken; the next word follows.
    ready : Out(1)
        The word is there: always but in the first cycle after reset.
    word : Out(width)
        Its constants.
    """

    def __init__(self, width: int, words: list[int]):
        self.rom = Rom(width, words) if len(set(words)) > 1 else None
        self.words = words
        super().__init__({"take": In(1), "ready": Out(1), "word": Out(width)})

    @cached_property
    def cost(self) -> Resources:
        """The memory and its address."""
        if self.rom is None:
            return Resources()
        memory = self.rom.cost
        if len(self.words) <= LUT_DEPTH:  # a word feeds carry chains, so a column cannot stand for its complement
            memory = registered_cells(distinct_columns(self.rom.bits))
        return Resources.total([memory, counter_cells(len(self.words)), registered_cells(1)])

    def elaborate(self, platform: object) -> Module:
        """Read ahead."""
        m = Module()
        if self.rom is None:
            m.d.comb += [self.ready.eq(1), self.word.eq(Const(self.words[0], len(self.word)))]
            return m
        fetch, ahead = Signal(), Signal(ceil_log2(len(self.words)))
        # the word after the current one is asked for as this one is taken: an address that a counter's flip-flops hold
        m.submodules.rom = EnableInserter(fetch)(self.rom)
        m.d.comb += [fetch.eq(self.take | ~self.ready), self.rom.address.eq(ahead), self.word.eq(self.rom.data)]
        m.d.sync += self.ready.eq(1)
        with m.If(fetch):
            m.d.sync += ahead.eq(Mux(ahead == len(self.words) - 1, 0, ahead + 1))
        return m


class ChannelUnit(LayerUnit):
    """A unit whose lanes are computed each from its own element and its channel's constants, in a pipeline.

    Parameters
    ----------
    span : Span
        Ops from a tensor to one of the same shape.
    folding : Folding
        ``pe`` lanes in and out, and the spacing of shared constants.

    Notes
    -----
    ``interval`` is the number of beats, times the spacing where constants are shared; a beat leaves `delay` cycles
    after it has come.
    """

    def __init__(self, span: Span, folding: Folding):
        super().__init__([Beats.of(span.input, folding.pe)], Beats.of(span.result, folding.pe))
        self.folding = folding

    @property
    @abstractmethod
    def delay(self) -> int:
        """Cycles from a beat to its result, at least 1."""

    @property
    @abstractmethod
    def parameters(self) -> Parameters:
        """Constants of every group of ``pe`` channels."""

    @property
    @abstractmethod
    def lanes_cost(self) -> Resources:
        """What computes all lanes."""

    @abstractmethod
    def compute(self, m: Module, x: Value, parameters: Parameters) -> Value:
        """Payload of a beat, `delay` cycles after the payload x and its constants; m holds its registers."""

    @property
    def timing(self) -> Timing:
        """A beat a cycle, or a beat and then a pause."""
        count, pause = self.input.count, self.folding.spacing - 1
        if self.constants is None:
            return streaming(count, latency=self.delay)
        needs = np.repeat(np.arange(1, count + 1), 2)
        return Timing((Inlet(needs),), np.tile([1, pause], count), np.tile([True, False], count), self.delay)

    @property
    def most_spacing(self) -> int:
        """Any, but where all channels have the same constants."""
        return 0 if self.parameters.rom is None else MOST

    @cached_property
    def constants(self) -> Constants | None:
        """The parameters, where they are shared."""
        parameters, spacing = self.parameters, self.folding.spacing
        return Constants(len(parameters.word), parameters.words, spacing) if spacing else None

    @cached_property
    def cost(self) -> Resources:
        """Constants or the count of a pause, lanes, and a flag for each register."""
        spacing = self.folding.spacing
        constants = adder_cells((spacing - 1).bit_length()) if spacing else self.parameters.cost
        parts = [constants, self.lanes_cost, lone_registers(self.delay - 1)]
        return Resources.total([*parts, registered_cells(2)])

    def elaborate(self, platform: object) -> Module:
        """Everything stops while a result waits to be taken."""
        m, core = Module(), Module()
        advance, valid = Signal(), Signal()
        parameters = self.parameters
        m.d.comb += [
            advance.eq(~self.o.valid | self.o.ready),
            self.i.ready.eq(advance & parameters.ready),
            valid.eq(self.i.valid & parameters.ready),
            parameters.take.eq(valid),
        ]
        if self.constants is None:
            core.submodules.parameters = parameters
        else:
            m.d.comb += [
                parameters.word.eq(self.constants.word),
                parameters.ready.eq(supply(m, self, valid & advance) & ~self._paused(core, valid)),
            ]
        flag: Value = valid
        for _ in range(self.delay - 1):
            (flag,) = behind(core, flag)
        core.d.sync += self.o.valid.eq(flag)
        m.d.comb += self.o.payload.eq(self.compute(core, self.i.payload, parameters))
        m.submodules.core = EnableInserter(advance)(core)
        return m

    def _paused(self, core: Module, taken: Value) -> Value:
        """Whether a beat has come in the last ``spacing - 1`` cycles; core stops while a result waits."""
        left = Signal(range(self.folding.spacing))
        with core.If(taken):
            core.d.sync += left.eq(self.folding.spacing - 1)
        with core.Elif(left != 0):
            core.d.sync += left.eq(left - 1)
        return left != 0


def joined(words: Sequence[int], bits: int, lanes: int) -> list[int]:
    """Words of whole beats from those of their lanes, lane 0 lowest."""
    beats = (words[start : start + lanes] for start in range(0, len(words), lanes))
    return [sum(word << bits * lane for lane, word in enumerate(beat)) for beat in beats]
