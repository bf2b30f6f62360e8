"""A memory that several read: the next word is there in time, and not a cycle sooner is promised."""

from collections.abc import Sequence
from itertools import combinations_with_replacement

import numpy as np
import pytest
from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, connect, flipped
from amaranth.sim import Simulator
from costs import check_cost

from icepop.hdl.shared_rom import Constants, SharedRom, Slots, constants_signature, taken

WIDTHS = (5, 11, 3, 8, 6)
LENGTHS = (7, 2, 40, 3, 16)


def readers(spacings: Sequence[int]) -> list[Constants]:
    """Random words for each spacing."""
    rng = np.random.default_rng(3)
    return [
        Constants(WIDTHS[k % 5], rng.integers(0, 1 << WIDTHS[k % 5], LENGTHS[k % 5]).tolist(), spacing)
        for k, spacing in enumerate(spacings)
    ]


def wrong_words(spacings: Sequence[int], gaps: Sequence[int], seed: int = 0, cycles: int = 600) -> int:
    """Words that were not the expected ones, taken at least ``gaps`` cycles apart, at random or as soon as can be."""
    sharing = readers(spacings)
    rom = SharedRom(sharing)
    wrong = 0

    async def take(ctx: object) -> None:
        nonlocal wrong
        rng = np.random.default_rng(seed)
        await ctx.tick().until(rom.ready)
        free, number = [0] * len(gaps), [0] * len(gaps)
        for cycle in range(cycles):
            for k, reader in enumerate(sharing):
                port = getattr(rom, f"r{k}")
                taking = cycle >= free[k] and (seed % 2 == 0 or rng.random() < 0.3)
                if taking:
                    wrong += ctx.get(port.word) != reader.words[number[k] % len(reader.words)]
                    free[k], number[k] = cycle + gaps[k], number[k] + 1
                ctx.set(port.take, taking)
            await ctx.tick()

    simulator = Simulator(rom)
    simulator.add_clock(1e-6)
    simulator.add_testbench(take)
    simulator.run()
    return wrong


FEW = [each for count in (1, 2, 3) for each in combinations_with_replacement((2, 3, 4, 5, 6, 8, 13), count)]
TOGETHER = [each for each in FEW if Slots.choose(each) is not None]


@pytest.mark.parametrize("spacings", TOGETHER, ids=str)
def test_every_word_is_there_in_time(spacings: Sequence[int]) -> None:
    for seed in range(3):
        assert wrong_words(spacings, spacings, seed) == 0


@pytest.mark.parametrize("spacings", [(2, 4, 4), (3, 6, 6, 6), (2, 3, 8), (5,), (4, 12, 7, 20, 64)], ids=str)
def test_the_order_of_readers_does_not_matter(spacings: Sequence[int]) -> None:
    found = Slots.choose(spacings)
    assert (found is None) == (spacings == (2, 3, 8))
    if found is not None:
        assert wrong_words(spacings[::-1], spacings[::-1], cycles=2000) == 0


@pytest.mark.parametrize("spacings", [(2,), (3, 3), (2, 4, 4), (3, 6, 6, 12), (8, 8)], ids=str)
def test_a_cycle_sooner_is_too_soon(spacings: Sequence[int]) -> None:
    for k in range(len(spacings)):
        gaps = [spacing - (j == k) for j, spacing in enumerate(spacings)]
        assert any(wrong_words(spacings, gaps, seed) for seed in range(6))


@pytest.mark.parametrize("spacings", TOGETHER, ids=str)
def test_no_two_read_at_once_and_each_often_enough(spacings: Sequence[int]) -> None:
    found = Slots.choose(spacings)
    assert found is not None
    period = found.digits << found.bits
    owners: dict[int, int] = {}
    for k, slot in enumerate(found.slots):
        mine = [
            t
            for t in range(period)
            if t % found.digits == slot.digit and (t // found.digits) % (1 << slot.bits) == slot.turn
        ]
        assert mine
        assert max(np.diff([*mine, mine[0] + period])) <= spacings[k]
        assert not owners.keys() & set(mine)
        owners |= dict.fromkeys(mine, k)


def test_too_many_readers_have_no_slots() -> None:
    assert Slots.choose([2, 2]) is not None
    assert Slots.choose([2, 2, 64]) is None
    assert Slots.choose([3, 3, 3]) is not None
    assert Slots.choose([3, 4, 4]) is None or taken([3, 4, 4], 2) <= 1
    with pytest.raises(ValueError, match=r"^there are too few slots for all readers$"):
        SharedRom(readers([2, 2, 64]))


class Placed(wiring.Component):
    """The memory at pins."""

    def __init__(self, sharing: Sequence[Constants]):
        self.rom = SharedRom(sharing)
        super().__init__({f"r{k}": In(constants_signature(each.width)) for k, each in enumerate(sharing)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.rom = self.rom
        for name in self.signature.members:
            connect(m, flipped(getattr(self, name)), getattr(self.rom, name))
        return m


@pytest.mark.parametrize(
    ("spacings", "widths", "lengths"),
    [((2,), (24,), (64,)), ((3, 6, 6), (40, 48, 46), (64, 32, 32)), ((8,) * 6, (16,) * 6, (30, 20, 64, 17, 9, 100))],
    ids=str,
)
def test_planned_cells_are_close_and_ebr_exact(
    spacings: Sequence[int], widths: Sequence[int], lengths: Sequence[int]
) -> None:
    rng = np.random.default_rng(5)
    sharing = [
        Constants(width, [int.from_bytes(rng.bytes(8), "little") % (1 << width) for _ in range(length)], spacing)
        for spacing, width, length in zip(spacings, widths, lengths, strict=True)
    ]
    placed = Placed(sharing)
    check_cost(placed, placed.rom.cost)
