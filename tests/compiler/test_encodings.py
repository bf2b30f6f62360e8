"""The contract of every weight encoding, over the folder."""

from collections.abc import Sequence

import numpy as np
import pytest

from icepop.compiler import encodings
from icepop.compiler.encodings.base import Encoding
from icepop.compiler.encodings.binary import Binary
from icepop.compiler.registry import modules

ENCODINGS = [
    item
    for _, module in modules(encodings)
    for item in vars(module).values()
    if isinstance(item, type) and hasattr(item, "pack") and item is not Encoding
]
CODES: list[Sequence[int]] = [(-1, 1), (-1, 0, 1), (-4, -2, -1, 1, 2, 4), range(-8, 8), (0, 1)]
"""Value sets of weights; a new encoding needs one here that it matches."""


def weights_of(codes: Sequence[int]) -> np.ndarray:
    weights = np.random.default_rng(0).choice(codes, (23, 13)).astype(np.int64)
    weights[0, : len(codes)] = codes[:13]
    return weights


def test_the_folder_is_found() -> None:
    assert Binary in ENCODINGS


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_weights_come_back(encoding: type[Encoding]) -> None:
    matched = [codes for codes in CODES if encoding.matches(weights_of(codes))]
    assert matched
    for codes in matched:
        weights = weights_of(codes)
        words = encoding.pack(weights)
        assert len(words) == 23
        assert max(words) < 1 << 13 * encoding.bits
        assert (encoding.unpack(words, 13) == weights).all()
        # element 0 is least significant
        first = encoding.pack(weights[:, :1])
        assert [word & ((1 << encoding.bits) - 1) for word in words] == first


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_no_encoding_takes_what_its_bits_cannot_tell_apart(encoding: type[Encoding]) -> None:
    for codes in CODES:
        if len(set(codes)) > 1 << encoding.bits:
            assert not encoding.matches(weights_of(codes))


def test_binary_takes_signs_only_and_1_is_plus_1() -> None:
    assert [Binary.matches(np.array([codes])) for codes in ([-1, 1], [1, 1], [0, 1], [-1, 2])] == [1, 1, 0, 0]
    assert Binary.pack(np.array([[1, -1, -1, 1, 1]])) == [0b11001]
