"""Every word of a shared memory is there in time, whenever its readers take the words before it."""

from collections.abc import Sequence

import pytest
from amaranth import Array, Module, Mux, Signal
from amaranth.hdl import Assert
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from icepop.hdl.constants import Constants
from icepop.hdl.shared_rom import SharedRom
from icepop.sim.formal import refutation

pytestmark = pytest.mark.formal

WORDS = ((1, 2, 3), (2, 1), (3, 0, 1, 2, 3))


class InTime(wiring.Component):
    """Readers that take a word whenever they want, but no sooner than so many cycles after the one before."""

    def __init__(self, spacings: Sequence[int], gaps: Sequence[int]):
        self.gaps = gaps
        self.rom = SharedRom([Constants(2, words, p) for words, p in zip(WORDS, spacings, strict=False)])
        super().__init__({f"want{k}": In(1) for k in range(len(gaps))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.rom = rom = self.rom
        for k, (gap, reader) in enumerate(zip(self.gaps, rom.readers, strict=True)):
            port, left = getattr(rom, f"r{k}"), Signal(range(gap), name=f"left_{k}")
            number = Signal(range(len(reader.words)), name=f"number_{k}")
            m.d.comb += port.take.eq(getattr(self, f"want{k}") & rom.ready & (left == 0))
            with m.If(port.take):
                m.d.comb += Assert(port.word == Array(reader.words)[number])
                m.d.sync += [left.eq(gap - 1), number.eq(Mux(number == len(reader.words) - 1, 0, number + 1))]
            with m.Elif(left != 0):
                m.d.sync += left.eq(left - 1)
        return m


CASES = [(2,), (3,), (2, 2), (3, 3, 3), (2, 4, 4), (2, 5, 7)]


@pytest.mark.parametrize("spacings", CASES, ids=str)
def test_a_word_is_there_in_time(spacings: Sequence[int]) -> None:
    assert refutation(InTime(spacings, spacings)) is None


@pytest.mark.parametrize("spacings", CASES[:-1], ids=str)
def test_a_cycle_sooner_it_may_not_be(spacings: Sequence[int]) -> None:
    for k in range(len(spacings)):
        gaps = [spacing - (j == k) for j, spacing in enumerate(spacings)]
        assert refutation(InTime(spacings, gaps), 24) is not None
