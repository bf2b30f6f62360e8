# amaranth: UnusedElaboratable=no
"""A sum of bits is what it says: counts of every width up to 16 at every pitch, and bits of several weights."""

from collections.abc import Sequence

import pytest
from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from icepop.hdl.bit_sum import BitSum
from icepop.sim.formal import counterexample
from icepop.sim.specifications import BitSumSpec

pytestmark = pytest.mark.formal

WIDTHS = range(1, 17)

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


class Together(wiring.Component):
    """Sums of many widths, specified on the same free bits."""

    def __init__(self, specs: list[BitSumSpec]):
        self.specs = specs
        super().__init__({"i": In(max(WIDTHS))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for spec in self.specs:
            m.submodules += spec
            m.d.comb += spec.i.eq(self.i)
        return m


class Miscount(BitSum):
    """A sum that takes bit 0 for set when the last bit is."""

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.right = right = BitSum(self.shifts, self.pitch)
        m.d.comb += [right.i.eq(self.i | self.i[-1]), self.o.eq(right.o)]
        return m


def counts(pitch: int) -> list[BitSum]:
    """Plain counts of every width."""
    return [BitSum((0,) * width, pitch) for width in WIDTHS]


@pytest.mark.parametrize("pitch", [3, 8, 16])
def test_a_count_is_the_sum_of_its_bits(pitch: int) -> None:
    sums = counts(pitch)
    depth = max(each.latency for each in sums) + 2
    assert counterexample(Together([BitSumSpec(each) for each in sums]), depth) is None


@pytest.mark.parametrize("pitch", [3, 8, 16])
def test_a_broken_twin_among_them_fails(pitch: int) -> None:
    sums = counts(pitch)
    depth = max(each.latency for each in sums) + 2
    specs = [BitSumSpec(Miscount(each.shifts, pitch) if len(each.shifts) == 16 else each) for each in sums]
    assert counterexample(Together(specs), depth) is not None


@pytest.mark.parametrize(("shifts", "pitch"), WEIGHTED)
def test_bits_of_several_weights(shifts: Sequence[int], pitch: int) -> None:
    depth = BitSum(shifts, pitch).latency + 2
    assert counterexample(BitSumSpec(BitSum(shifts, pitch)), depth) is None
    assert counterexample(BitSumSpec(Miscount(shifts, pitch)), depth) is not None
