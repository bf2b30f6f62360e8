"""Thresholds against an independent exact evaluation: rationals compared by squaring, for every reachable integer.

Nothing here is shared with the code under test: levels are decided by inequalities (is the value at least this?), not
by computing values, roots or roundings.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from messages import says

from icepop.compiler.errors import ModelError
from icepop.compiler.exact.budget import Budget
from icepop.compiler.exact.grid import Line
from icepop.compiler.exact.integerize import materialize
from icepop.compiler.exact.steps.affine import Affine as FromCode
from icepop.compiler.exact.steps.affine import Divide, Normalize, Scale, Shift
from icepop.compiler.exact.steps.base import Step
from icepop.compiler.exact.steps.limits import AtLeast, AtMost, Ranked
from icepop.compiler.exact.steps.quantizers import Reaches, Round, Signum
from icepop.compiler.exact.symbols import Symbol
from icepop.compiler.graph import Graph
from icepop.compiler.ops.base import Op
from icepop.compiler.ops.input import Input
from icepop.compiler.types import BIPOLAR, Domain, TensorType

FLOATS = TensorType((1,), None)


def float32(value: float) -> np.float32:
    with np.errstate(under="ignore"):
        return np.float32(value)


@dataclass(frozen=True)
class Affine:
    """The real number ``p + q / sqrt(v)``, v > 0."""

    p: Fraction
    q: Fraction = Fraction(0)
    v: Fraction = Fraction(1)

    def sign(self, c: Fraction) -> int:
        """Sign of its difference to c: that of ``(p - c) sqrt(v) + q``, by squaring where the terms disagree."""
        a, b = self.p - c, self.q
        if a * b >= 0:
            return (a + b > 0) - (a + b < 0)
        square = a * a * self.v - b * b
        return ((square > 0) - (square < 0)) * (1 if a > 0 else -1)

    def reaches(self, c: Fraction) -> bool:
        return self.sign(c) >= 0

    def exceeds(self, c: Fraction) -> bool:
        return self.sign(c) > 0


def rounds_to_at_least(y: Affine, code: int, scale: Fraction, zero: Fraction) -> bool:
    """Whether ``round_half_even(y / scale + zero) >= code``: the tie below an even code goes up, else down."""
    edge = (code - Fraction(1, 2) - zero) * scale
    return y.reaches(edge) if code % 2 == 0 else y.exceeds(edge)


def normalized(x: Fraction, bn: Normalize) -> Affine:
    gamma, beta, mean, variance, epsilon = (Fraction(float(p)) for p in bn.parameters)
    return Affine(beta, gamma * (x - mean), variance + epsilon)


def build(steps: list[Step], source: TensorType, channels: int = 1) -> Op:
    """Op that computes a quantized symbol's codes."""
    graph = Graph((Input("acc", (), TensorType((channels,), source.domain)),))
    symbol = Symbol("acc", np.arange(channels).reshape(1, channels))
    for step in steps:
        symbol = symbol.then(step)
    op, _ = materialize(symbol, graph, "act", Budget())
    op.infer(graph.types["acc"])
    return op


def codes_over(op: Op, domain: Domain) -> list[int]:
    """Code of every value of a domain."""
    x = np.arange(domain.lo, domain.hi + 1, domain.step)
    return op.golden(x[:, None])[:, 0].tolist()


def every(domain: Domain) -> list[Fraction]:
    return [Fraction(x) for x in range(domain.lo, domain.hi + 1, domain.step)]


# parameters that meet each other exactly, generic ones, and extremes
GENERIC = st.floats(-8, 8, width=32)
HALVES = st.integers(-16, 16).map(lambda k: k / 2)
PARAMETER = HALVES | GENERIC
GAMMA = st.sampled_from([-2.0, -1.0, 0.0, 1.0, 0.5]) | GENERIC | st.sampled_from([1e-30, -1e-30, 1e20])
VARIANCE = st.sampled_from([0.25, 1.0, 4.0, 9.0, 2.0, 1e-45, 1e-38, 1e-12, 1e30]) | st.floats(0.125, 100.0, width=32)
EPSILON = st.sampled_from([0.0, 1e-5, 0.75, 3.0])
NORMALIZE = st.builds(
    lambda gamma, beta, mean, variance, epsilon: Normalize(*map(float32, (gamma, beta, mean, variance, epsilon))),
    *(GAMMA, PARAMETER, PARAMETER, VARIANCE, EPSILON),
)
DOMAIN = st.sampled_from([Domain(-9, 9, 2), Domain(-10, 10, 2), Domain(-7, 12), Domain(0, 15), Domain(4, 4)])
SCALE = st.sampled_from([0.5, 1.0, 2.0, 0.1, 3.0]).map(float32)


