# amaranth: UnusedElaboratable=no
"""Sums of bits: values and latency against Python, cells against place and route."""

import pytest
from amaranth.sim import Simulator
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from icepop.boards.synthesis import synthesize
from icepop.compiler.errors import PlanError
from icepop.hdl.arithmetic.bit_sum import BitSum


def simulated(dut: BitSum, words: list[int]) -> list[int]:
    """The sum of each word, one a cycle."""
    results = []

    async def bench(ctx):
        for cycle in range(len(words) + dut.latency):
            ctx.set(dut.i, words[min(cycle, len(words) - 1)])
            await ctx.delay(1e-7)
            if cycle >= dut.latency:
                results.append(ctx.get(dut.o))
            if dut.latency:
                await ctx.tick()

    sim = Simulator(dut)
    if dut.latency:
        sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    return results


@settings(max_examples=40, deadline=None, derandomize=True, phases=(Phase.explicit, Phase.generate))
@given(st.data())
def test_sums_are_exact_and_as_late_as_planned(data: st.DataObject) -> None:
    shifts = data.draw(st.lists(st.integers(0, data.draw(st.integers(0, 9))), min_size=1, max_size=70))
    pitch = data.draw(st.integers(1, 32))
    words = [*data.draw(st.lists(st.integers(0, (1 << len(shifts)) - 1), max_size=5)), (1 << len(shifts)) - 1]
    expected = [sum((word >> k & 1) << shift for k, shift in enumerate(shifts)) for word in words]
    assert simulated(BitSum(shifts, pitch), words) == expected


@pytest.mark.parametrize(
    ("shifts", "pitch", "mhz"),
    [
        ((0,) * 16, 16, 65),
        ((0,) * 64, 16, 65),
        ((0,) * 50, 7, 85),
        ((0, 1, 2, 3) * 9, 16, 85),
        (tuple(i + j for i in range(3) for j in range(4)) * 5, 16, 65),
        ((0, 1, 5) * 9, 16, 65),
    ],
)
def test_planned_cells_are_those_of_nextpnr(shifts: tuple[int, ...], pitch: int, mhz: int) -> None:
    dut = BitSum(shifts, pitch)
    measured = synthesize(dut, "unit")
    assert abs(dut.cost.cells - measured.cells) <= 2, (dut.cost, measured)
    assert dut.cost.ff == measured.ff
    assert measured.fmax_mhz is not None
    assert measured.fmax_mhz > mhz


def test_a_single_number_needs_no_sum() -> None:
    assert BitSum((2, 0, 1)).latency == 0
    assert BitSum((0,)).latency == 0


@pytest.mark.parametrize("pitch", [0, 33])
def test_pitch_has_bounds(pitch: int) -> None:
    with pytest.raises(PlanError, match=f"^pitch must be from 1 to 32 bits, not {pitch}$"):
        BitSum((0, 0), pitch)
