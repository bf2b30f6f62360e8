"""`BinaryProduct`: weights in {-1, +1}."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from amaranth import Module, Value

from icepop.compiler.encodings.binary import Binary
from icepop.compiler.planner.plan import Resources
from icepop.compiler.types import IntArray
from icepop.hdl.products.balanced import balanced
from icepop.hdl.products.base import Operands, Product
from icepop.hdl.products.registers import lanes_of, registered
from icepop.hdl.units.base import registered_cells


class BinaryProduct(Product):
    """A plane's bit, complemented where the weight is -1: ``-u = ~u - (2**bits - 1)``.

    Of bipolar activations this is XNOR-popcount: gain 2 and bias -K (XNOR-Net, Rastegari et al. 2016).
    """

    name = "binary"

    @staticmethod
    def matches(operands: Operands) -> bool:
        """Binary weights; an odd number of fillers cannot be silent."""
        plain = operands.activation.matches and not balanced(operands)
        return plain and Binary.matches(operands.weights) and not (operands.silent and operands.fillers % 2)

    @property
    def bits(self) -> int:
        """One a lane."""
        return self.lanes

    @property
    def filler(self) -> IntArray | int:
        """+1, whose terms are bits of the filler's code 0; +1 and -1 in turn, which cancel, where it must be silent."""
        return 1 - 2 * (np.arange(self.operands.fillers) % 2) if self.operands.silent else 1

    @cached_property
    def shifts(self) -> tuple[int, ...]:
        """Every plane of every lane."""
        return tuple(range(self.activation.bits)) * self.lanes

    def pack(self, weights: IntArray) -> list[int]:
        """A bit a lane, 1 for +1."""
        return Binary.pack(weights)

    def complements(self, weights: IntArray) -> IntArray:
        """All planes of negative weights are complemented."""
        return (weights < 0) * ((1 << self.activation.bits) - 1)

    def terms(self, m: Module, word: Value, x: Value, inside: Value | None) -> Sequence[Value]:
        """One LUT a plane and lane."""
        bits = [
            ~(plane ^ weight)
            for weight, code in zip(word, lanes_of(x, self.lanes), strict=True)
            for plane in self.activation.planes(code, inside)
        ]
        return registered(m, bits)

    @property
    def cost(self) -> Resources:
        """One cell a term."""
        return registered_cells(len(self.shifts))
