"""`Activation`: an activation as an unsigned number, times a gain, plus an offset."""

from dataclasses import dataclass
from functools import cached_property
from math import gcd

from amaranth import Const, Value

from icepop.compiler.types import Domain


@dataclass(frozen=True)
class Activation:
    """How products read an activation: ``a = gain * u + offset`` with an unsigned ``u`` of `bits` bits.

    Two's complement becomes unsigned by its flipped top bit. Padding is the number 0. Where it lies between two codes,
    as between -1 and +1, ``u`` gets low bits that are 1 or 0 for padding and 0 for every code.

    Parameters
    ----------
    domain : Domain
        Values of the activations, which are carried as its codes.
    padded : bool
        Whether there is padding.
    """

    domain: Domain
    padded: bool = False

    @cached_property
    def matches(self) -> bool:
        """Whether padding, if there is any, is a number of so few bits."""
        if not self.padded:
            return True
        finer = self._finer
        return finer & (finer - 1) == 0 and 0 <= self.zero < 1 << self.bits

    @property
    def _finer(self) -> int:
        """Steps of ``u`` between two codes: 1, or more where padding lies between two codes."""
        step, lo = self.domain.step, self.domain.lo
        return step // gcd(step, lo) if self.padded and step > 1 else 1

    @property
    def extra(self) -> int:
        """Low bits that only padding sets."""
        return self._finer.bit_length() - 1

    @property
    def bits(self) -> int:
        """Bits of ``u``."""
        return self.domain.bits + self.extra

    @property
    def gain(self) -> int:
        """What a step of ``u`` is worth."""
        return self.domain.step // self._finer

    @property
    def offset(self) -> int:
        """The activation that ``u = 0`` stands for."""
        if self.domain.step > 1:
            return self.domain.lo
        return -(1 << self.domain.bits - 1) if self.domain.signed else 0

    @property
    def zero(self) -> int:
        """The ``u`` of padding."""
        return -self.offset // self.gain

    @property
    def filler(self) -> int:
        """The activation of a lane that pads a beat: that of code 0."""
        return self.domain.lo if self.domain.step > 1 else 0

    def planes(self, code: Value, inside: Value | None) -> list[Value]:
        """Bits of ``u``, least significant first, of a lane's code; padding where ``inside`` is 0 (None: never)."""
        bits: list[Value] = [Const(0, 1)] * self.extra + list(code)
        if self.domain.signed:
            bits[-1] = ~bits[-1]
        if inside is None:
            return bits
        return [bit | ~inside if self.zero >> j & 1 else bit & inside for j, bit in enumerate(bits)]
