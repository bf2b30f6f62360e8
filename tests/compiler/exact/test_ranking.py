"""Integer scores against exact comparisons of the real ones."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from icepop.compiler.exact.numbers import Number, Root
from icepop.compiler.exact.ranking import Score, common_denominator, integer_scores, proven, shared_slope
from icepop.compiler.types import BIPOLAR, Domain

Terms = tuple[Fraction, Fraction, Fraction]


def terms(number: Number) -> Terms:
    """Rational part, factor and square of the root."""
    return (number.a, number.b, number.v) if isinstance(number, Root) else (number, Fraction(0), Fraction(1))


def value(score: Score, x: int) -> Terms:
    (a, b, v), (c, d, w) = terms(score.slope), terms(score.bias)
    return a * x + c, b * x + d, v if b else w


def sign_of_two_roots(p: Fraction, b: Fraction, v: Fraction, d: Fraction, w: Fraction) -> int:
    """Sign of ``p + b sqrt(v) + d sqrt(w)``, by squaring twice."""

    def sign(x: Fraction) -> int:
        return (x > 0) - (x < 0)

    first = sign(sign(b) * b * b * v + sign(d) * d * d * w)  # of the roots: larger magnitude wins
    if sign(b) * sign(d) >= 0:
        first = sign(b) or sign(d)
    if first == 0 or p == 0 or sign(p) == first:
        return first or sign(p)
    # opposite signs: compare p**2 with b**2 v + d**2 w + 2 b d sqrt(v w)
    rest = p * p - b * b * v - d * d * w
    cross = 2 * b * d
    square = cross * cross * v * w
    larger = sign(rest * abs(rest) - sign(cross) * square) if rest or cross else 0
    return larger * sign(p)


def compare(one: Terms, other: Terms) -> int:
    return sign_of_two_roots(one[0] - other[0], one[1], one[2], -other[1], other[2])


def check(scores: list[Score], domain: Domain, found: tuple[np.ndarray, np.ndarray] | None) -> None:
    """Every pair of classes with every pair of integers: the same winner."""
    assert found is not None
    multiplier, offset = found
    values = range(domain.lo, domain.hi + 1, domain.step)
    for i in range(len(scores)):
        for j in range(i):
            for x in values:
                for y in values:
                    exact = compare(value(scores[i], x), value(scores[j], y))
                    integer = int(multiplier[i]) * x + int(offset[i]) - (int(multiplier[j]) * y + int(offset[j]))
                    assert (integer > 0) == (exact > 0), (i, x, j, y)  # i > j: j wins if both are equal


SMALL = st.integers(-6, 6).map(lambda k: Fraction(k, 4))
FLOAT = st.floats(-4, 4, width=32).map(Fraction)
NUMBER = SMALL | FLOAT
FAR = st.sampled_from([Fraction(10) ** 30, -(Fraction(10) ** 30)])
DOMAINS = st.sampled_from([Domain(-3, 3, 2), Domain(-2, 2), Domain(0, 3), BIPOLAR, Domain(2, 2)])


@st.composite
def roots(draw: st.DrawFn) -> Score:
    """A batch normalization of the class: slope and bias over one root that is no square."""
    v = Fraction(draw(st.sampled_from([2, 3, 8, 5])), draw(st.sampled_from([1, 4, 7])))
    b, d = draw(SMALL), draw(SMALL)
    slope: Number = Root(Fraction(0), b, v) if b else Fraction(0)
    c = draw(SMALL)
    return Score(slope, Root(c, d, v) if d else c)


@settings(max_examples=40)
@given(st.lists(st.builds(Score, NUMBER, NUMBER), min_size=2, max_size=4), DOMAINS)
@example([Score(Fraction(1), Fraction(0)), Score(Fraction(1, 2), Fraction(0))], Domain(-5, 5))
@example([Score(Fraction(0), Fraction(0)), Score(Fraction(0), Fraction(0))], Domain(-5, 5))
@example([Score(Fraction(1), Fraction(bias, 3)) for bias in (0, 2, 15)], BIPOLAR)
def test_rational_scores(scores: list[Score], domain: Domain) -> None:
    check(scores, domain, integer_scores(scores, domain))
    slopes, biases = [s.slope for s in scores], [s.bias for s in scores]
    exact = common_denominator(slopes, biases, domain)  # type: ignore[arg-type]
    if exact is not None:
        check(scores, domain, exact)


@settings(max_examples=40)
@given(NUMBER.filter(bool), st.lists(NUMBER | FAR, min_size=2, max_size=5), DOMAINS)
def test_one_slope_needs_few_bits(slope: Fraction, biases: list[Fraction], domain: Domain) -> None:
    """However far apart the biases are."""
    multiplier, offset = shared_slope(slope, biases, domain)
    check([Score(slope, bias) for bias in biases], domain, (multiplier, offset))
    assert np.abs(multiplier).max() <= len(biases)
    assert offset.max() <= len(biases) * (len(biases) * (domain.hi - domain.lo) + 1)


@settings(max_examples=40)
@given(st.lists(roots() | st.builds(Score, SMALL, SMALL), min_size=2, max_size=4), DOMAINS)
def test_scores_with_roots(scores: list[Score], domain: Domain) -> None:
    check(scores, domain, integer_scores(scores, domain))


def test_the_two_ways_agree_and_rounding_takes_fewer_bits() -> None:
    rng = np.random.default_rng(0)
    scales, biases = rng.uniform(0.01, 0.02, 10).astype(np.float32), rng.normal(size=10).astype(np.float32)
    scores = [Score(Fraction(float(s)), Fraction(float(b))) for s, b in zip(scales, biases, strict=True)]
    domain = Domain(-30, 30)
    exact = common_denominator([s.slope for s in scores], [s.bias for s in scores], domain)  # type: ignore[misc]
    rounded = proven(scores, domain)
    assert exact is not None
    assert rounded is not None
    assert rounded[0].max() < 1 << 24 < exact[0].max()
    check(scores[:4], domain, (rounded[0][:4], rounded[1][:4]))


@pytest.mark.parametrize("size", [1 << 20, 4])
def test_what_no_integers_can_hold(size: int) -> None:
    """Slopes 2**70 apart; with a few values the order is still proven to be that of rounded scores or refused."""
    scores = [Score(Fraction(1), Fraction(0)), Score(Fraction(1, 1 << 70), Fraction(1, 3))]
    found = integer_scores(scores, Domain(0, size - 1))
    if size > 4:
        assert found is None
    else:
        check(scores, Domain(0, size - 1), found)
