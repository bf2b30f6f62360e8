"""Contract of every step: the interval that float64 gives holds the exact value."""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icepop.compiler.exact.enclosure import Interval, around, over, plus, point, root, times
from icepop.compiler.exact.grid import Line
from icepop.compiler.exact.numbers import ROUNDINGS, Number
from icepop.compiler.exact.steps.affine import Affine, Divide, Normalize, Scale, Shift
from icepop.compiler.exact.steps.base import Step
from icepop.compiler.exact.steps.limits import AtLeast, AtMost, Power, Ranked
from icepop.compiler.exact.steps.quantizers import Reaches, Round, Sign, Signum, Whole
from icepop.compiler.exact.steps.turning import EvenPower

ANY = st.floats(allow_nan=False, allow_infinity=False, width=32) | st.integers(-20, 20).map(lambda k: k / 2)
POSITIVE = ANY.filter(bool).map(abs)
SMALL = st.integers(-8, 8).map(float)
STEPS: dict[type[Step], st.SearchStrategy[Step]] = {
    Scale: st.builds(Scale, ANY),
    Affine: st.builds(lambda a, b: Affine((Line(a, b),), np.float64(0)), st.fractions(), st.fractions()),
    Divide: st.builds(Divide, ANY.filter(bool)),
    Shift: st.builds(Shift, ANY),
    Normalize: st.builds(Normalize, ANY, ANY, ANY, POSITIVE, st.just(1e-5)),
    AtLeast: st.builds(AtLeast, ANY),
    AtMost: st.builds(AtMost, ANY),
    Power: st.builds(Power, st.sampled_from([1.0, 2.0, 3.0, 4.0])),
    Reaches: st.builds(Reaches, ANY, ANY, ANY),
    Signum: st.builds(Signum, POSITIVE),
    Sign: st.just(Sign()),
    Round: st.builds(Round, POSITIVE, SMALL, st.just(-8.0), st.just(7.0), st.sampled_from(sorted(ROUNDINGS))),
    Whole: st.builds(Whole, st.sampled_from(sorted(ROUNDINGS))),
}


def kinds(base: type[Step] = Step) -> Iterator[type[Step]]:
    for kind in base.__subclasses__():
        yield from kinds(kind)
        if not getattr(kind, "__abstractmethods__", None):
            yield kind


def holds(interval: Interval, number: Number) -> bool:
    """Whether an interval of one element holds an exact number."""
    low, high = (float(end[0]) for end in interval)
    return (low == -np.inf or number >= Fraction(low)) and (high == np.inf or number * Fraction(-1) >= -Fraction(high))


def test_every_step_is_here() -> None:
    assert set(kinds()) == {*STEPS, Ranked, EvenPower}


@pytest.mark.parametrize("kind", STEPS)
@settings(max_examples=150)
@given(data=st.data())
def test_the_exact_value_lies_in_the_interval(kind: type[Step], data: st.DataObject) -> None:
    """Also behind another step, whose interval is no point any more."""
    first, step = data.draw(st.builds(Scale, ANY) | st.builds(Shift, ANY)), data.draw(STEPS[kind])
    x = data.draw(ANY)
    exact: Number = Fraction(x)
    interval = point(np.array([x], np.float64))
    for each in (first, step):
        parameters = [np.array([float(p)]) for p in each.parameters]
        exact = each.apply(exact, tuple(Fraction(float(p)) for p in each.parameters))
        with np.errstate(all="ignore"):
            interval = each.enclose(interval, parameters)
    assert holds(interval, exact)


def test_intervals_are_narrow() -> None:
    """Otherwise exact arithmetic would have to decide everything."""
    x = point(np.array([3.0]))
    third = around([Fraction(1, 3)])
    for low, high in (times(x, third), plus(x, third), over(x, third), root(third)):
        assert 0 < high[0] - low[0] < 1e-14


def test_what_is_no_number_decides_nothing() -> None:
    endless = np.array([np.inf])
    with np.errstate(all="ignore"):
        for low, high in (times(point(endless), point(np.zeros(1))), plus((-endless, endless), (endless, -endless))):
            assert (low[0], high[0]) == (-np.finfo(float).max, np.finfo(float).max) or np.isinf([low[0], high[0]]).all()
    assert around([Fraction(10) ** 400])[1][0] == np.inf