@settings(max_examples=150)
@given(NORMALIZE, DOMAIN)
@example(Normalize(*map(np.float32, (1, 0, 3, 1, 0))), Domain(-9, 9, 2))  # sign(0) = +1
@example(Normalize(*map(np.float32, (-1, 0, 3, 1, 0))), Domain(-9, 9, 2))
@example(Normalize(*map(np.float32, (0, 0, 3, 1, 0))), Domain(-9, 9, 2))  # a constant 0 is +1
@example(Normalize(*map(np.float32, (0, -1, 3, 1, 0))), Domain(-9, 9, 2))
@example(Normalize(*map(np.float32, (1, 100, 0, 1, 0))), Domain(-9, 9, 2))  # always
@example(Normalize(*map(np.float32, (1, 3, 0, 0.25, 0.75))), Domain(-10, 10, 2))  # epsilon matters
@example(Normalize(*map(np.float32, (1, -100, 0, 1, 0))), Domain(-9, 9, 2))  # never
def test_sign_of_a_batch_normalization(bn: Normalize, domain: Domain) -> None:
    op = build([bn, Signum(np.float32(0.7))], TensorType((1,), domain))
    expected = [1 if normalized(x, bn).reaches(Fraction(0)) else -1 for x in every(domain)]
    assert codes_over(op, domain) == expected


@settings(max_examples=150)
@given(NORMALIZE, DOMAIN, SCALE, st.sampled_from([(-4, 3), (-1, 1), (0, 7), (0, 1)]), st.sampled_from([0, 0, 2, -1]))
@example(Normalize(*map(np.float32, (1, 0, 0, 4, 0))), Domain(-7, 12), np.float32(1), (-4, 3), 0)  # ties at odd x
@example(Normalize(*map(np.float32, (-1, 0, 0, 4, 0))), Domain(-7, 12), np.float32(1), (-4, 3), 0)
def test_codes_of_a_batch_normalization(
    bn: Normalize, domain: Domain, scale: np.float32, codes: tuple[int, int], zero: int
) -> None:
    low, high = codes
    op = build([bn, Round(scale, np.float32(zero), np.float32(low), np.float32(high))], TensorType((1,), domain))
    exact_scale, exact_zero = Fraction(float(scale)), Fraction(zero)
    expected = []
    for x in every(domain):
        y = normalized(x, bn)
        reached = [code for code in range(low + 1, high + 1) if rounds_to_at_least(y, code, exact_scale, exact_zero)]
        expected.append(max(reached, default=low) - zero)
    assert codes_over(op, domain) == expected


@settings(max_examples=100)
@given(NORMALIZE, DOMAIN, SCALE, st.integers(0, 6).map(lambda k: k / 2))
def test_a_rectifier_or_a_clip_stands_before_the_quantizer(
    bn: Normalize, domain: Domain, scale: np.float32, limit: float
) -> None:
    quantizer = Round(scale, np.float32(0), np.float32(-4), np.float32(3))
    rectified = codes_over(build([bn, AtLeast(np.float32(0)), quantizer], TensorType((1,), domain)), domain)
    clipped = codes_over(
        build([bn, AtLeast(np.float32(-1)), AtMost(np.float32(limit)), quantizer], TensorType((1,), domain)), domain
    )
    exact_scale, zero = Fraction(float(scale)), Fraction(0)

    def code(y: Affine, low: Fraction, high: Fraction | None) -> int:
        y = y if y.reaches(low) else Affine(low)
        y = y if high is None or not y.reaches(high) else Affine(high)
        return max((c for c in range(-3, 4) if rounds_to_at_least(y, c, exact_scale, zero)), default=-4)

    values = [normalized(x, bn) for x in every(domain)]
    assert rectified == [code(y, zero, None) for y in values]
    assert clipped == [code(y, Fraction(-1), Fraction(limit)) for y in values]


@given(DOMAIN, GENERIC, GENERIC.filter(bool), GENERIC, HALVES)
def test_a_chain_of_rational_steps(domain: Domain, a: float, b: float, c: float, t: float) -> None:
    """Scale, division, shift and the real value of a code, which need be no float32."""
    third = Fraction(1, 3)
    steps = [FromCode((Line(third),), np.float64(0)), Scale(np.float32(a)), Divide(np.float32(b)), Shift(np.float32(c))]
    op = build([*steps, Reaches(np.float32(t), np.float32(0), np.float32(1))], TensorType((1,), domain))
    expected = [int(x * third * Fraction(a) / Fraction(b) + Fraction(c) >= Fraction(t)) for x in every(domain)]
    assert codes_over(op, domain) == expected


