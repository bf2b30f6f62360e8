"""`PowerOfTwoProduct`: weights that are signed powers of two."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from amaranth import Array, Const, Module, Value

from icepop.compiler.encodings.power_of_two import PowerOfTwo
from icepop.compiler.planner.plan import Resources
from icepop.compiler.types import IntArray
from icepop.hdl.products.base import ONE, Operands, Product
from icepop.hdl.products.registers import lanes_of, registered


class PowerOfTwoProduct(Product):
    """The activation shifted by the exponent, and complemented where the weight is negative."""

    name = "power_of_two"

    def __init__(self, operands: Operands):
        super().__init__(operands)
        weights = operands.weights
        self.encoding = PowerOfTwo.of(np.append(weights, 0) if self._needs_zero(operands) else weights)
        self.span = self.activation.bits + self.encoding.highest - self.encoding.lowest

    @staticmethod
    def matches(operands: Operands) -> bool:
        """Powers of two, plus or minus, and 0."""
        return operands.activation.matches and PowerOfTwo.matches(operands.weights)

    @staticmethod
    def _needs_zero(operands: Operands) -> bool:
        """Whether fillers that must be silent cannot cancel each other."""
        return operands.silent and operands.fillers % 2 == 1

    @property
    def bits(self) -> int:
        """A sign and a magnitude's number for each lane."""
        return self.encoding.bits(self.lanes)

    @property
    def filler(self) -> IntArray | int:
        """0, or smallest weights that cancel."""
        if self.encoding.zero:
            return 0
        return (1 - 2 * (np.arange(self.operands.fillers) % 2)) << self.encoding.lowest

    @cached_property
    def shifts(self) -> tuple[int, ...]:
        """Every bit of a shifted activation of every lane."""
        return tuple(range(self.encoding.lowest, self.encoding.lowest + self.span)) * self.lanes

    def pack(self, weights: IntArray) -> list[int]:
        """The sign above the magnitude's number."""
        return self.encoding.pack(weights)

    def complements(self, weights: IntArray) -> IntArray:
        """All bits of negative weights are complemented."""
        return (weights < 0) * (((1 << self.span) - 1) << self.encoding.lowest)

    def literals(self, weights: IntArray) -> IntArray:
        """The plane that the shift moves to each bit, or 0, complemented where the weight is negative."""
        shift = np.log2(np.maximum(np.abs(weights), 1)).astype(np.int64) - self.encoding.lowest
        plane = np.arange(self.span) - shift[..., None]
        there = (plane >= 0) & (plane < self.activation.bits) & (weights != 0)[..., None]
        negative = (weights < 0)[..., None]
        return np.where(there, np.where(negative, -plane - 1, plane + 1), np.where(negative, ONE, 0))

    def terms(self, m: Module, word: Value, x: Value, inside: Value | None) -> Sequence[Value]:
        """A multiplexer over the exponents for each bit and lane."""
        bits: list[Value] = []
        for weight, code in zip(lanes_of(word, self.lanes), lanes_of(x, self.lanes), strict=True):
            planes = self.activation.planes(code, inside)
            number, sign = weight[:-1], weight[-1]
            bits += [self._shifted(planes, position, number) ^ sign for position in range(self.span)]
        return registered(m, bits)

    def _shifted(self, planes: Sequence[Value], position: int, number: Value) -> Value:
        """One bit of the activation times a magnitude."""
        choices: list[Value] = [Const(0, 1)] if self.encoding.zero else []
        for shift in range(self.encoding.highest - self.encoding.lowest + 1):
            plane = position - shift
            choices.append(planes[plane] if 0 <= plane < len(planes) else Const(0, 1))
        return Array(choices)[number] if len(number) else choices[0]

    @property
    def cost(self) -> Resources:
        """A LUT for up to four inputs of a bit and one for each further; measured.

        Bits that read one plane share the decoding of a number of three bits.
        """
        exponents = self.encoding.highest - self.encoding.lowest + 1
        planes, number = self.activation.bits, self.encoding.width - 1
        live = [min(position + 1, exponents, planes, self.span - position) for position in range(self.span)]
        select = number - 1 if number > 2 else 0
        luts = self.lanes * (select + sum(max(1, choices + number - 2) if choices > 1 else 1 for choices in live))
        terms = len(self.shifts)
        return Resources(lut4=luts, ff=terms, cells=luts)
