"""`MultiplyAdd`: a number times a constant plus another, both from a memory, in logic cells."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from amaranth import Array, Cat, Const, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from icepop.compiler.plan import Resources
from icepop.compiler.types import IntArray, pack_words, unpack_words
from icepop.hdl.memory import distinct_columns
from icepop.hdl.pipeline import behind
from icepop.hdl.units.base import lone_registers, registered_cells

RADIX = 4
"""Base of the digits -1, 0, 1 and 2, of which a code of two bits is the residue: the LUT4 of a partial product's bit
takes the two and the bits of x and of 2x."""


def to_digits(numbers: list[int]) -> IntArray:
    """Digits (numbers, rows) of integers of either sign in base 4 with the values -1, 0, 1 and 2, lowest first."""
    rows: list[list[int]] = []
    rest = list(numbers)
    while not rows or any(rest):
        digits = [(number + 1) % RADIX - 1 for number in rest]
        rows.append(digits)
        rest = [(number - digit) // RADIX for number, digit in zip(rest, digits, strict=True)]
    return np.array(rows, np.int64).T


def product_name(digits: IntArray) -> bytes:
    """What two rows of the same partial product have in common."""
    if (digits == digits[0]).all():
        return b"x" if digits[0] > 0 else b"complement"
    return digits.tobytes()


@dataclass(frozen=True)
class Term:
    """Operand of a sum: bits from ``low`` to below ``high``, of which ``registers`` need a flip-flop to wait in."""

    low: int
    high: int
    registers: int


def tree_cost(terms: Sequence[Term], bits: int) -> Resources:
    """Cells of a tree of sums of two terms, a register behind each, modulo ``2**bits``.

    Where only one of two terms has low bits, they need no adder; what has no partner waits for the next level.
    """
    parts = []
    while len(terms) > 1:
        merged = []
        for one, other in zip(terms[::2], terms[1::2], strict=False):
            low, high = min(one.low, other.low), min(max(one.high, other.high) + 1, bits)
            chain = high - max(one.low, other.low)
            parts += [Resources(chain, chain, chain, chain), lone_registers(high - low - chain)]
            merged.append(Term(low, high, high - low))
        if len(terms) % 2:
            parts.append(lone_registers(terms[-1].registers))
            merged.append(terms[-1])
        terms = merged
    return Resources.total(parts)


class MultiplyAdd(wiring.Component):
    """``o = x * multiplier + addend``, modulo ``2**bits``, `delay` cycles after x and the word.

    Each digit of the multiplier makes a partial product: 0, x, 2x, or the complement of x, whose constant is in the
    addend. They are summed in pairs, with a register after each sum.

    Parameters
    ----------
    width : int
        Bits of x, which is unsigned.
    multipliers : list of int
        All there are, of either sign.
    addends : list of int
        Those that belong to them.
    bits : int
        Bits of the result.

    Attributes
    ----------
    words : list of int
        For each pair the constants as `word` takes them.

    Members
    -------
    x : In(width)
    word : In(…)
    o : Out(bits)
    """

    def __init__(self, width: int, multipliers: list[int], addends: list[int], bits: int):
        self.width, self.bits = width, bits
        digits = to_digits(multipliers)
        self.rows = [row for row in range(digits.shape[1]) if digits[:, row].any() and 2 * row < bits]
        self.digits = digits[:, self.rows]
        self.steady = bool((self.digits == self.digits[:1]).all())
        complements = [
            sum((digit < 0) << 2 * row for row, digit in zip(self.rows, each, strict=True))
            for each in self.digits.tolist()
        ]
        corrected = [
            (addend - complement * ((1 << width) - 1)) % (1 << bits)
            for addend, complement in zip(addends, complements, strict=True)
        ]
        codes = pack_words(self.digits % RADIX, 2) if self.rows and not self.steady else [0] * len(addends)
        self.code_bits = 0 if self.steady else 2 * len(self.rows)
        self.words = [code | addend << self.code_bits for code, addend in zip(codes, corrected, strict=True)]
        self.word_bits = self.code_bits + bits
        super().__init__({"x": In(width), "word": In(self.word_bits), "o": Out(bits)})

    @property
    def delay(self) -> int:
        """A cycle for the partial products, unless they are the same for all, and one for each level of sums."""
        return int(not self.steady) + len(self.rows).bit_length()

    def _length(self, k: int) -> int:
        """Bits of a row's partial product."""
        return min(self.width + bool((self.digits[:, k] == 2).any()), self.bits - 2 * self.rows[k])

    def cost(self, first: int = 0, step: int = 1) -> Resources:
        """A cell for each bit of a partial product and of a sum; a flip-flop for what waits.

        Of a lane that takes only every ``step``-th pair, from number ``first`` on.
        """
        digits = self.digits[first::step]
        used = [k for k in range(len(self.rows)) if digits[:, k].any()]
        addends = unpack_words([word >> self.code_bits for word in self.words[first::step]], self.bits, 1)
        lowest = int(addends.any(axis=0).argmax())
        terms = [Term(self._places[k], self._places[k] + self._length(k), self._length(k)) for k in used]
        terms.append(Term(lowest, self.bits, distinct_columns(addends)))
        if self.steady:
            inverters = self.width * sum(bool((digits[:, k] < 0).all()) for k in used)
            return Resources(lut4=inverters, cells=inverters) + tree_cost(terms, self.bits)
        # rows of the same digits share their partial product; where a digit never changes it is x or its complement
        products = dict(sorted((product_name(digits[:, k]), self._length(k)) for k in used))
        held = registered_cells(sum(products.values())) + lone_registers(terms[-1].registers)
        return held + tree_cost(terms, self.bits)

    @property
    def _places(self) -> list[int]:
        """Lowest bit of each partial product."""
        return [2 * row for row in self.rows]

    def elaborate(self, platform: object) -> Module:
        """Partial products, and a tree of sums."""
        m = Module()
        addend = self.word[self.code_bits :]
        choices = [Const(0, 1), self.x, Cat(Const(0, 1), self.x), ~self.x]
        level: list[Value] = []
        for k, row in enumerate(self.rows):
            if self.steady:
                product: Value = choices[int(self.digits[0, k])]
            else:
                product = Signal(self._length(k))
                m.d.sync += product.eq(Array(choices)[self.word.word_select(k, 2)])
            level.append(Cat(Const(0, 2 * row), product)[: self.bits])
        if not self.steady:
            (addend,) = behind(m, addend)
        level.append(addend)
        while len(level) > 1:
            pairs = [level[k : k + 2] for k in range(0, len(level), 2)]
            level = []
            for pair in pairs:
                total = Signal(min(self.bits, max(map(len, pair)) + len(pair) - 1))
                m.d.sync += total.eq(sum(pair))
                level.append(total)
        m.d.comb += self.o.eq(level[0])
        return m
