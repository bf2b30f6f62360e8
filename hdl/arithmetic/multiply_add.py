"""`MultiplyAdd`: a number times a constant plus another, both from a memory, in logic cells."""

from collections.abc import Hashable, Sequence
from itertools import zip_longest

import numpy as np
from amaranth import Array, Cat, Const, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from icepop.compiler.planner.plan import Resources
from icepop.compiler.types import IntArray, pack_words, unpack_words
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


Bits = list[Hashable]
"""Names of a number's bits, lowest first; the same name for what synthesis finds to be the same, None for a 0."""


def tree_cost(lanes: Sequence[Sequence[Bits]], bits: int) -> Resources:
    """Cells of trees of sums of two terms, a register behind each, modulo ``2**bits``.

    Where only one of two terms has low bits, they need no adder; what has no partner waits for the next level. Bits
    that only wait share a flip-flop with those of the same name.
    """
    parts = []
    while max(map(len, lanes)) > 1:
        merged, waiting = [], set[Hashable]()
        for lane, terms in enumerate(lanes):
            pairs = [added(list(terms[k : k + 2]), bits, (lane, k)) for k in range(0, len(terms), 2)]
            parts += [Resources(chain, chain, chain, chain) for _, chain in pairs]
            waiting |= {name for term, chain in pairs for name in term[: len(term) - chain]}
            merged.append([term for term, _ in pairs])
        parts.append(lone_registers(len(waiting - {None})))
        lanes = merged
    return Resources.total(parts)


def added(terms: list[Bits], bits: int, place: Hashable) -> tuple[Bits, int]:
    """Sum of one or two terms, and how many of its upper bits are on a carry chain."""
    used = [term for term in map(trimmed, terms) if term]
    if len(used) < 2:
        return (used or [[]])[0], 0
    one, other = used
    first = max(next(k for k, name in enumerate(term) if name is not None) for term in used)
    if first >= min(map(len, used)):
        return [low if low is not None else high for low, high in zip_longest(one, other)], 0
    chain = min(max(map(len, used)) + 1, bits) - first
    below = [low if low is not None else high for low, high in zip(one[:first], other[:first], strict=True)]
    return [*below, *((place, k) for k in range(chain))], chain


def trimmed(term: Bits) -> Bits:
    """Without zeros at the top."""
    return term[: max((k + 1 for k, name in enumerate(term) if name is not None), default=0)]


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

    def cost(self, lanes: int = 1) -> Resources:
        """Cells of so many multipliers, each of which takes every ``lanes``-th pair.

        One for each bit of a partial product and of a sum; a flip-flop for what waits.
        """
        products = [[self._product(lane, lanes, k) for k in range(len(self.rows))] for lane in range(lanes)]
        addends = [self._addend(lane, lanes) for lane in range(lanes)]
        tree = tree_cost([[*each, addend] for each, addend in zip(products, addends, strict=True)], self.bits)
        if self.steady:
            inverters = lanes * self.width * int((self.digits[0] < 0).sum())
            return tree + Resources(lut4=inverters, cells=inverters)
        held = {name for terms in products for term in terms for name in term} - {None}
        waiting = {name for addend in addends for name in addend} - {None}
        return Resources.total([registered_cells(len(held)), lone_registers(len(waiting)), tree])

    def _product(self, lane: int, step: int, k: int) -> Bits:
        """A row's partial product in a lane; rows of the same digits share theirs."""
        digits = self.digits[lane::step, k]
        if not digits.any():
            return []
        name, length = (lane, digits.tobytes()), self._length(k)
        return [*[None] * (2 * self.rows[k]), *((*name, bit) for bit in range(length))]

    def _addend(self, lane: int, step: int) -> Bits:
        """What a lane adds; columns of the memory may be the same."""
        numbers = [word >> self.code_bits for word in self.words[lane::step]]
        return [column.tobytes() if column.any() else None for column in unpack_words(numbers, self.bits, 1).T]

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
