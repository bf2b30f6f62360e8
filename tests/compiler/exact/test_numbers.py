from decimal import Decimal, getcontext
from fractions import Fraction
from math import isqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icepop.compiler.exact.numbers import Number, Root, over_root, round_half_even

getcontext().prec = 120

RATIONALS = st.fractions(min_value=-1000, max_value=1000, max_denominator=10**6)
NONZERO = RATIONALS.filter(bool)
# numerators and denominators like those of float32 parameters
POSITIVE = st.fractions(min_value=Fraction(1, 2**40), max_value=2**20, max_denominator=2**40).filter(lambda v: v > 0)


def is_square(v: Fraction) -> bool:
    return isqrt(v.numerator) ** 2 == v.numerator and isqrt(v.denominator) ** 2 == v.denominator


ROOTS = st.builds(Root, RATIONALS, NONZERO, POSITIVE.filter(lambda v: not is_square(v)))


def decimal(x: Fraction) -> Decimal:
    return Decimal(x.numerator) / Decimal(x.denominator)


def real(x: Number) -> Decimal:
    """Value to 120 digits."""
    return decimal(x.a) + decimal(x.b) * decimal(x.v).sqrt() if isinstance(x, Root) else decimal(x)


@given(ROOTS, RATIONALS)
def test_a_root_is_compared_as_the_real_number(x: Root, c: Fraction) -> None:
    assert (x >= c) == (real(x) >= decimal(c))


@given(ROOTS, st.integers(1, 60))
def test_a_root_is_never_mistaken_for_a_close_rational(x: Root, digits: int) -> None:
    unit = Fraction(1, 10**digits)
    below = Fraction(int(real(x).scaleb(digits).to_integral_value(rounding="ROUND_FLOOR"))) * unit
    assert x >= below
    assert not x >= below + unit


@given(ROOTS, NONZERO)
def test_arithmetic_with_rationals(x: Root, c: Fraction) -> None:
    tolerance = Decimal(10) ** -80
    assert abs(real(x + c) - (real(x) + decimal(c))) < tolerance
    assert abs(real(x * c) - real(x) * decimal(c)) < tolerance
    assert x * Fraction(0) == Fraction(0)


@given(ROOTS)
def test_floor_and_nearest_integer_of_a_root(x: Root) -> None:
    assert x.__floor__() == int(real(x).to_integral_value(rounding="ROUND_FLOOR"))
    assert round_half_even(x) == int(real(x).to_integral_value(rounding="ROUND_HALF_EVEN"))


def test_floor_of_a_root_that_is_almost_an_integer() -> None:
    # sqrt(n*n - 1) lies 1/2n below n: an interval of 32 bits is not enough
    n = 10**30
    assert Root(Fraction(0), Fraction(1), Fraction(n * n - 1)).__floor__() == n - 1
    assert Root(Fraction(0), Fraction(-1), Fraction(n * n - 1)).__floor__() == -n
    assert Root(Fraction(0), Fraction(1), Fraction(n * n + 1)).__floor__() == n
    third, tiny = Fraction(1, 3), Fraction(1, 10**20)
    assert Root(third, Fraction(1), (5 - third) ** 2 + tiny).__floor__() == 5
    assert Root(third, Fraction(1), (5 - third) ** 2 - tiny).__floor__() == 4


@pytest.mark.parametrize(
    ("x", "nearest"),
    [("1/2", 0), ("3/2", 2), ("5/2", 2), ("-1/2", 0), ("-3/2", -2), ("-5/2", -2), ("7/3", 2), ("-8/3", -3), ("4", 4)],
)
def test_a_tie_goes_to_the_even_integer(x: str, nearest: int) -> None:
    assert round_half_even(Fraction(x)) == nearest


@given(st.fractions(max_denominator=12))
def test_rationals_round_like_decimals(x: Fraction) -> None:
    assert round_half_even(x) == int(decimal(x).to_integral_value(rounding="ROUND_HALF_EVEN"))


@given(RATIONALS, POSITIVE)
def test_division_by_a_root(k: Fraction, v: Fraction) -> None:
    result = over_root(k, v)
    assert isinstance(result, Root) == (bool(k) and not is_square(v))
    assert abs(real(result) - decimal(k) / decimal(v).sqrt()) < Decimal(10) ** -80


@given(RATIONALS, NONZERO)
def test_division_by_the_root_of_a_square_is_rational(k: Fraction, root: Fraction) -> None:
    assert over_root(k, root * root) == k / abs(root)
