from collections.abc import Callable

import numpy as np
import pytest
from costs import check_cost
from streams import run

from icepop.boards.synthesis import synthesize
from icepop.compiler.types import Beats, Domain
from icepop.hdl.fifo import Fifo, RamFifo, ShiftFifo, fifo
from icepop.hdl.fork import Fork

COUNT = 150


def forked(latency: int, offered: list[int], wanted: list[list[int]], depths: tuple[int, ...]) -> list[int]:
    """Cycles in which beats are taken, where output k takes its beats in the cycles ``wanted[k]``."""
    cycles: list[int] = []
    for beat, cycle in enumerate(offered):
        free = [times[beat - depth] + 1 for times, depth in zip(wanted, depths, strict=True) if beat >= depth]
        cycles.append(max([cycle, *free, *(cycles[-1:] and [cycles[-1] + 1])]))
    return cycles


@pytest.mark.parametrize("depths", [(1, 1), (2, 3), (1, 2, 3, 4), (5,), (3, 40), (64, 1), (17, 300)])
@pytest.mark.parametrize("seed", [None, 0, 1])
def test_every_output_gives_every_beat(depths: tuple[int, ...], seed: int | None) -> None:
    rng = np.random.default_rng(seed)
    unit = Fork(Beats(Domain(0, 3), 20, 4), depths)
    payloads = rng.integers(0, 256, COUNT).tolist()
    names = [f"o{k}" for k in range(len(depths))]
    seen = run(unit, {"i": payloads}, dict.fromkeys(names, COUNT), None if seed is None else rng)
    for name in ("i", *names):
        assert seen[name].payloads == payloads, name
    taken = seen["i"].cycles
    assert all(out - came >= unit.latency for name in names for out, came in zip(seen[name].cycles, taken, strict=True))
    if seed is None:
        assert taken == forked(unit.latency, [0] * COUNT, [seen[name].cycles for name in names], depths)
        assert [seen[name].cycles[0] - taken[0] for name in names] == [unit.latency] * len(names)


KINDS: dict[str, tuple[Callable[[int, int], Fifo], list[int]]] = {
    "flip-flops": (ShiftFifo, [1, 2, 3, 7]),
    "EBR": (RamFifo, [3, 4, 5, 8, 37, 256, 300]),
}


def model(depth: int, writes: list[bool], reads: list[bool]) -> tuple[list[int], list[int]]:
    """Cycles of writes and transfers of a FIFO, kept as the cycles in which its beats were written."""
    waiting: list[int] = []
    written, taken = [], []
    for cycle, (write, read) in enumerate(zip(writes, reads, strict=True)):
        room = len(waiting) < depth
        if read and waiting and waiting[0] + 2 <= cycle:
            waiting.pop(0)
            taken.append(cycle)
        if write and room:
            waiting.append(cycle)
            written.append(cycle)
    return written, taken


@pytest.mark.parametrize(("kind", "depth"), [(kind, depth) for kind, (_, depths) in KINDS.items() for depth in depths])
def test_a_fifo_is_the_model_in_every_cycle(kind: str, depth: int) -> None:
    """Driven through a fork of one output, whose stalls are known in advance."""
    rng = np.random.default_rng(depth)
    unit = Fork(Beats(Domain(0, 255), 1, 1), (depth,))
    unit.fifos = [KINDS[kind][0](8, depth)]
    payloads = rng.integers(0, 256, 700).tolist()
    seen = run(unit, {"i": payloads}, {"o0": 700}, rng)
    assert seen["o0"].payloads == payloads
    offers, accepts = seen["i"].offered, seen["o0"].offered
    written, taken = model(depth, offers, accepts)
    assert (seen["i"].cycles, seen["o0"].cycles) == (written, taken)


def test_deep_fifos_lie_in_ebr() -> None:
    assert isinstance(fifo(16, 4), ShiftFifo)
    assert isinstance(fifo(1, 15), ShiftFifo)
    assert isinstance(fifo(16, 16), RamFifo)
    assert fifo(16, 256).cost.ebr == 1
    assert fifo(17, 256).cost.ebr == 2
    assert fifo(8, 512).cost.ebr == 1


@pytest.mark.parametrize(("width", "depths"), [(8, (1, 4)), (16, (3, 256)), (9, (40,))])
def test_planned_cells_are_close_and_ebr_exact(width: int, depths: tuple[int, ...]) -> None:
    unit = Fork(Beats(Domain(0, 1), width, width), depths)
    check_cost(unit, unit.cost)
    fmax = synthesize(unit, "unit").fmax_mhz
    assert fmax is not None
    assert fmax >= 48
