"""`TritsProduct`: ternary weights, five in a byte."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from amaranth import Cat, Const, Module, Signal, Value

from icepop.compiler.encodings.ternary import TERNARY
from icepop.compiler.encodings.trits import POWERS, Trits
from icepop.compiler.plan import Resources
from icepop.compiler.types import IntArray
from icepop.hdl.products.base import Operands, Product
from icepop.hdl.products.registers import lanes_of
from icepop.hdl.products.ternary import TernaryProduct


class TritsProduct(Product):
    """A decoder in front of ternary weights; it pays only where block memory is short."""

    name = "trits"
    latency = 2

    def __init__(self, operands: Operands):
        super().__init__(operands)
        self.ternary = TernaryProduct(operands)

    @staticmethod
    def matches(operands: Operands) -> bool:
        """Ternary weights."""
        return TernaryProduct.matches(operands)

    @property
    def bits(self) -> int:
        """A byte for five lanes."""
        return Trits().bits(self.lanes)

    @cached_property
    def shifts(self) -> tuple[int, ...]:
        """Those of ternary weights."""
        return self.ternary.shifts

    def pack(self, weights: IntArray) -> list[int]:
        """Bytes."""
        return Trits().pack(weights)

    def complements(self, weights: IntArray) -> IntArray:
        """Those of ternary weights."""
        return self.ternary.complements(weights)

    def terms(self, m: Module, word: Value, x: Value, inside: Value | None) -> Sequence[Value]:
        """Decode in the first cycle, multiply in the second."""
        decoded = Cat(decode(byte) for byte in lanes_of(word, len(word) // 8))
        held = Signal(2 * self.lanes, reset_less=True)
        beat = Signal.like(x, name="beat", reset_less=True)
        m.d.sync += [held.eq(decoded), beat.eq(x)]
        if inside is not None:
            on_map = Signal(reset_less=True)
            m.d.sync += on_map.eq(inside)
            inside = on_map
        return self.ternary.terms(m, held, beat, inside)

    @property
    def cost(self) -> Resources:
        """The decoders on top of ternary weights."""
        return self.ternary.cost


def decode(byte: Value) -> Value:
    """Five ternary weights, two bits each, of a byte."""
    digits = np.arange(256)[:, None] // POWERS % 3 - 1
    codes = TERNARY.encode(digits) @ (4 ** np.arange(5))
    return Cat(
        (Const(sum(int(code >> bit & 1) << row for row, code in enumerate(codes)), 256) >> byte)[0] for bit in range(10)
    )
