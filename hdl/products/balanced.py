"""`BalancedProduct`: weights in {-1, +1} and padding halfway between two codes."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from amaranth import Module, Value

from icepop.compiler.encodings.binary import Binary
from icepop.compiler.planner.plan import Resources
from icepop.compiler.types import IntArray
from icepop.hdl.products.activation import Activation
from icepop.hdl.products.base import Operands, Product
from icepop.hdl.products.registers import lanes_of, registered
from icepop.hdl.units.base import registered_cells


def balanced(operands: Operands) -> bool:
    """Whether padding lies in the middle of activations that use all codes, as between -1 and +1."""
    domain = operands.domain
    return operands.padded and domain.step > 1 and domain.lo == -domain.hi and domain.size == 1 << domain.bits


class BalancedProduct(Product):
    """As binary weights, but padding does not become a number of its own: it needs no further plane.

    A padded lane contributes half of all ones, ``(2**bits - 1) / 2``, whatever its weight. An even number of lanes
    gives it in turn none or all, so each term is one LUT4. An odd number counts in halves: inside, terms are worth
    double; outside, a constant comes instead.
    """

    name = "binary"

    def __init__(self, operands: Operands):
        super().__init__(operands)
        self.activation = Activation(operands.domain)
        self.odd = self.lanes % 2
        self.ones = (1 << self.activation.bits) - 1

    @staticmethod
    def matches(operands: Operands) -> bool:
        """Binary weights and such a domain; an odd number of fillers cannot be silent."""
        return balanced(operands) and Binary.matches(operands.weights) and operands.fillers % 2 == 0

    @property
    def gain(self) -> int:
        """Half of a step where halves are counted."""
        return self.activation.gain >> self.odd

    @property
    def bits(self) -> int:
        """One a lane."""
        return self.lanes

    @property
    def filler(self) -> IntArray:
        """+1 and -1 in turn, which cancel."""
        return 1 - 2 * (np.arange(self.operands.fillers) % 2)

    @cached_property
    def outside(self) -> list[int]:
        """Exponents of the constant of padding."""
        halves = self.lanes * self.ones * self.odd
        return [shift for shift in range(halves.bit_length()) if halves >> shift & 1]

    @cached_property
    def shifts(self) -> tuple[int, ...]:
        """Every plane of every lane, then the constant."""
        planes = range(self.odd, self.odd + self.activation.bits)
        return (*(tuple(planes) * self.lanes), *self.outside)

    def pack(self, weights: IntArray) -> list[int]:
        """A bit a lane, 1 for +1."""
        return Binary.pack(weights)

    def complements(self, weights: IntArray) -> IntArray:
        """All planes of negative weights are complemented."""
        return (weights < 0) * self.ones

    def terms(self, m: Module, word: Value, x: Value, inside: Value | None) -> Sequence[Value]:
        """One LUT a plane and lane."""
        if inside is None:
            raise TypeError("padded operands need to be told what is inside")
        bits: list[Value] = []
        for lane, (weight, code) in enumerate(zip(word, lanes_of(x, self.lanes), strict=True)):
            matches = [~(plane ^ weight) for plane in self.activation.planes(code, None)]
            all_ones = lane % 2 and not self.odd
            bits += [match | ~inside if all_ones else match & inside for match in matches]
        return registered(m, [*bits, *(~inside for _ in self.outside)])

    @property
    def cost(self) -> Resources:
        """One cell a term; the bits of the constant are one register."""
        return registered_cells(self.lanes * self.activation.bits + bool(self.outside))
