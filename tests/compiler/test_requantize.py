"""Multiply-add-shift against thresholds, on every accumulator there is."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icepop.compiler.exact.budget import Budget
from icepop.compiler.exact.integerize import materialize
from icepop.compiler.exact.steps.affine import Scale, Shift
from icepop.compiler.exact.steps.quantizers import Round
from icepop.compiler.exact.symbols import Symbol
from icepop.compiler.graph import Graph
from icepop.compiler.ops.input import Input
from icepop.compiler.ops.threshold import Threshold
from icepop.compiler.requantize import MultiplyAddShift, multiply_add_shift
from icepop.compiler.types import BIPOLAR, Domain, TensorType


def threshold(rows: list[list[int]], domain: Domain, sign: list[int] | None = None) -> Threshold:
    return Threshold("act", ("fc",), np.array(rows, np.int64), np.array(sign or [1] * len(rows)), domain)


def arguments(source: Domain, channels: int) -> np.ndarray:
    """Every accumulator, (samples, C)."""
    values = np.arange(source.lo, source.hi + 1, source.step)
    return np.broadcast_to(values[:, None], (len(values), channels))


def equal(op: Threshold, found: MultiplyAddShift, source: Domain) -> bool:
    acc = arguments(source, len(op.sign))
    return bool((found(acc) == op.golden(acc)).all())


def layer(scales: np.ndarray, biases: np.ndarray, bits: int, source: Domain, mode: str = "ROUND") -> Threshold:
    """Threshold of ``Quant(acc * scale + bias)`` with a scale of 1, unsigned."""
    graph = Graph((Input("fc", (), TensorType((len(scales),), source)),))
    symbol = Symbol("fc", np.arange(len(scales))[None])
    symbol = symbol.then(Scale(scales[None].astype(np.float32))).then(Shift(biases[None].astype(np.float32)))
    symbol = symbol.then(Round(np.float32(1), np.float32(0), np.float32(0), np.float32((1 << bits) - 1), mode))
    op, _ = materialize(symbol, graph, "act", Budget())
    assert isinstance(op, Threshold)
    return op


def exists(op: Threshold, source: Domain, shift: int, width: int) -> bool:
    """Whether some multipliers of a width and some addends are right with a shift, by trying all."""
    acc = arguments(source, 1)
    for row, sign in zip(op.thresholds, op.sign, strict=True):
        one = Threshold("act", ("fc",), row[None], sign[None], op.domain)
        expected = one.golden(acc)
        reach = (abs(source.lo) + abs(source.hi)) << width
        addends = range(-reach - 1, reach + (op.domain.size << shift) + 1)
        if not any(
            (MultiplyAddShift(sign[None] * m, np.array([b]), shift, None, op.domain)(acc) == expected).all()
            for m, b in product(range(1 << width), addends)
        ):
            return False
    return True


@settings(max_examples=40)
@given(st.data())
def test_every_accumulator_is_right_and_no_smaller_shift_is(data: st.DataObject) -> None:
    source = data.draw(st.sampled_from([Domain(-6, 7), Domain(0, 9), Domain(-8, 8, 2), Domain(-9, 9, 3)]))
    levels = data.draw(st.integers(1, 4))
    row = st.lists(st.integers(-12, 12), min_size=levels, max_size=levels).map(sorted)
    rows = data.draw(st.lists(row, min_size=1, max_size=2))
    signs = data.draw(st.lists(st.sampled_from([-1, 1]), min_size=len(rows), max_size=len(rows)))
    op = threshold(rows, Domain(-1, levels - 1), signs)
    width = 3
    found = multiply_add_shift(op, source, width)
    shifts = range(4 if found is None else found.shift)
    assert not any(exists(op, source, shift, width) for shift in shifts[-2:])
    if found is not None:
        assert equal(op, found, source)
        assert np.abs(found.multiplier).max() < 1 << width


@settings(max_examples=30)
@given(st.integers(0, 1 << 30), st.sampled_from([2, 3, 4, 8]), st.sampled_from(["ROUND", "FLOOR", "CEIL"]))
def test_quantized_layers_become_multiplications(seed: int, bits: int, mode: str) -> None:
    """Scales of any digits, falling channels too."""
    rng = np.random.default_rng(seed)
    source = Domain(-3000, 2500)
    scales = rng.uniform(0.5, 4, 5) * (1 << bits) / 4000 * rng.choice([-1, 1], 5)
    op = layer(scales, rng.normal(0, 1 << bits - 1, 5), bits, source, mode)
    found = multiply_add_shift(op, source, 24)
    assert found is not None
    assert equal(op, found, source)
    assert (np.sign(found.multiplier) * op.sign >= 0).all()


@pytest.mark.parametrize(("mode", "ties"), [("ROUND", 0), ("FLOOR", None), ("CEIL", None), ("HALF_UP", None)])
def test_scales_that_are_powers_of_two(mode: str, ties: int | None) -> None:
    """Accumulators lie on ties; half to even needs the hardware's help, other roundings do not."""
    source = Domain(0, 2000)
    op = layer(np.array([1 / 8, 1 / 4]), np.array([0, 0.5]), 8, source, mode)
    plain, helped = (multiply_add_shift(op, source, 16, allowed) for allowed in (False, True))
    assert (plain is None) == (ties is not None)
    assert helped is not None
    assert helped.ties == ties
    assert equal(op, helped, source)


