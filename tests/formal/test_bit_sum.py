# amaranth: UnusedElaboratable=no
"""A sum of bits is what it says: counts of every width up to 16, and bits of several weights."""

from collections.abc import Mapping, Sequence

import pytest
from amaranth import Const, Module, Value

from icepop.hdl.arithmetic.bit_sum import PITCH, BitSum, arranged
from icepop.sim.datapath_specifications import PipelineSpec
from icepop.sim.formal import counterexample

pytestmark = pytest.mark.formal

WIDEST = 16

WEIGHTED: list[tuple[Sequence[int], int]] = [
    ((0,) * 21, 16),
    ((0,) * 17, 5),
    ((0, 1) * 6, 7),
    ((0, 1, 2) * 4, 16),
    (tuple(i + j for i in range(3) for j in range(3)) * 2, 16),
    ((0, 5, 6, 5), 16),
    ((2, 0, 1), 16),
]
"""Exponents and pitch: long counts, counts of two weights, numbers, both, gaps, and nothing to add."""


class Miscount(BitSum):
    """A sum that takes bit 0 for set when the last bit is."""

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.right = right = BitSum(self.shifts, self.pitch)
        m.d.comb += [right.i.eq(self.i | self.i[-1]), self.o.eq(right.o)]
        return m


def specified(bit_sum: BitSum) -> PipelineSpec:
    """Bits added one by one."""

    def total(inputs: Mapping[str, Value]) -> Value:
        result: Value = Const(0)
        for bit, shift in zip(inputs["i"], bit_sum.shifts, strict=True):
            result = (result + (bit << shift))[: len(bit_sum.o)]
        return result

    return PipelineSpec(bit_sum, bit_sum.latency, total)


def counts() -> list[tuple[int, int]]:
    """Every structure: all widths at the default, and at every smaller pitch that arranges them in another way."""
    found: dict[tuple[int, str], tuple[int, int]] = {}
    for width in range(1, WIDEST + 1):
        for pitch in range(PITCH, 0, -1):
            found.setdefault((width, str(arranged((0,) * width, pitch))), (width, pitch))
    return list(found.values())


@pytest.mark.parametrize(("width", "pitch"), counts())
def test_a_count_is_the_sum_of_its_bits(width: int, pitch: int) -> None:
    bit_sum = BitSum((0,) * width, pitch)
    assert counterexample(specified(bit_sum), bit_sum.latency + 2) is None


@pytest.mark.parametrize(("width", "pitch"), [count for count in counts() if count[0] > 1])
def test_a_miscount_fails(width: int, pitch: int) -> None:
    bit_sum = Miscount((0,) * width, pitch)
    assert counterexample(specified(bit_sum), bit_sum.latency + 2) is not None


@pytest.mark.parametrize(("shifts", "pitch"), WEIGHTED)
def test_bits_of_several_weights(shifts: Sequence[int], pitch: int) -> None:
    depth = BitSum(shifts, pitch).latency + 2
    assert counterexample(specified(BitSum(shifts, pitch)), depth) is None
    assert counterexample(specified(Miscount(shifts, pitch)), depth) is not None
