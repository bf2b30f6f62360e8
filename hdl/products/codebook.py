"""`CodebookProduct`: few different weights, looked up by index."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from amaranth import Array, Cat, Const, Module, Signal, Value

from icepop.compiler.encodings.codebook import Codebook
from icepop.compiler.planner.plan import Resources
from icepop.compiler.types import IntArray
from icepop.hdl.arithmetic.adder import LUT_INPUTS
from icepop.hdl.products.base import Operands, Product
from icepop.hdl.products.integer import IntegerProduct
from icepop.hdl.products.registers import lanes_of

TABLE_LUTS = {2: 1, 3: 1, 4: 1, 5: 3, 6: 6, 7: 12, 8: 24}
"""LUT4 of a function of so many inputs."""


class CodebookProduct(Product):
    """A table turns an index into the weight's bits, then as integers."""

    name = "codebook"

    def __init__(self, operands: Operands):
        super().__init__(operands)
        weights = operands.weights
        self.encoding = Codebook.of(np.append(weights, 0) if operands.silent else weights)
        self.integers = IntegerProduct(operands)

    @staticmethod
    def matches(operands: Operands) -> bool:
        """Few different weights."""
        return operands.activation.matches and Codebook.matches(operands.weights)

    @property
    def bits(self) -> int:
        """An index a lane."""
        return self.encoding.bits(self.lanes)

    @property
    def filler(self) -> int:
        """0 if the table has it, else any of its values."""
        return 0 if 0 in self.encoding.values else self.encoding.values[0]

    @cached_property
    def shifts(self) -> tuple[int, ...]:
        """Those of integers."""
        return self.integers.shifts

    def pack(self, weights: IntArray) -> list[int]:
        """Indices."""
        return self.encoding.pack(weights)

    def complements(self, weights: IntArray) -> IntArray:
        """Those of integers."""
        return self.integers.complements(weights)

    def literals(self, weights: IntArray) -> IntArray:
        """Those of integers where all that matters is which of two words it is.

        Else synthesis knows of a table only that bits of its index are constant, and that two indices are the same.
        """
        if len(weights) < 3:
            return self.integers.literals(weights)
        values = np.array(self.encoding.values)
        index = np.searchsorted(values, weights)
        fixed = ~(np.bitwise_or.reduce(index, axis=0) ^ np.bitwise_and.reduce(index, axis=0))
        reached = ((np.arange(len(values)) ^ index[:1, ..., None]) & fixed[None, ..., None]) == 0
        constant = ~(reached[..., None] & (self.integers.literals(values) != 0)).any(axis=-2)
        terms = np.arange(constant.shape[-1]) + constant.shape[-1] * index[..., None]
        return np.where(constant, 0, 1 + terms)

    def terms(self, m: Module, word: Value, x: Value, inside: Value | None) -> Sequence[Value]:
        """A table and the planes of integers for each lane."""
        domain = self.integers.encoding.domain
        codes = domain.encode(np.array(self.encoding.values, np.int64)).tolist()
        table = Array(Const(code, domain.bits) for code in codes)
        # a signal: of an expression every plane would be elaborated with all tables again
        decoded = Signal(self.lanes * domain.bits)
        m.d.comb += decoded.eq(Cat(table[index] for index in lanes_of(word, self.lanes)))
        return self.integers.terms(m, decoded, x, inside)

    @property
    def cost(self) -> Resources:
        """The tables, as far as they do not merge into the planes, on top of integers."""
        inputs = self.encoding.width
        if inputs < LUT_INPUTS - self.operands.padded:
            return self.integers.cost
        luts = self.integers.digits * self.lanes * TABLE_LUTS[inputs]
        return self.integers.cost + Resources(lut4=luts, cells=luts)