def test_ties_to_odd_levels() -> None:
    """Codes from -127 on: the levels of even codes are odd."""
    source = Domain(-2000, 2000)
    even = layer(np.array([1 / 8]), np.array([127.0]), 8, source)
    odd = threshold(even.thresholds[:, 1:].tolist(), Domain(0, 254))
    found = multiply_add_shift(odd, source, 16, ties=True)
    assert found is not None
    assert found.ties == 1
    assert equal(odd, found, source)


def test_channels_that_never_or_always_change() -> None:
    source = Domain(-10, 10)
    op = threshold([[-50, -20, -10], [11, 40, 90], [-30, 0, 70], [5, 5, 5]], Domain(0, 3))
    found = multiply_add_shift(op, source, 8)
    assert found is not None
    assert equal(op, found, source)
    assert found.multiplier[:2].tolist() == [0, 0]


def test_uneven_thresholds_have_none() -> None:
    assert multiply_add_shift(threshold([[0, 10, 11]], Domain(0, 3)), Domain(-20, 20), 30, ties=True) is None


def test_the_width_limits_the_multiplier() -> None:
    source = Domain(0, 1000)
    op = layer(np.array([0.2371]), np.array([0.3]), 8, source)
    found = multiply_add_shift(op, source, 30)
    assert found is not None
    bits = int(found.multiplier.max()).bit_length()
    assert multiply_add_shift(op, source, bits) is not None
    assert multiply_add_shift(op, source, bits - 1) is None


def test_products_stay_within_64_bits() -> None:
    source = Domain(-(1 << 50), 1 << 50)
    op = threshold([[-(1 << 49), 3, 1 << 49]], Domain(0, 3))
    found = multiply_add_shift(op, source, 60)
    assert found is None or int(np.abs(found.multiplier).max()) << 50 < 1 << 62


def test_bipolar_results_and_accumulators_of_one_parity() -> None:
    source = Domain(-9, 9, 2)
    op = threshold([[3], [-8], [4]], BIPOLAR, [1, -1, 1])
    found = multiply_add_shift(op, source, 4)
    assert found is not None
    assert equal(op, found, source)


def test_the_channel_axis_of_maps_is_the_second() -> None:
    source = Domain(-50, 50)
    op = threshold([[-20, 0, 20], [-3, 10, 23]], Domain(0, 3))
    found = multiply_add_shift(op, source, 8)
    assert found is not None
    maps = np.random.default_rng(0).integers(-50, 51, (4, 2, 3, 5))
    assert (found(maps) == op.golden(maps)).all()
