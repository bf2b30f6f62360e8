from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from messages import says

from icepop.compiler.errors import DataError
from icepop.compiler.types import BIPOLAR, Beats, Domain, TensorType, pack_words, unpack_words

DOMAINS = st.builds(
    lambda lo, steps, step: Domain(lo, lo + steps * step, step),
    st.integers(-1000, 1000),
    st.integers(0, 2000),
    st.integers(1, 5),
)


def values_of(domain: Domain, count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, domain.size, count) * domain.step + domain.lo


@pytest.mark.parametrize(("lo", "hi", "step"), [(1, 0, 1), (0, 1, 2), (0, 2, 0), (0, 3, -1)])
def test_a_domain_must_make_sense(lo: int, hi: int, step: int) -> None:
    with pytest.raises(ValueError, match="domain must have lo <= hi and a step that divides hi - lo"):
        Domain(lo, hi, step)


@pytest.mark.parametrize(
    ("domain", "bits", "signed", "text"),
    [
        (BIPOLAR, 1, False, "{-1, +1}"),
        (Domain(0, 0), 1, False, "[0, 0]"),
        (Domain(0, 1), 1, False, "[0, 1]"),
        (Domain(0, 8), 4, False, "[0, 8]"),
        (Domain(3, 255), 8, False, "[3, 255]"),
        (Domain(-1, 0), 1, True, "[-1, 0]"),
        (Domain(-1, 1), 2, True, "[-1, 1]"),
        (Domain(-8, 7), 4, True, "[-8, 7]"),
        (Domain(-8, 8), 5, True, "[-8, 8]"),
        (Domain(-9, -9), 5, True, "[-9, -9]"),
        (Domain(-64, 64, 2), 7, False, "[-64, 64] step 2"),
        (Domain(5, 5, 2), 1, False, "[5, 5] step 2"),
    ],
)
def test_bits_of_a_domain(domain: Domain, bits: int, signed: bool, text: str) -> None:
    assert (domain.bits, domain.signed, str(domain)) == (bits, signed, text)


def test_bit_one_is_plus_one_and_an_accumulator_is_a_popcount() -> None:
    assert BIPOLAR.encode(np.array([-1, 1])).tolist() == [0, 1]
    assert Domain(-4, 4, 2).encode(np.array([-4, -2, 0, 2, 4])).tolist() == [0, 1, 2, 3, 4]
    assert Domain(-3, 2).encode(np.array([-3, -1, 2])).tolist() == [0b101, 0b111, 0b010]


@given(DOMAINS)
def test_every_value_has_its_own_code(domain: Domain) -> None:
    values = np.arange(domain.lo, domain.hi + 1, domain.step)
    codes = domain.encode(values)
    assert len(set(codes.tolist())) == domain.size
    assert codes.min() >= 0
    assert int(codes.max()) < 1 << domain.bits
    assert (domain.decode(codes) == values).all()
    # one bit fewer would not do
    assert domain.bits == 1 or domain.size > 1 << (domain.bits - 1) or domain.step == 1


@given(DOMAINS, st.integers(-3000, 3000))
def test_contains_is_membership(domain: Domain, value: int) -> None:
    assert domain.contains(np.array([value])) == (value in range(domain.lo, domain.hi + 1, domain.step))
    assert domain.contains(np.zeros(0, np.int64))


@pytest.mark.parametrize(
    ("domain", "values", "message"),
    [
        (BIPOLAR, [-1, 0, 1], "values must lie in {-1, +1}, not in [-1, 1]"),
        (Domain(0, 7), [3, 8], "values must lie in [0, 7], not in [3, 8]"),
        (Domain(-4, 4, 2), [-4, 3], "values must lie in [-4, 4] step 2, not in [-4, 3]"),
    ],
)
def test_encode_refuses_other_values(domain: Domain, values: list[int], message: str) -> None:
    with says(DataError, message):
        domain.encode(np.array(values))


@given(DOMAINS, st.integers(1, 40), st.integers(1, 45), st.integers(0, 3), st.integers(0, 99))
def test_beats_unpack_what_they_packed(domain: Domain, length: int, lanes: int, samples: int, seed: int) -> None:
    beats = Beats(domain, length, lanes)
    values = values_of(domain, samples * length, seed).reshape(samples, length)
    payloads = beats.pack(values)
    assert len(payloads) == samples * beats.count
    assert all(0 <= payload < 1 << beats.width for payload in payloads)
    assert (beats.unpack(payloads) == values).all()
    assert beats.unpack(payloads).shape == values.shape


@given(DOMAINS, st.integers(1, 20), st.integers(1, 6), st.integers(0, 99))
def test_element_0_is_least_significant_and_padding_is_zero(domain: Domain, length: int, lanes: int, seed: int) -> None:
    values = values_of(domain, length, seed)
    codes = [int(code) for code in domain.encode(values)]
    expected = [
        sum(code << (domain.bits * lane) for lane, code in enumerate(codes[start : start + lanes]))
        for start in range(0, length, lanes)
    ]
    assert Beats(domain, length, lanes).pack(values[None]) == expected


