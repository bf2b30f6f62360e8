"""What a pool does with the elements under its window, one after the other."""

from abc import ABC, abstractmethod

import numpy as np
from amaranth import Array, Const, Mux, Value

from icepop.compiler.ops.max_pool import MaxPool
from icepop.compiler.ops.sum_pool import SumPool
from icepop.compiler.planner.plan import Resources, Span
from icepop.compiler.types import Beats
from icepop.hdl.units.base import registered_cells

GATED = 3
"""Bits up to which elements are compared in gates."""


class Pooling(ABC):
    """A state of ``bits`` for each lane, which every element under the window changes.

    Parameters
    ----------
    beats : Beats
        The map.
    bits : int
        Of the state, which in the end is the result's code.
    valued : bool
        Whether codes become numbers first, so that a code of 0 changes the state.
    """

    def __init__(self, beats: Beats, bits: int, valued: bool = False):
        self.beats, self.bits, self.valued = beats, bits, valued

    @staticmethod
    def of(span: Span, beats: Beats) -> "Pooling":
        """That of a `MaxPool` or a `SumPool`."""
        op = span.ops[0]
        if isinstance(op, MaxPool):
            return Largest(op, beats)
        if isinstance(op, SumPool):
            return Total(op, beats, span.result.integers.bits)
        raise TypeError(f"pools are MaxPool and SumPool, not {type(op).__name__}")

    @property
    def by_channel(self) -> bool:
        """Whether a lane treats beats of a pixel differently."""
        return False

    @abstractmethod
    def fold(self, lane: int, fresh: Value, state: Value, x: Value, beat: Value) -> Value:
        """State behind an element.

        Parameters
        ----------
        lane : int
            Which one.
        fresh : Value
            The element is the first under its window.
        state : Value
            State before it; anything if ``fresh``.
        x : Value
            The element's code.
        beat : Value
            Which beat of its pixel it comes in; of use only if `by_channel`.
        """

    @property
    @abstractmethod
    def cost(self) -> Resources:
        """Cells of one lane, with the register that holds the state."""


class Largest(Pooling):
    """The largest element, or the smallest where the channel's sign is -1.

    Of two equal ones either is kept, so the smaller is the one that is not larger.
    """

    def __init__(self, op: MaxPool, beats: Beats):
        super().__init__(beats, beats.domain.bits)
        signs = np.ones(beats.pixel_beats * beats.lanes, np.int64)
        signs[: beats.channels] = op.sign
        self.falling = signs.reshape(beats.pixel_beats, beats.lanes) < 0
        rest = beats.channels % beats.lanes
        if rest:  # the fillers are 0 whatever is asked of them
            self.falling[-1, rest:] = self.falling[0, rest:]

    @property
    def by_channel(self) -> bool:
        """Whether a lane meets both signs."""
        return bool((self.falling != self.falling[0]).any())

    def fold(self, lane: int, fresh: Value, state: Value, x: Value, beat: Value) -> Value:
        """Replace the state; of single bits, OR or AND."""
        column = [Const(bool(falling)) for falling in self.falling[:, lane]]
        mixed = len(set(self.falling[:, lane])) > 1
        falling: Value = Array(column)[beat] if mixed else column[0]
        if self.bits == 1:
            return Mux(fresh, x, Mux(falling, state & x, state | x))
        return Mux(fresh | (self._larger(x, state) ^ falling), x, state)

    def _larger(self, x: Value, state: Value) -> Value:
        """Compare; few bits in gates, which are no slower than a carry chain and fewer."""
        signed = self.beats.domain.signed
        if self.bits > GATED:
            return x.as_signed() > state.as_signed() if signed else x > state
        larger: Value = Const(0)
        for k in range(self.bits):
            high, low = (state[k], x[k]) if signed and k == self.bits - 1 else (x[k], state[k])
            larger = (high & ~low) | (~(high ^ low) & larger)
        return larger

    @property
    def cost(self) -> Resources:
        """A comparator, the choice's condition, and the choice."""
        if self.bits == 1:
            return registered_cells(1)
        if self.bits <= GATED:
            return registered_cells(self.bits) + Resources(lut4=self.bits, cells=self.bits)
        return registered_cells(self.bits) + Resources(lut4=2, carry=self.bits, cells=self.bits + 4)


class Total(Pooling):
    """The sum of the elements, where padding is 0.

    Without padding it is a sum of codes, whatever number a code of 0 stands for.
    """

    def __init__(self, op: SumPool, beats: Beats, bits: int):
        super().__init__(beats, bits, op.window.padded and beats.domain.step > 1)

    def fold(self, lane: int, fresh: Value, state: Value, x: Value, beat: Value) -> Value:
        """Add."""
        number = self._number(x)
        return Mux(fresh, number, state + number)[: self.bits]

    def _number(self, x: Value) -> Value:
        """What is summed."""
        domain = self.beats.domain
        if not self.valued:
            return x.as_signed() if domain.signed else x
        if domain.bits == 1:
            return Mux(x, Const(domain.hi), Const(domain.lo))
        return x * domain.step + domain.lo

    @property
    def cost(self) -> Resources:
        """An adder, and what makes numbers of codes."""
        numbers = 4 if self.valued else 0
        return Resources(self.bits + numbers, self.bits, self.bits, self.bits + numbers)
