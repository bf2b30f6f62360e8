"""Grids of quantized values, and what scales and offsets become behind a product."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from messages import says

from icepop.compiler.errors import ModelError
from icepop.compiler.exact.grid import Grid, Line, common_divisor, find_grid
from icepop.compiler.exact.numbers import Number
from icepop.compiler.exact.progression import Progression, gathered
from icepop.compiler.frontend.affine import constant_terms, folded_scales
from icepop.compiler.frontend.handlers.base import Node
from icepop.compiler.types import BIPOLAR, Domain

NODE = Node("fc", "MatMul", "", ("x", "w"), ("y",))


def values(*numbers: float | Fraction) -> set[Number]:
    return {Fraction(number) for number in numbers}


def found(*sets: set[Number]) -> Grid:
    return find_grid([gathered(numbers) for numbers in sets], np.arange(len(sets))[None], "act")


def test_one_scale_for_all_is_preferred() -> None:
    grid = found(values(-0.5, 0, 0.5), values(0, 0.5, 1))
    assert (grid.domain, grid.scale, grid.which.tolist()) == (Domain(-1, 2), Fraction(1, 2), [[0, 0]])
    assert found(values(-3, 3)).domain == BIPOLAR


def test_scales_of_channels() -> None:
    grid = found(values(-0.5, 0, 0.5), values(-0.75, 0, 0.75))
    assert grid.scale is None
    assert grid.domain == Domain(-1, 1)
    assert grid.lines == (Line(Fraction(1, 2)), Line(Fraction(3, 4)))
    assert (grid.unit, grid.multiples) == (Fraction(1, 4), (2, 3))


def test_bipolar_channels_stay_bipolar() -> None:
    grid = found(values(-0.5, 0.5), values(-0.75, 0.75), values(-0.5, 0.5))
    assert grid.domain == BIPOLAR
    assert grid.which.tolist() == [[0, 1, 0]]


def test_offsets_where_codes_would_be_large() -> None:
    offset = Fraction(1, 3 << 20)
    grid = found({offset + k for k in range(-2, 3)})
    assert (grid.domain, grid.lines) == (Domain(-2, 2), (Line(Fraction(1), offset),))
    assert grid.scale is None


def test_a_constant_channel_has_no_scale() -> None:
    """Its value, also 0, is an offset: the unit of the others' scales stays what it is."""
    grid = found(values(-1, 1), values(0.3))
    assert grid.lines == (Line(Fraction(1)), Line(Fraction(0), Fraction(0.3)))
    assert grid.domain == BIPOLAR
    third = Fraction(1, 3)
    grid = found(values(-third, 0, third), values(0), values(-third / 2, 0, third / 2), values(7))
    assert grid.lines == (Line(third), Line(Fraction(0)), Line(third / 2), Line(Fraction(0), Fraction(7)))
    assert (grid.domain, grid.unit, grid.multiples) == (Domain(-1, 1), third / 2, (2, 0, 1, 0))
    assert found(values(0.5), values(Fraction(1, 3 << 20))).domain == Domain(0, 0)


def test_rows_that_are_even_only_together() -> None:
    grid = found(values(0, 1, 3), values(2))
    assert (grid.domain, grid.scale) == (Domain(0, 3), 1)
    assert found(values(0, 4), values(2, 6)).domain == Domain(0, 3)
    assert found(values(0, 2, 4), values(4, 5, 6)).scale is None


def test_many_values_are_no_list() -> None:
    rows = [Progression(Fraction(0), Fraction(1, 3 + k), 1 << 16) for k in range(200)]
    grid = find_grid(rows, np.arange(200)[None], "act")
    assert grid.domain == Domain(0, 65535)
    assert [line.scale for line in grid.lines] == [row.step for row in rows]


@given(
    st.lists(
        st.tuples(st.integers(-5, 5), st.integers(1, 4), st.fractions(-2, 2), st.fractions(-3, 3)),
        min_size=1,
        max_size=4,
    )
)
def test_every_value_has_a_code(rows: list[tuple[int, int, Fraction, Fraction]]) -> None:
    """Values ``offset + scale * (lo ... lo + count)`` of every channel are values of codes of the grid."""
    sets: list[set[Number]] = [
        {offset + abs(scale) * (low + k) for k in range(count)} for low, count, scale, offset in rows
    ]
    grid = found(*sets)
    for number, row in zip(grid.which[0], sets, strict=True):
        line, domain = grid.lines[number], grid.domain
        for value in row:
            assert isinstance(value, Fraction)
            code = (value - line.offset) / line.scale if line.scale else Fraction(domain.lo)
            assert line.value(int(code)) == value
            assert domain.lo <= code <= domain.hi
            assert (code - domain.lo) % domain.step == 0


def test_uneven_values_are_refused() -> None:
    with says(ModelError, "'act': quantized values must be evenly spaced, not 0.0, 1.0, 3.0"):
        found(values(0, 1, 3))


@pytest.mark.parametrize(
    ("numbers", "divisor"), [((6, 4), 2), ((Fraction(1, 2), Fraction(3, 4)), Fraction(1, 4)), ((0, 5), 5), ((0,), 0)]
)
def test_common_divisors(numbers: tuple[Fraction, ...], divisor: Fraction) -> None:
    assert common_divisor([Fraction(number) for number in numbers]) == divisor


def test_products_of_lines_are_exact() -> None:
    """``sum w (scale code + offset)`` equals unit times the folded product plus the constant term."""
    rng = np.random.default_rng(0)
    lines = (Line(Fraction(1, 3), Fraction(1, 7)), Line(Fraction(1, 2)), Line(Fraction(0), Fraction(5, 11)))
    which = rng.integers(0, 3, (1, 8))
    grid = Grid(Domain(-4, 3), lines, which)
    weights, codes = rng.integers(-3, 4, (5, 8)), rng.integers(-4, 4, 8)
    folded, terms = folded_scales(NODE, grid, weights), constant_terms(grid, weights)
    for row in range(5):
        exact = sum(int(w) * lines[n].value(int(c)) for w, n, c in zip(weights[row], which[0], codes, strict=True))
        assert grid.unit * int(folded[row] @ codes) + terms[row] == exact


def test_scales_without_a_small_ratio_are_refused() -> None:
    grid = Grid(Domain(0, 255), (Line(Fraction(1)), Line(Fraction(1 << 60, (1 << 60) + 1))), np.array([[0, 1]]))
    message = (
        "node 'fc' (MatMul) would need accumulators up to 587989967349491958270, but they must stay below 2**53; "
        "quantize its inputs with fewer bits, or with scales in a ratio of small integers, not 1, 1"
    )
    with says(ModelError, message):
        folded_scales(NODE, grid, np.ones((1, 2), np.int64))
