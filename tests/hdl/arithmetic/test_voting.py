"""Counting votes and finding the winner, without registers, against all or many inputs."""

from collections.abc import Sequence

import numpy as np
import pytest
from amaranth import Const, Module, Signal
from amaranth.sim import Simulator
from lut_networks import encoded_vote

from icepop.compiler.planner.plan import Span
from icepop.compiler.types import Domain, TensorType
from icepop.hdl.arithmetic.vote_count import count_cost, counted, halves
from icepop.hdl.arithmetic.winner import Contestant, played, second
from icepop.hdl.bit_source import BitSource


def values(m: Module, source: Signal, result: Signal, inputs: Sequence[int]) -> list[int]:
    """What a module without registers makes of inputs."""
    found = []

    async def bench(context: object) -> None:
        for value in inputs:
            context.set(source, value)  # type: ignore[attr-defined]
            await context.delay(1e-9)  # type: ignore[attr-defined]
            found.append(context.get(result))  # type: ignore[attr-defined]

    simulator = Simulator(m)
    simulator.add_testbench(bench)
    simulator.run()
    return found


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 8, 12, 15, 17, 31])
def test_ones_are_counted(count: int, inverted: bool) -> None:
    rng = np.random.default_rng(count)
    inputs = range(1 << count) if count <= 8 else [0, (1 << count) - 1, *rng.integers(0, 1 << count, 200).tolist()]
    m, source, result = Module(), Signal(count), Signal(count.bit_length())
    m.d.comb += result.eq(counted(m, [~bit if inverted else bit for bit in source], inverted))
    full = (1 << count.bit_length()) - 1
    expected = [value.bit_count() for value in inputs]
    assert values(m, source, result, inputs) == [full - votes if inverted else votes for votes in expected]


def test_every_bit_is_in_one_place() -> None:
    assert all(sum(halves(count)) + 1 == count for count in range(4, 200))
    assert [count_cost(count).lut4 for count in (3, 7, 15, 31)] == [2, 6, 15, 34]


@pytest.mark.parametrize("classes", [2, 3, 5, 6, 7, 9, 10, 11])
def test_the_first_of_the_best_wins(classes: int) -> None:
    width = 2
    rng = np.random.default_rng(classes)
    scores = rng.integers(0, 1 << width, (300, classes))
    m, source, result = Module(), Signal(width * classes), Signal(range(classes))
    contestants = [
        Contestant(~part if second(label, classes) else part, Const(label, len(result)))
        for label, part in enumerate(source.word_select(k, width) for k in range(classes))
    ]
    while len(contestants) > 1:
        contestants = played(m, contestants)
    m.d.comb += result.eq(contestants[0].label)
    packed = [sum(int(score) << width * k for k, score in enumerate(row)) for row in scores]
    assert values(m, source, result, packed) == scores.argmax(axis=1).tolist()


@pytest.mark.parametrize("domain", [Domain(0, 31), Domain(-8, 7), Domain(0, 5)])
def test_every_level_is_compared_exactly(domain: Domain) -> None:
    graph = encoded_vote(np.random.default_rng(0), domain, 6, 2, 4)
    ops = graph.ops[1:]
    source = BitSource(Span(ops, (TensorType((6,), domain),), tuple(graph.types[op.name] for op in ops)))
    every = np.arange(domain.lo, domain.hi + 1)
    for number, level in enumerate(source.levels):
        m, code, result = Module(), Signal(domain.bits), Signal()
        m.d.comb += result.eq(source.reached(m, code, number))
        expected = (every >= domain.lo + level).astype(int).tolist()
        assert values(m, code, result, domain.encode(every).tolist()) == expected