@given(DOMAIN, HALVES, st.sampled_from([(-1.0, 1.0), (1.0, -1.0), (0.5, 3.0), (3.0, -1.0)]))
def test_a_comparison_chooses_between_two_constants(domain: Domain, t: float, choices: tuple[float, float]) -> None:
    low, high = choices
    op = build([Reaches(*map(np.float32, (t, low, high)))], TensorType((1,), domain))
    graph = Graph((Input("acc", (), TensorType((1,), domain)),))
    symbol = Symbol("acc", np.zeros((1, 1), np.int64)).then(Reaches(*map(np.float32, (t, low, high))))
    scale = materialize(symbol, graph, "act", Budget())[1].scale
    assert scale is not None
    expected = [high if x >= Fraction(t) else low for x in every(domain)]
    assert [float(code * scale) for code in codes_over(op, domain)] == expected


@given(st.lists(NORMALIZE, min_size=2, max_size=6), DOMAIN)
def test_every_channel_has_its_own_thresholds(channels: list[Normalize], domain: Domain) -> None:
    parameters = (np.array(column, np.float32) for column in zip(*(bn.parameters for bn in channels), strict=True))
    op = build([Normalize(*parameters), Signum(np.float32(1))], TensorType((1,), domain), len(channels))
    values = np.arange(domain.lo, domain.hi + 1, domain.step)
    result = op.golden(np.repeat(values[:, None], len(channels), axis=1))
    for k, bn in enumerate(channels):
        assert result[:, k].tolist() == codes_over(
            build([bn, Signum(np.float32(1))], TensorType((1,), domain)), domain
        ), f"channel {k}"


def test_a_quantizer_behind_a_quantizer() -> None:
    """The first one's rounding decides what the second one sees."""
    first = Round(np.float32(1), np.float32(0), np.float32(-8), np.float32(7))
    second = Round(np.float32(2), np.float32(0), np.float32(-2), np.float32(1))
    op = build([Scale(np.float32(0.25)), first, Shift(np.float32(1)), second], TensorType((1,), Domain(-20, 20)))
    expected = [
        min(max(round(Fraction(round(Fraction(x, 4)) + 1, 2)), -2), 1) for x in range(-20, 21)
    ]  # Python rounds fractions half to even
    assert codes_over(op, Domain(-20, 20)) == expected


def grid(steps: list[Step]) -> tuple[Domain, Fraction]:
    graph = Graph((Input("acc", (), TensorType((2,), Domain(-9, 9))),))
    symbol = Symbol("acc", np.arange(2).reshape(1, 2))
    for step in steps:
        symbol = symbol.then(step)
    op, grid = materialize(symbol, graph, "act", Budget())
    assert grid.scale is not None
    return op.infer(graph.types["acc"]).integers, grid.scale


QUARTERS = Round(np.float32(0.25), np.float32(0), np.float32(-2), np.float32(1))


@pytest.mark.parametrize(
    ("steps", "domain", "scale"),
    [
        ([Signum(np.float32(1))], BIPOLAR, "1"),
        ([Signum(np.float32(0.75))], BIPOLAR, "3/4"),
        ([Signum(np.float32(1)), Scale(np.float32(-3))], BIPOLAR, "3"),
        ([QUARTERS], Domain(-2, 1), "1/4"),
        ([QUARTERS, AtLeast(np.float32(0))], Domain(0, 1), "1/4"),
        ([Round(*map(np.float32, (0.5, 3, 0, 7)))], Domain(-3, 4), "1/2"),
        ([Round(*map(np.float32, (1, 0, 0, 1))), Scale(np.float32(2)), Shift(np.float32(-1))], BIPOLAR, "1"),
        ([Round(*map(np.float32, (1, 0, 0, 3))), Scale(np.float32(2)), Shift(np.float32(1))], Domain(1, 7, 2), "1"),
        ([Reaches(*map(np.float32, (0, 5, 5)))], Domain(1, 1), "5"),
        ([Signum(np.float32(1)), Scale(np.float32(0))], Domain(0, 0), "1"),
        # per channel scales that share a grid
        ([Reaches(np.float32(0), np.float32(0), np.array([1, 2], np.float32))], Domain(0, 2), "1"),
    ],
)
def test_codes_are_integers_on_the_coarsest_grid(steps: list[Step], domain: Domain, scale: str) -> None:
    assert grid(steps) == (domain, Fraction(scale))