@given(st.lists(st.integers(0, (1 << 77) - 1), max_size=5))
def test_words_are_joined_codes(words: list[int]) -> None:
    codes = unpack_words(words, 11, 7)
    assert codes.tolist() == [[(word >> (7 * lane)) & 127 for lane in range(11)] for word in words]
    assert pack_words(codes, 7) == words


def test_words_without_lanes() -> None:
    """Of a memory that says which of one beat is read."""
    codes = unpack_words([0, 0, 0], 0, 1)
    assert codes.shape == (3, 0)
    assert pack_words(codes, 1) == [0, 0, 0]


def test_a_tensor_type_knows_its_size() -> None:
    floats, codes = TensorType((2, 3, 4), None), TensorType((2, 3), BIPOLAR, (Fraction(1, 3),))
    assert (floats.length, codes.length, TensorType((), BIPOLAR).length) == (24, 6, 1)
    assert codes.integers == BIPOLAR
    with pytest.raises(TypeError, match="a float tensor has no integer domain"):
        _ = floats.integers


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.uint8, np.int64, np.bool_])
def test_floats_come_out_as_float32_in_the_samples_shape(dtype: type) -> None:
    data = np.array([[0, 1, 1, 0, 1, 1]] * 4).astype(dtype)
    checked = TensorType((3, 2), None).check(data, "x")
    assert checked.dtype == np.float32
    assert checked.shape == (4, 3, 2)
    assert (checked.reshape(4, 6) == data).all()


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.uint64, np.bool_])
def test_codes_come_out_as_int64(dtype: type) -> None:
    data = np.array([[0, 1], [1, 1]]).astype(dtype)
    checked = TensorType((2,), Domain(0, 3)).check(data, "x")
    assert checked.dtype == np.int64
    assert (checked == data).all()


@pytest.mark.parametrize("type", [TensorType((2, 3), None), TensorType((2, 3), BIPOLAR)])
def test_no_samples_are_no_error(type: TensorType) -> None:
    assert type.check(np.zeros((0, 6), np.int64), "x").shape == (0, 2, 3)


FLOATS, CODES = TensorType((2, 3), None), TensorType((2, 3), BIPOLAR)
ONES = np.ones((4, 6))


def with_value(value: float, at: tuple[int, ...]) -> np.ndarray:
    data = ONES.copy()
    data[at] = value
    return data


@pytest.mark.parametrize(
    ("type", "values", "message"),
    [
        (FLOATS, np.ones((4, 5)), "x must hold samples of 6 values (2x3), not shape (4, 5)"),
        (CODES, np.ones((4, 2, 4), int), "x must hold samples of 6 values (2x3), not shape (4, 2, 4)"),
        (FLOATS, np.float32(1), "x must hold samples of 6 values (2x3), not shape ()"),
        (FLOATS, np.ones(6), "x must hold samples of 6 values (2x3), not shape (6,)"),
        (FLOATS, np.full((4, 6), "a"), "x must be numbers, not <U1"),
        (FLOATS, ONES.astype(complex), "x must be numbers, not complex128"),
        (FLOATS, with_value(np.nan, (2, 3)), "x must be finite, not nan at index [2, 3]"),
        (FLOATS, with_value(-np.inf, (0, 5)), "x must be finite, not -inf at index [0, 5]"),
        (FLOATS, with_value(1e39, (1, 0)), "x must be finite, not inf at index [1, 0]"),
        (CODES, ONES, "x must be integer codes, not float64"),
        (CODES, 0 * ONES.astype(int), "x must hold codes in {-1, +1}, not [0, 0]"),
        (CODES, 3 * ONES.astype(int), "x must hold codes in {-1, +1}, not [3, 3]"),
        # as int64 this would be -1
        (
            CODES,
            np.full((1, 6), 2**64 - 1, np.uint64),
            "x must hold codes in {-1, +1}, not [18446744073709551615, 18446744073709551615]",
        ),
    ],
)
def test_data_that_does_not_fit_is_refused(type: TensorType, values: np.ndarray, message: str) -> None:
    with says(DataError, message):
        type.check(values, "x")


def test_a_pixel_begins_with_a_beat_of_its_own() -> None:
    beats = Beats.of(TensorType((5, 2, 3), Domain(0, 3)), 2)
    assert (beats.length, beats.pixels, beats.channels, beats.pixel_beats, beats.count) == (30, 6, 5, 3, 18)
    values = np.arange(30).reshape(1, 30) % 4
    payloads = beats.pack(values)
    assert payloads[:4] == [0b01_00, 0b11_10, 0b00, 0b10_01]
    assert (beats.unpack(payloads) == values).all()
    assert [beats.beat(position) for position in (0, 1, 4, 5, 29)] == [0, 0, 2, 3, 17]
    assert not beats.gapless
    assert Beats(Domain(0, 3), 30, 5, 6).gapless
    assert Beats(Domain(0, 3), 30, 7).gapless
