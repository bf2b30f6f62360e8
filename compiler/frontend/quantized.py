"""Quantized constants: exact codes of arrays as large as a network's weights."""

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from icepop.compiler.exact.numbers import ROUNDINGS
from icepop.compiler.exact.symbols import Codes
from icepop.compiler.types import IntArray

Floats = NDArray[np.floating]
EXACT = 1 << 28
"""A float32 times half an integer below this is exact in float64."""
MAX_SINGLE = 1 << 18
"""Most constants that are rounded one by one."""


def quantized(value: Floats, scale: NDArray[np.float32], zero: Floats, limits: tuple[int, int], mode: str) -> Codes:
    """Codes of constants, ``clip(round(value / scale + zero), *limits) - zero``, in exact arithmetic.

    Parameters
    ----------
    value : float32 array
        The constants.
    scale, zero : array
        Broadcast to the shape of the value. Where a zero point is no integer, codes and scale are divided finer.
    limits : tuple of int
        Lowest and highest code, before the zero point is taken off.
    mode : str
        Name of the rounding.
    """
    scales, zeros = (np.broadcast_to(array.astype(np.float64), value.shape) for array in (scale, zero))
    x = value.astype(np.float64)
    whole = bool((zeros % 1 == 0).all())
    largest = max(map(abs, limits)) + int(np.abs(zeros).max(initial=0))
    if whole and largest < EXACT and mode in VECTORIZED:
        codes = rounded(x, scales, zeros, limits, mode)
        return Codes(codes - zeros.astype(np.int64), scale)
    if value.size > MAX_SINGLE:
        raise ValueError(f"more than {MAX_SINGLE} constants must have whole zero points and a common rounding")
    elements = zip(x.reshape(-1).tolist(), scales.reshape(-1).tolist(), zeros.reshape(-1).tolist(), strict=True)
    values = [ROUNDINGS[mode](Fraction(v) / Fraction(s) + Fraction(z)) for v, s, z in elements]
    finer = max((Fraction(z).denominator for z in np.unique(zeros).tolist()), default=1)  # powers of two
    shifts = [int(Fraction(z) * finer) for z in zeros.reshape(-1).tolist()]
    low, high = limits
    exact = [min(max(code, low), high) * finer - shift for code, shift in zip(values, shifts, strict=True)]
    return Codes(np.array(exact, np.int64).reshape(value.shape), (scale / np.float32(finer)).astype(np.float32))


VECTORIZED = frozenset({"ROUND", "HALF_EVEN", "FLOOR", "CEIL", "ROUND_TO_ZERO", "DOWN"})
"""Roundings that `rounded` decides for whole arrays."""


def rounded(x: Floats, scale: Floats, zero: Floats, limits: tuple[int, int], mode: str) -> IntArray:
    """Limited codes of whole arrays: ``x / scale + zero`` is only a first guess, exact products decide."""
    low, high = limits
    with np.errstate(over="ignore"):
        below = np.floor(np.clip(x / scale + zero, low - 1, high + 1))
    below -= x < scale * (below - zero)  # rounding is monotone: the guess is never too low, and at most 1 too high
    exact = x == scale * (below - zero)
    middle = scale * (below + 0.5 - zero)
    if mode in ("ROUND", "HALF_EVEN"):
        up = (x > middle) | ((x == middle) & (below % 2 != 0))
    elif mode == "CEIL":
        up = ~exact
    elif mode == "FLOOR":
        up = np.zeros_like(exact)
    else:
        up = ~exact & (below < 0)
    return np.clip(below + up, low, high).astype(np.int64)