def test_the_scale_of_codes_is_exact() -> None:
    """A product of two float32 needs twice their digits."""
    a, b = np.float32(0.1), np.float32(0.3)
    assert grid([Round(a, *map(np.float32, (0, -2, 1))), Scale(b)])[1] == Fraction(float(a)) * Fraction(float(b))


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (
            [QUARTERS, AtMost(np.float32(0.125))],
            "'act': quantized values must be evenly spaced, not -0.5, -0.25, 0.0, 0.125",
        ),
        (
            [Round(np.float32(0.5), *map(np.float32, (0, -8, 7))), AtLeast(np.float32(-3.75))],
            "'act': quantized values must be evenly spaced, not -3.75, -3.5, -3.0, -2.5, -2.0, -1.5, -1.0, -0.5, …",
        ),
        (
            [Signum(np.float32(1)), Normalize(*map(np.float32, (1, 0, 0, 2, 0)))],
            "'act': a batch normalization must not stand between a quantizer and the layer it feeds",
        ),
    ],
)
def test_values_without_a_grid_are_refused(steps: list[Step], message: str) -> None:
    with says(ModelError, message):
        grid(steps)


def test_what_cannot_be_decided_exactly_is_refused() -> None:
    bn = Normalize(*map(np.float32, (1, 0, 0, 2, 0)))
    with says(ArithmeticError, "a second batch normalization follows without a quantizer between"):
        grid([bn, bn, Signum(np.float32(1))])
    with says(ArithmeticError, "nothing but ArgMax may follow a Softmax"):
        grid([Ranked(), Signum(np.float32(1))])


def test_accumulators_must_not_be_rearranged() -> None:
    graph = Graph((Input("acc", (), TensorType((2,), BIPOLAR)),))
    symbol = Symbol("acc", np.array([[1, 0]])).then(Signum(np.float32(1)))
    with says(ValueError, "thresholds take the elements of their source in order, one function a channel"):
        materialize(symbol, graph, "act", Budget())


def test_float_thresholds_only_rise() -> None:
    with says(ModelError, "'act': the input must not be multiplied by a negative number before it is quantized"):
        build([Scale(np.float32(-1)), Signum(np.float32(1))], FLOATS)


FLOAT32 = st.floats(width=32, allow_nan=False, allow_infinity=False)
POSITIVE_SCALE = st.sampled_from([1.0, 0.5, 255.0, 1e-30, 1e30, 0.1]) | st.floats(0.125, 16, width=32)


@settings(max_examples=100)
@given(POSITIVE_SCALE, FLOAT32, SCALE, st.lists(FLOAT32, max_size=10))
def test_float_thresholds_are_sharp(a: float, b: float, scale: np.float32, inputs: list[float]) -> None:
    """Each threshold reaches its level, its lower neighbour does not, and other floats fall on the right side."""
    a32 = np.float32(a)
    quantizer = Round(scale, np.float32(0), np.float32(-2), np.float32(2))
    op = build([Scale(a32), Shift(np.float32(b)), quantizer], FLOATS)
    thresholds = op.thresholds[0]
    assert (thresholds[1:] >= thresholds[:-1]).all()
    finite = [t for t in thresholds if np.isfinite(t)]
    with np.errstate(over="ignore", under="ignore"):
        near = [np.nextafter(t, np.float32(side)) for t in finite for side in (-np.inf, t, np.inf)]
    extremes = [np.float32(0), np.float32(-0.0), np.finfo(np.float32).max, np.finfo(np.float32).min]
    x = np.array([*near, *extremes, *inputs], np.float32)
    x = x[np.isfinite(x)]
    expected = []
    for value in x:
        y = Affine(Fraction(float(value)) * Fraction(float(a32)) + Fraction(b))
        reached = [c for c in range(-1, 3) if rounds_to_at_least(y, c, Fraction(float(scale)), Fraction(0))]
        expected.append(max(reached, default=-2))
    assert op.golden(x[:, None])[:, 0].tolist() == expected


def test_sign_of_zero_is_plus_one() -> None:
    op = build([Signum(np.float32(1))], FLOATS)
    smallest = np.float32(1e-45)
    x = np.array([[0.0], [-0.0], [smallest], [-smallest]], np.float32)
    assert op.golden(x)[:, 0].tolist() == [1, 1, 1, -1]


def test_levels_out_of_reach_of_every_float32() -> None:
    far = np.float32(3e38)
    never = build([Scale(np.float32(0.5)), Reaches(far, np.float32(0), np.float32(1))], FLOATS)
    assert never.thresholds.tolist() == [[np.inf]]
    always = build([Scale(np.float32(0)), Signum(np.float32(1))], FLOATS)
    x = np.array([[np.finfo(np.float32).min], [0], [np.finfo(np.float32).max]], np.float32)
    assert never.golden(x)[:, 0].tolist() == [0, 0, 0]
    assert always.golden(x)[:, 0].tolist() == [1, 1, 1]
