"""`Loops` and the comparisons with constants, against plain Python."""

from itertools import product

import numpy as np
import pytest
from amaranth import Cat, Module, Signal, Value
from amaranth.sim import Simulator, SimulatorContext

from icepop.hdl.sources.loops import Loops, at_end, at_least


def simulate(m: Module, watched: Value, steps: Signal, cycles: int, rng: np.random.Generator) -> list[int]:
    """What is watched before each step; steps come at random."""
    seen: list[int] = []

    async def bench(ctx: SimulatorContext) -> None:
        for step in rng.random(cycles) < 0.6:
            if step:
                seen.append(ctx.get(watched))
            ctx.set(steps, bool(step))
            await ctx.tick()

    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return seen


@pytest.mark.parametrize(("begun", "foreseen"), [(False, 0), (True, 0), (False, 1), (False, 2)])
@pytest.mark.parametrize("counts", [(3, 2, 4), (1, 5), (2, 1, 3), (1, 1, 1), (4,)])
def test_registers_follow_the_loops(counts: tuple[int, ...], begun: bool, foreseen: int) -> None:
    m, step = Module(), Signal()
    loops = Loops(m, counts, step, begun, min(foreseen, len(counts)))
    for level in range(len(counts)):
        loops.count(level)
    strides = (*(5 * k - 3 for k in range(len(counts))), 11)
    digits = [Signal(3) for _ in counts]
    m.d.comb += [digit.eq(turn) for digit, turn in zip(digits, loops.turns, strict=True)]
    watched = Cat(*digits, loops.follow(strides, 8, start=200))
    turns = [turn[::-1] for turn in product(*(range(n) for n in reversed(counts)))]
    endless = [
        sum(digit << 3 * k for k, digit in enumerate(turn))
        + ((200 + int(np.dot(turn, strides[:-1])) + round * 11) % 256 << 3 * len(counts))
        for round in range(100)
        for turn in turns
    ]
    begin = int(begun and max(counts) > 1)
    seen = simulate(m, watched, step, 150, np.random.default_rng(0))
    assert seen == endless[begin : begin + len(seen)]


def test_a_loop_takes_fewer_turns_in_the_last_round_of_the_next_one() -> None:
    m, step = Module(), Signal()
    loops = Loops(m, (3, 3, 2), step)
    turns = [loops.count(0, 2), loops.count(1), loops.count(2)]
    seen = simulate(m, Cat(turns), step, 100, np.random.default_rng(1))
    inner = [(turn, middle) for middle in range(3) for turn in range(2 if middle == 2 else 3)]
    expected = [turn + 4 * middle + 16 * outer for outer in (0, 1) for turn, middle in inner]
    assert seen == (expected * 9)[: len(seen)]


@pytest.mark.parametrize("bits", [1, 3, 5])
def test_comparisons_with_constants(bits: int) -> None:
    m, value = Module(), Signal(bits)
    bounds = range((1 << bits) + 2)
    least, end = Signal(len(bounds)), Signal(1 << bits)
    m.d.comb += [
        least.eq(Cat(at_least(value, bound) for bound in bounds)),
        end.eq(Cat(at_end(value, bound) for bound in range(1 << bits))),
    ]

    async def bench(ctx: SimulatorContext) -> None:
        for number in range(1 << bits):
            ctx.set(value, number)
            assert ctx.get(least) == sum(1 << bound for bound in bounds if number >= bound)
            reached = ctx.get(end)
            assert [reached >> bound & 1 for bound in range(number, 1 << bits)] == [
                bound == number for bound in range(number, 1 << bits)
            ]

    simulator = Simulator(m)
    simulator.add_testbench(bench)
    simulator.run()
