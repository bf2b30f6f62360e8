"""Many thresholds at once against one exact comparison after the other."""

from fractions import Fraction

import numpy as np
import pytest

from icepop.compiler.exact.budget import Budget
from icepop.compiler.exact.crossings import Arguments, Float32s, Integers, crossings
from icepop.compiler.exact.functions import ElementFunction
from icepop.compiler.exact.grid import Line
from icepop.compiler.exact.steps.affine import Normalize, Scale, Shift
from icepop.compiler.exact.steps.base import Step
from icepop.compiler.exact.steps.limits import AtLeast, Power
from icepop.compiler.exact.steps.quantizers import Round
from icepop.compiler.types import Domain

BYTE = Round(np.float64(0.5), np.float64(0), np.float64(-128), np.float64(127))


def function(*steps: Step) -> ElementFunction:
    return ElementFunction(steps, tuple(tuple(Fraction(float(p)) for p in step.parameters) for step in steps))


def proven(functions: list[ElementFunction], arguments: Arguments, code: Domain, scale: Fraction) -> None:
    """Each threshold reaches its code and the argument before it does not."""
    lines = [Line(scale)] * len(functions)
    found = crossings(functions, lines, code, arguments, Budget())
    for row, each in zip(found, functions, strict=True):
        for position, value in zip(row, range(code.lo + code.step, code.hi + 1, code.step), strict=True):
            if position < arguments.count:
                assert each(arguments.exact(int(position))) >= scale * value
            if position:
                assert not each(arguments.exact(int(position) - 1)) >= scale * value


@pytest.mark.parametrize("step", [1, 2, -1])
@pytest.mark.parametrize("factor", [1 / 8, 0.1, 1e-3, 40.0])
def test_codes_of_a_byte(step: int, factor: float) -> None:
    """Powers of two, where every threshold is a tie, and others; codes that are never reached, or jumped over."""
    sign = 1 if step > 0 else -1
    functions = [function(Scale(np.float64(sign * factor)), Shift(np.float64(c)), BYTE) for c in (0, 0.25, 1 / 3, -90)]
    proven(functions, Integers(-sign * 700, step, 1400 // abs(step) + 1), Domain(-128, 127), Fraction(1, 2))


def test_curved_functions_and_roots() -> None:
    """What a guess between two codes is wrong for."""
    cube = function(Scale(np.float64(0.01)), Power(np.float64(3)), BYTE)
    proven([cube], Integers(-500, 1, 1001), Domain(-128, 127), Fraction(1, 2))
    steps = [Normalize(*map(np.float64, (gain, 0.5, 3, 2, 0))) for gain in (0.3, 0, 1)]
    rectified = [function(step, AtLeast(np.float64(0)), BYTE) for step in steps]
    proven(rectified, Integers(-500, 1, 1001), Domain(-128, 127), Fraction(1, 2))


def test_inputs_of_the_model() -> None:
    functions = [function(Scale(np.float64(factor)), BYTE) for factor in (1.0, 0.1, 1e-30, 0.0)]
    proven(functions, Float32s(), Domain(-128, 127), Fraction(1, 2))


def test_integers_beyond_float64() -> None:
    """Sums of sums may be larger than what float64 holds exactly."""
    steps = [function(Shift(np.float64(-(2.0**60))), BYTE)]
    proven(steps, Integers((1 << 60) - 700, 1, 1401), Domain(-128, 127), Fraction(1, 2))


def test_only_ties_need_exact_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    exact = ElementFunction.__call__

    def counted(self: ElementFunction, x: Fraction) -> object:
        calls.append(x)
        return exact(self, x)

    monkeypatch.setattr(ElementFunction, "__call__", counted)
    generic = [function(Scale(np.float64(np.float32(0.037 + k / 1000))), BYTE) for k in range(20)]
    crossings(generic, [Line(Fraction(1, 2))] * 20, Domain(-128, 127), Integers(-10000, 1, 20001), Budget())
    assert len(calls) < 100  # of 5100 thresholds; ties at 0 and where a float32 happens to meet one


def test_float32_are_in_order() -> None:
    floats = Float32s()
    middle = floats.count // 2
    for position in (0, 5, middle - 1, middle, middle + 1, middle + (1 << 23), floats.count - 2):
        low, high = (np.float32(floats.at(np.array([p]))[0][0]) for p in (position, position + 1))
        with np.errstate(under="ignore"):
            assert np.nextafter(low, np.float32(np.inf)) == high
        assert floats.near(np.array([float(low)])).tolist() == [position]
    assert floats.exact(middle) == 0
    assert floats.exact(floats.count - 1) == Fraction(float(np.finfo(np.float32).max))
