# amaranth: UnusedElaboratable=no
"""A popcount is the sum of its bits, for every width up to 16 and every shape of its tree."""

import pytest
from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from icepop.hdl import popcount
from icepop.hdl.popcount import Popcount
from icepop.sim.formal import counterexample
from icepop.sim.specifications import PopcountSpec

pytestmark = pytest.mark.formal

WIDTHS = range(1, 17)
DEEPEST = 5
"""Levels of a tree of pairs of 16 bits."""


class Together(wiring.Component):
    """Popcounts of many widths, specified on the same free bits."""

    def __init__(self, specs: list[PopcountSpec]):
        self.specs = specs
        super().__init__({"i": In(max(WIDTHS))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for spec in self.specs:
            m.submodules += spec
            m.d.comb += spec.i.eq(self.i)
        return m


class Miscount(Popcount):
    """A popcount that takes bit 0 for set when the last bit is."""

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.right = right = Popcount(self.width)
        m.d.comb += [right.i.eq(self.i | self.i[-1]), self.o.eq(right.o)]
        return m


@pytest.mark.parametrize("group", [1, 2, 3, 4, 5, 7, 8, popcount.GROUP])
def test_popcount_is_the_sum_of_its_bits(monkeypatch: pytest.MonkeyPatch, group: int) -> None:
    monkeypatch.setattr(popcount, "GROUP", group)
    specs = [PopcountSpec(Popcount(width)) for width in WIDTHS]
    assert max(spec.popcount.latency for spec in specs) <= DEEPEST
    assert counterexample(Together(specs), DEEPEST + 2) is None


@pytest.mark.parametrize("width", WIDTHS[1:])
def test_a_broken_twin_fails(width: int) -> None:
    assert counterexample(PopcountSpec(Miscount(width)), 4) is not None


@pytest.mark.parametrize("group", [2, 3, 8])
def test_a_broken_twin_with_a_tree_fails(monkeypatch: pytest.MonkeyPatch, group: int) -> None:
    monkeypatch.setattr(popcount, "GROUP", group)
    specs = [PopcountSpec(Miscount(16) if width == 16 else Popcount(width)) for width in WIDTHS]
    assert counterexample(Together(specs), DEEPEST + 2) is not None


def test_popcount_of_several_groups_is_the_sum_of_its_bits() -> None:
    assert counterexample(PopcountSpec(Popcount(21)), 5) is None
