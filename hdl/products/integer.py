"""`IntegerProduct`: weights of some bits, plane by plane."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from amaranth import Module, Value

from icepop.compiler.encodings.integer import Integer
from icepop.compiler.planner.plan import Resources
from icepop.compiler.types import Domain, IntArray
from icepop.hdl.products.base import ONE, Operands, Product
from icepop.hdl.products.registers import lanes_of, registered
from icepop.hdl.units.base import registered_cells


class IntegerProduct(Product):
    """Every bit of the weight AND every bit of the activation, in two's complement (Baugh and Wooley 1973).

    The top bit of a signed weight is a negative digit: ``-w * u = ~(w & u) - 1``.
    """

    name = "integer"

    def __init__(self, operands: Operands):
        super().__init__(operands)
        weights = operands.weights
        self.encoding = Integer(Domain(min(0, int(weights.min())), max(0, int(weights.max()))))
        self.digits = self.encoding.domain.bits
        self.signed = self.encoding.domain.signed

    @staticmethod
    def matches(operands: Operands) -> bool:
        """Any weights."""
        return operands.activation.matches

    @property
    def bits(self) -> int:
        """Those of the largest weight for each lane."""
        return self.digits * self.lanes

    @cached_property
    def shifts(self) -> tuple[int, ...]:
        """Every pair of planes of every lane."""
        return tuple(i + j for i in range(self.digits) for j in range(self.activation.bits)) * self.lanes

    def pack(self, weights: IntArray) -> list[int]:
        """The weights in two's complement, or unsigned where none is negative."""
        return self.encoding.pack(weights)

    def complements(self, weights: IntArray) -> IntArray:
        """The planes of the negative digit are complemented, whatever the weight."""
        ones = (1 << self.activation.bits) - 1
        return np.full(weights.shape, ones << self.digits - 1 if self.signed else 0, np.int64)

    def literals(self, weights: IntArray) -> IntArray:
        """A plane where the digit is 1; the negative digit's complement else is 1."""
        digits = (weights[..., None] >> np.arange(self.digits) & 1)[..., None]
        literals = digits * (1 + np.arange(self.activation.bits))
        if self.signed:
            literals[..., -1, :] = np.where(digits[..., -1, :], -literals[..., -1, :], ONE)
        return literals.reshape(*weights.shape, -1)

    def terms(self, m: Module, word: Value, x: Value, inside: Value | None) -> Sequence[Value]:
        """One LUT a pair of planes and lane."""
        bits = []
        for weight, code in zip(lanes_of(word, self.lanes), lanes_of(x, self.lanes), strict=True):
            planes = self.activation.planes(code, inside)
            for i, digit in enumerate(weight):
                negative = self.signed and i == self.digits - 1
                bits += [~(digit & plane) if negative else digit & plane for plane in planes]
        return registered(m, bits)

    @property
    def cost(self) -> Resources:
        """One cell a term."""
        return registered_cells(len(self.shifts))
