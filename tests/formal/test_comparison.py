# amaranth: UnusedElaboratable=no
"""Whether a number reaches a threshold is found as by comparing bit by bit, at every width that is cut differently."""

from collections.abc import Mapping

import pytest
from amaranth import Cat, Const, Module, Mux, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from icepop.hdl.arithmetic import comparator
from icepop.sim.datapath_specifications import PipelineSpec
from icepop.sim.formal import counterexample

pytestmark = pytest.mark.formal


class Reaching(wiring.Component):
    """`reaches`, which takes a cut's complement."""

    def __init__(self, bits: int):
        super().__init__({"a": In(bits), "b": In(bits), "o": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.comb += self.o.eq(comparator.reaches(m, self.a, ~self.b, len(self.a)))
        return m


class Exceeding(wiring.Component):
    """A comparison that a number equal to the threshold fails, if it is odd."""

    def __init__(self, right: wiring.Component, bits: int):
        self.right = right
        super().__init__({"a": In(bits), "b": In(bits), "o": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.right = right = self.right
        equal = (self.a == self.b) & self.a[0]
        m.d.comb += [right.a.eq(self.a & ~Cat(equal)), right.b.eq(self.b), self.o.eq(right.o)]
        return m


def reached(inputs: Mapping[str, Value]) -> Value:
    """The highest bit in which they differ decides."""
    result: Value = Const(1, 1)
    for a, b in zip(inputs["a"], inputs["b"], strict=True):
        result = Mux(a ^ b, a, result)
    return result


UNITS: dict[str, tuple[wiring.Component, int, int]] = {
    **{f"segments of {n}": (Reaching(n), n, comparator.delay(n)) for n in (1, 2, 16, 17, 31, 32, 33, 48)},
}


@pytest.mark.parametrize("name", UNITS)
def test_a_threshold_is_a_comparison(name: str) -> None:
    unit, _, latency = UNITS[name]
    assert counterexample(PipelineSpec(unit, latency, reached), latency + 2) is None


@pytest.mark.parametrize("name", UNITS)
def test_a_comparison_that_takes_equal_for_smaller_fails(name: str) -> None:
    unit, bits, latency = UNITS[name]
    assert counterexample(PipelineSpec(Exceeding(unit, bits), latency, reached), latency + 2) is not None
