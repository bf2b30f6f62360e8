"""Quantized constants against fractions, element by element."""

from collections.abc import Callable
from fractions import Fraction
from math import ceil, floor, trunc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icepop.compiler.frontend.quantized import VECTORIZED, quantized


def away(x: Fraction) -> int:
    return ceil(x) if x >= 0 else floor(x)


def half(x: Fraction, up: bool) -> int:
    magnitude = floor(abs(x) + Fraction(1, 2)) if up else ceil(abs(x) - Fraction(1, 2))
    return magnitude if x >= 0 else -magnitude


MODES: dict[str, Callable[[Fraction], int]] = {
    "ROUND": round,  # Python rounds fractions half to even
    "HALF_EVEN": round,
    "FLOOR": floor,
    "CEIL": ceil,
    "ROUND_TO_ZERO": trunc,
    "DOWN": trunc,
    "UP": away,
    "HALF_UP": lambda x: half(x, True),
    "HALF_DOWN": lambda x: half(x, False),
}
FLOAT32 = st.floats(width=32, allow_nan=False, allow_infinity=False)
SCALE = st.sampled_from([1.0, 0.5, 0.1, 3.0, 1e-30, 1e30]) | st.floats(2.0**-120, 2.0**120, width=32)


def check(values: list[float], scale: float, zero: float, limits: tuple[int, int], mode: str) -> None:
    codes = quantized(np.array(values, np.float32), np.array(scale, np.float32), np.array(zero), limits, mode)
    exact_scale, exact_zero = Fraction(float(np.float32(scale))), Fraction(zero)
    for value, code in zip(values, codes.codes.tolist(), strict=True):
        unlimited = MODES[mode](Fraction(float(np.float32(value))) / exact_scale + exact_zero)
        expected = (min(max(unlimited, limits[0]), limits[1]) - exact_zero) * exact_scale
        assert code * Fraction(float(codes.scale.reshape(-1)[0])) == expected, value


@settings(max_examples=60)
@given(
    st.sampled_from(sorted(MODES)),
    SCALE,
    st.sampled_from([0.0, 3.0, -7.0, 0.5, 0.25]),
    st.sampled_from([(-4, 3), (0, 1), (-32768, 32767), (0, 255)]),
    st.lists(FLOAT32, max_size=4),
    st.lists(st.integers(-20, 20), max_size=8),
)
def test_codes_are_exact(
    mode: str, scale: float, zero: float, limits: tuple[int, int], values: list[float], halves: list[int]
) -> None:
    """On any float, and around the ties: multiples of half a step and their float32 neighbours."""
    with np.errstate(over="ignore", under="ignore"):
        edges = np.float32(scale) / 2 * np.array(halves, np.float32)
        near = [edges, np.nextafter(edges, np.float32(np.inf)), np.nextafter(edges, np.float32(-np.inf))]
    finite = np.concatenate([*near, np.array(values, np.float32)])
    check(finite[np.isfinite(finite)].tolist(), scale, zero, limits, mode)


@pytest.mark.parametrize("mode", sorted(MODES))
def test_limits_beyond_what_float64_can_compare(mode: str) -> None:
    """Biases have 32 bits."""
    check([1e9, 0.3, -5.5, 123456.7], 1e-3, 0.0, (-(1 << 31), (1 << 31) - 1), mode)


@pytest.mark.parametrize("mode", sorted(MODES))
def test_sums_that_float64_would_round_to_an_integer(mode: str) -> None:
    """3 less the smallest float32 is below 3."""
    check([-1e-45, 1e-45, -1.0 - 2.0**-23, 2.5 + 2.0**-22], 1.0, 3.0, (-8, 7), mode)


def test_whole_arrays_with_a_scale_for_each_row() -> None:
    rng = np.random.default_rng(0)
    value = rng.normal(size=(5, 400)).astype(np.float32)
    scale, zero = rng.uniform(0.01, 1, (5, 1)).astype(np.float32), np.arange(5.0)[:, None]
    value[:, :50] = scale * rng.integers(-20, 20, (5, 50)).astype(np.float32) / 2
    for mode in sorted(VECTORIZED):
        result = quantized(value, scale, zero, (-8, 7), mode)
        assert result.scale.shape == (5, 1)
        for row in range(5):
            one = quantized(value[row], scale[row], zero[row], (-8, 7), mode)
            assert (result.codes[row] == one.codes).all()
            exact = [MODES[mode](Fraction(float(v)) / Fraction(float(scale[row, 0])) + row) for v in value[row]]
            assert (np.clip(np.array(exact, object), -8, 7) - row == result.codes[row]).all()
