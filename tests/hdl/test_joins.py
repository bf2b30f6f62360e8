"""Units with several inputs or another order, alone: each stream with stalls of its own, and their exact cycles."""

from collections.abc import Callable

import numpy as np
import pytest
from costs import check_cost
from streams import run

from icepop.compiler.ops.add import Add
from icepop.compiler.ops.base import Op
from icepop.compiler.ops.concat import Concat
from icepop.compiler.ops.gather import Gather
from icepop.compiler.planner.flow import Node
from icepop.compiler.planner.plan import Folding, Span
from icepop.compiler.planner.schedule import schedule
from icepop.compiler.raster import to_stream
from icepop.compiler.types import BIPOLAR, Domain, TensorType
from icepop.hdl.units.add_streams import AddStreams
from icepop.hdl.units.base import LayerUnit
from icepop.hdl.units.concat_streams import ConcatStreams
from icepop.hdl.units.shuffle import Shuffle

SAMPLES = 4
U4, S4, FIVE, ODD = Domain(0, 15), Domain(-8, 7), Domain(-2, 2), Domain(-6, 6, 4)


def span(op: Op, *types: TensorType) -> Span:
    return Span((op,), types, (op.infer(*types),))


def sums(domains: list[Domain], factors: np.ndarray, shape: tuple[int, ...] = (6, 2, 3)) -> Span:
    names = tuple(f"x{k}" for k in range(len(domains)))
    return span(Add("add", names, factors), *(TensorType(shape, domain) for domain in domains))


def joined(domains: list[Domain], axis: int, factors: tuple[int, ...], shapes: list[tuple[int, ...]]) -> Span:
    names = tuple(f"x{k}" for k in range(len(domains)))
    return span(Concat("cat", names, axis, factors), *map(TensorType, shapes, domains))


def gathered(index: Callable[[np.ndarray], np.ndarray], shape: tuple[int, ...], domain: Domain = U4) -> Span:
    flat = np.arange(int(np.prod(shape))).reshape(shape)
    return span(Gather("order", ("x0",), np.ascontiguousarray(index(flat))), TensorType(shape, domain))


def same(*rows: int) -> np.ndarray:
    return np.repeat(np.array(rows)[:, None], 6, axis=1)


VARIED = np.array([[1, -1, 2, 3, 0, -5], [1, 1, -1, 0, 4, -1]])

SPANS: dict[str, tuple[type[LayerUnit], Span]] = {
    "bipolar sum": (AddStreams, sums([BIPOLAR, BIPOLAR], same(1, 1))),
    "difference": (AddStreams, sums([BIPOLAR, U4], same(1, -1))),
    "negative sum": (AddStreams, sums([U4, S4, FIVE], same(-1, -3, -2))),
    "steps": (AddStreams, sums([ODD, BIPOLAR], same(1, 2))),
    "one value": (AddStreams, sums([Domain(3, 3), ODD], same(2, 1))),
    "nothing": (AddStreams, sums([U4, U4], same(0, 0))),
    "factors by channel": (AddStreams, sums([U4, S4], VARIED)),
    "offsets by channel": (AddStreams, sums([ODD, BIPOLAR], VARIED)),
    "vectors": (AddStreams, sums([S4, FIVE], same(2, 1), (6,))),
    "fire": (ConcatStreams, joined([U4, U4], 0, (1, 1), [(6, 3, 2), (4, 3, 2)])),
    "fire with factors": (ConcatStreams, joined([BIPOLAR, S4, FIVE], 0, (1, 3, 2), [(4, 3, 2), (2, 3, 2), (6, 3, 2)])),
    "rows": (ConcatStreams, joined([BIPOLAR, BIPOLAR], 1, (1, 1), [(4, 3, 2), (4, 5, 2)])),
    "columns": (ConcatStreams, joined([U4, BIPOLAR, U4], 2, (1, 1, 1), [(3, 5, 2), (3, 5, 1), (3, 5, 4)])),
    "joined vectors": (ConcatStreams, joined([U4, S4], 0, (1, 2), [(6,), (9,)])),
    "shuffle": (Shuffle, gathered(lambda x: x.reshape(2, 3, 4, 5).swapaxes(0, 1).reshape(6, 4, 5), (6, 4, 5))),
    "halves": (Shuffle, gathered(lambda x: np.concatenate([x[4:], x[:4]]), (8, 3, 2))),
    "slice": (Shuffle, gathered(lambda x: x[2:6], (8, 3, 2))),
    "lower half": (Shuffle, gathered(lambda x: x[4:], (8, 3, 2), BIPOLAR)),
    "every other": (Shuffle, gathered(lambda x: x[:, ::2, 1:], (6, 5, 4))),
    "transpose": (Shuffle, gathered(lambda x: x.transpose(0, 2, 1), (4, 3, 5))),
    "channels behind": (Shuffle, gathered(lambda x: x.transpose(1, 2, 0), (4, 3, 5), S4)),
    "flatten": (Shuffle, gathered(lambda x: x.reshape(-1), (4, 3, 2))),
    "pixel to vector": (Shuffle, gathered(lambda x: x.reshape(-1), (6, 1, 1))),
    "one channel": (Shuffle, gathered(lambda x: x.reshape(-1), (1, 4, 3))),
    "flipped": (Shuffle, gathered(lambda x: x[:, :, ::-1], (2, 3, 5))),
    "repeated": (Shuffle, gathered(lambda x: x.repeat(2, axis=2), (3, 2, 4))),
    "one for all": (Shuffle, gathered(lambda x: x[np.zeros(5, int)], (1, 3, 2))),
}


def cases() -> list[tuple[str, Folding]]:
    found = []
    for name, (kind, each) in SPANS.items():
        foldings = list(kind.foldings(each))
        if kind is AddStreams:
            foldings.append(Folding(5, 5))
        found += [(name, folding) for folding in foldings]
    return found


@pytest.mark.parametrize(("name", "folding"), cases(), ids=str)
def test_results_and_cycles_are_exact(name: str, folding: Folding) -> None:
    kind, each = SPANS[name]
    unit = kind(each, folding)
    rng = np.random.default_rng(3)
    values = [
        type.integers.lo + type.integers.step * rng.integers(0, type.integers.size, (SAMPLES, *type.shape))
        for type in each.inputs
    ]
    given = {
        port: beats.pack(to_stream(x)) for port, beats, x in zip(unit.input_names, unit.inputs, values, strict=True)
    }
    expected = to_stream(each.ops[0].golden(*values))
    # an input that several streams feed is a fork's in the schedule; here each has its beats from the start
    for stalls in (None, rng):
        seen = run(unit, given, {"o": SAMPLES * unit.output.count}, stalls)
        assert seen["o"].payloads == unit.output.pack(expected)
        assert {port: seen[port].payloads for port in given} == given
        if stalls is None:
            measured = seen["o"].cycles[unit.output.count - 1 :: unit.output.count]
            if len(unit.inputs) == 1:
                planned = schedule([Node(unit.timing, ((-1, 0),))], unit.input.count, unit.output.count, SAMPLES)
                assert (measured[0], measured[-1] - measured[-2]) == (planned.latency, planned.interval)
            else:
                first = unit.timing.interval + unit.timing.latency - 1
                assert measured == [first + k * unit.timing.interval for k in range(SAMPLES)]


@pytest.mark.parametrize("name", ["one for all", "repeated", "flipped"])
def test_an_order_costs_what_is_planned(name: str) -> None:
    kind, each = SPANS[name]
    unit = kind(each, Folding(1, 1))
    check_cost(unit, unit.cost)
