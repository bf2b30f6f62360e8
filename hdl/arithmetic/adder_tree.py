"""`AdderTree`: a sum with a register after every adder, and the terms it is made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from amaranth import Const, Module, Signal, Value

from icepop.compiler.planner.plan import Resources
from icepop.compiler.types import Domain

LUT_INPUTS = 4
"""Terms of so many bits together are one LUT a bit of their sum."""


@dataclass(frozen=True)
class Term:
    """A number that is added or subtracted.

    Parameters
    ----------
    lo, hi : int
        Smallest and largest value; a constant if they are equal.
    negative : bool
        Whether it is subtracted.
    """

    lo: int
    hi: int
    negative: bool = False

    @property
    def bits(self) -> int:
        """Bits that vary."""
        return 0 if self.lo == self.hi else len(Signal(self.shape))

    @property
    def shape(self) -> range:
        """For a signal that holds it."""
        return range(min(self.lo, 0), self.hi + 1)

    @staticmethod
    def of(domain: Domain) -> "Term":
        """A domain's codes."""
        return Term(domain.lo, domain.hi) if domain.step == 1 else Term(0, domain.size - 1)

    def times(self, factor: int) -> "Term":
        """Multiple."""
        size = abs(factor)
        return Term(size * self.lo, size * self.hi, (factor < 0) != self.negative)


def total(terms: Sequence[Term]) -> Term:
    """Sum of terms; negative if all are."""
    if all(term.negative for term in terms):
        return Term(sum(term.lo for term in terms), sum(term.hi for term in terms), True)
    low = sum(-term.hi if term.negative else term.lo for term in terms)
    return Term(low, sum(-term.lo if term.negative else term.hi for term in terms))


def grouped(terms: Sequence[Term]) -> list[list[int]]:
    """Positions of terms that are added in one cycle: two, or more where they are few bits."""
    groups: list[list[int]] = []
    for position, term in enumerate(terms):
        if groups and (len(groups[-1]) < 2 or sum(terms[k].bits for k in groups[-1]) + term.bits <= LUT_INPUTS):
            groups[-1].append(position)
        else:
            groups.append([position])
    return groups


def digits(number: int) -> list[int]:
    """Powers of two whose sum is the number: its bits, or with signs where those are fewer (Reitwiesner 1960)."""
    size, sign = abs(number), 1 if number > 0 else -1
    bits = [1 << k for k in range(size.bit_length()) if size >> k & 1]
    signed, power = [], 1
    while size:
        if size % 2:
            digit = 2 - size % 4
            signed.append(digit * power)
            size -= digit
        size //= 2
        power *= 2
    return [sign * digit for digit in (signed if len(signed) < len(bits) else bits)]


class AdderTree:
    """``sum of the terms modulo 2**bits``, `levels` cycles later or as many more as are asked for.

    Parameters
    ----------
    terms : sequence of Term
        What is added.
    bits : int
        Bits of the sum.
    """

    def __init__(self, terms: Sequence[Term], bits: int):
        held = list(terms)
        if all(term.negative for term in held):
            held.append(Term(0, 0))
        self.bits = bits
        self.terms = held
        self.count = len(terms)

    @cached_property
    def stages(self) -> list[tuple[list[list[int]], list[Term]]]:
        """For each cycle which of the terms before are added, and their sums."""
        found: list[tuple[list[list[int]], list[Term]]] = []
        terms = self.terms
        while not found or len(terms) > 1:
            groups = grouped(terms)
            terms = [total([terms[k] for k in group]) for group in groups]
            found.append((groups, terms))
        return found

    @property
    def levels(self) -> int:
        """Cycles; at least 1."""
        return len(self.stages)

    def cost(self, levels: int) -> Resources:
        """Cells of every sum, and of the registers behind the last."""
        cells = (levels - self.levels) * self.bits
        terms = self.terms
        for groups, sums in self.stages:
            cells += sum(
                self._cells([terms[k] for k in group], result) for group, result in zip(groups, sums, strict=True)
            )
            terms = sums
        return Resources(lut4=cells, ff=cells, carry=cells, cells=cells)

    def _cells(self, terms: Sequence[Term], result: Term) -> int:
        """A cell a bit, one for a carry that comes out, and an inverter for each bit that is subtracted."""
        bits = min(result.bits, self.bits)
        if len(terms) == 1 or sum(term.bits for term in terms) <= LUT_INPUTS:
            return bits
        carry = result.lo >= 0 and bits > max(term.bits for term in terms)
        return bits + carry + sum(term.bits for term in terms if term.negative != result.negative)

    def build(self, m: Module, values: Sequence[Value], levels: int) -> Value:
        """Add the values of the terms up."""
        held = [*values, Const(0)] if len(self.terms) > self.count else list(values)
        terms = self.terms
        for groups, sums in self.stages:
            following: list[Value] = []
            for group, result in zip(groups, sums, strict=True):
                signed = [(terms[k], held[k]) for k in group]
                following.append(self._sum(m, signed, result))
            held, terms = following, sums
        for _ in range(levels - self.levels):
            later = Signal(self.bits)
            m.d.sync += later.eq(held[0])
            held = [later]
        whole = Signal(self.bits)
        m.d.comb += whole.eq(held[0])
        return whole

    def _sum(self, m: Module, parts: Sequence[tuple[Term, Value]], result: Term) -> Value:
        """Register of a sum; what is subtracted comes last."""
        ordered = sorted(parts, key=lambda part: part[0].negative)
        number = ordered[0][1]
        for term, value in ordered[1:]:
            number = number - value if term.negative != result.negative else number + value
        if result.bits == 0:
            return Const(result.lo, Signal(result.shape).shape())
        register = Signal(result.shape) if result.bits <= self.bits else Signal(self.bits)
        m.d.sync += register.eq(number)
        return register
