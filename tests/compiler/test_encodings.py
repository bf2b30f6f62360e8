"""Contract of every weight encoding in the folder."""

from collections.abc import Sequence

import numpy as np
import pytest

from icepop.compiler.encodings.base import Encoding
from icepop.compiler.encodings.binary import Binary
from icepop.compiler.encodings.candidates import candidates, registered
from icepop.compiler.encodings.codebook import Codebook
from icepop.compiler.encodings.integer import Integer
from icepop.compiler.encodings.power_of_two import PowerOfTwo
from icepop.compiler.encodings.ternary import Ternary
from icepop.compiler.encodings.triples import Triples
from icepop.compiler.encodings.trits import Trits

ENCODINGS = list(registered().values())
CODES: list[Sequence[int]] = [
    (-1, 1),
    (-1, 0, 1),
    (1,),
    (0,),
    (0, 1),
    (-4, -2, -1, 1, 2, 4),
    (0, 8, -16),
    (2, -1024),
    (-13, 5, 6, 700),
    range(-8, 8),
    range(16),
    (-32768, 32767),
    range(-130, 127),
]
"""Value sets of weights; each encoding must match one of them."""


def weights_of(codes: Sequence[int]) -> np.ndarray:
    weights = np.random.default_rng(0).choice(codes, (23, 13)).astype(np.int64)
    weights.reshape(-1)[: len(codes)] = codes
    return weights


def test_the_folder_is_found() -> None:
    assert registered() == {
        "binary": Binary,
        "codebook": Codebook,
        "integer": Integer,
        "power_of_two": PowerOfTwo,
        "ternary": Ternary,
        "triples": Triples,
        "trits": Trits,
    }


@pytest.mark.parametrize(
    ("codes", "order"),
    [
        ((-1, 1), [("binary", 299), ("power_of_two", 299), ("codebook", 303)]),
        (
            (-1, 0, 1),
            [("trits", 552), ("triples", 575), ("integer", 598), ("power_of_two", 598), ("ternary", 598)],
        ),
        (
            (-8, -4, -2, -1, 1, 2, 4, 8),
            [("power_of_two", 897), ("codebook", 937), ("integer", 1495)],
        ),
        ((-13, 5, 6, 700), [("codebook", 642), ("integer", 3289)]),
        (range(16), [("integer", 1196), ("codebook", 1260)]),
    ],
)
def test_the_cheapest_candidate_comes_first(codes: Sequence[int], order: list[tuple[str, int]]) -> None:
    """Of 23 words of 13 weights; a codebook's table counts once."""
    weights = weights_of(codes)
    found = [(each.name, each.bits) for each in candidates(weights)]
    assert found[: len(order)] == order
    assert {name for name, _ in found} == {name for name, kind in registered().items() if kind.matches(weights)}
    for each in candidates(weights):
        assert (each.encoding.unpack(each.encoding.pack(weights), 13) == weights).all()


def test_every_encoding_is_the_cheapest_of_some_weights() -> None:
    """Three ternary weights are smallest together, two alone."""
    first = {candidates(weights_of(codes))[0].name for codes in CODES}
    three, two = ({each.name: each.bits for each in candidates(weights_of((-1, 0, 1))[:, :lanes])} for lanes in (3, 2))
    assert first == {"binary", "codebook", "integer", "power_of_two", "trits"}
    assert three["triples"] == min(three.values()) < three["ternary"]
    assert two["ternary"] == min(two.values()) < two["triples"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_weights_come_back(encoding: type[Encoding]) -> None:
    matched = [codes for codes in CODES if encoding.matches(weights_of(codes))]
    assert matched
    for codes in matched:
        weights = weights_of(codes)
        chosen = encoding.of(weights)
        words = chosen.pack(weights)
        assert len(words) == 23
        assert max(words) < 1 << chosen.bits(13)
        assert (chosen.unpack(words, 13) == weights).all()
        for lanes in range(1, 13):  # words of any length, also not full ones
            part = weights[:, :lanes]
            assert (chosen.unpack(chosen.pack(part), lanes) == part).all()
            assert max(chosen.pack(part)) < 1 << chosen.bits(lanes)
        # element 0 is least significant: what comes behind it is stored above
        whole = 6 if encoding is Triples else 5  # codes of several weights are not cut
        low = [word & ((1 << chosen.bits(whole)) - 1) for word in words]
        assert low == chosen.pack(weights[:, :whole])


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_no_encoding_takes_what_its_bits_cannot_tell_apart(encoding: type[Encoding]) -> None:
    for codes in CODES:
        weights = weights_of(codes)
        if encoding.matches(weights) and encoding not in (Triples, Trits):
            assert len(set(codes)) <= 1 << encoding.of(weights).bits(1)


@pytest.mark.parametrize(
    ("encoding", "codes", "bits"),
    [
        (Binary, (-1, 1), 13),
        (Ternary, (-1, 0, 1), 26),
        (Trits, (-1, 0, 1), 24),
        (Triples, (-1, 0, 1), 25),
        (PowerOfTwo, (-1, 1), 13),
        (PowerOfTwo, (-1, 0, 1), 26),
        (PowerOfTwo, (-8, -4, -2, -1, 1, 2, 4, 8), 39),
        (PowerOfTwo, (-16, -8, -4, 4, 8, 16, 32), 39),
        (PowerOfTwo, (-4, -2, -1, 0, 1, 2, 4), 39),
        (Codebook, (-13, 5, 6, 700), 26),
        (Codebook, (7,), 13),
        (Integer, range(-8, 8), 52),
        (Integer, range(16), 52),
        (Integer, (-1, 0, 1), 26),
    ],
)
def test_bits_of_13_weights(encoding: type[Encoding], codes: Sequence[int], bits: int) -> None:
    assert encoding.of(weights_of(codes)).bits(13) == bits


@pytest.mark.parametrize(
    ("encoding", "codes", "matches"),
    [
        (Binary, (-1, 1), True),
        (Binary, (1, 1), True),
        (Binary, (0, 1), False),
        (Binary, (-1, 2), False),
        (Ternary, (-1, 0), True),
        (Ternary, (-1, 2), False),
        (Trits, (0, 1), True),
        (Trits, (-2, 0), False),
        (Triples, (0, 1), True),
        (Triples, (-2, 0), False),
        (PowerOfTwo, (0, 1, -64), True),
        (PowerOfTwo, (3, 1), False),
        (PowerOfTwo, (-6,), False),
        (Codebook, range(256), True),
        (Codebook, range(257), False),
        (Integer, range(257), True),
    ],
)
def test_what_matches(encoding: type[Encoding], codes: Sequence[int], matches: bool) -> None:
    assert encoding.matches(np.array([codes])) is matches


def test_bits_of_single_weights() -> None:
    """The formats that hardware reads."""
    assert Binary.pack(np.array([[1, -1, -1, 1, 1]])) == [0b11001]
    assert Ternary().pack(np.array([[1, 0, -1]])) == [0b11_00_01]
    assert Trits().pack(np.array([[1, 0, -1, -1, 1, 1]])) == [(2 << 8) + 2 + 3 * 1 + 81 * 2]
    assert Triples().pack(np.array([[-1, 0, 1, 1]])) == [0b10_010_11_100]
    powers = PowerOfTwo(1, 3, zero=True)
    assert powers.pack(np.array([[0, 2, -8, 4]])) == [0b010_111_001_000]
    assert Codebook((-5, 7, 9)).pack(np.array([[9, -5, 7]])) == [0b01_00_10]
    assert Integer.of(np.array([[-3, 3]])).pack(np.array([[-3, 3]])) == [0b011_101]
