"""Random networks of look-up tables."""

from dataclasses import replace

import numpy as np

from icepop.compiler.graph import Graph
from icepop.compiler.ops.argmax import ArgMax
from icepop.compiler.ops.encode import Encode
from icepop.compiler.ops.input import Input
from icepop.compiler.ops.lut_vote import ENTRIES, INPUTS, LutVote
from icepop.compiler.types import BIPOLAR, Domain, TensorType


def random_vote(
    rng: np.random.Generator,
    bits: int,
    classes: int,
    each: int,
    domain: Domain = Domain(0, 1),  # noqa: B008
) -> Graph:
    """Bits, voters that read different ones with random tables, and an argmax."""
    index = rng.random((classes, each, bits)).argpartition(INPUTS - 1, axis=-1)[..., :INPUTS]
    tables = rng.random((classes, each, ENTRIES)) < 0.5
    vote = LutVote("vote", ("x",), index.astype(np.int64), tables)
    return Graph((Input("x", (), TensorType((bits,), domain)), vote, ArgMax("argmax", ("vote",))))


def encoded_vote(rng: np.random.Generator, domain: Domain, elements: int, classes: int, each: int) -> Graph:
    """Integers compared with some of a few levels, and voters over the bits; some levels are out of reach."""
    levels = np.sort(rng.choice(np.arange(domain.lo, domain.hi + 2), min(4, domain.size), replace=False))
    pairs = np.array([(k, level) for k in range(elements) for level in levels])
    pairs = pairs[np.sort(rng.permutation(len(pairs))[: max(INPUTS, 3 * len(pairs) // 4)])]
    encode = Encode("encode", ("x",), pairs[:, 0], pairs[:, 1:], Domain(0, 1), (len(pairs),))
    vote = random_vote(rng, len(pairs), classes, each).ops[1]
    return Graph(
        (
            Input("x", (), TensorType((elements,), domain)),
            encode,
            replace(vote, inputs=("encode",)),
            ArgMax("argmax", ("vote",)),
        )
    )


BITS = Domain(0, 1)
VOTES = [
    *(
        random_vote(np.random.default_rng(seed), bits, classes, each, domain)
        for seed, (bits, classes, each, domain) in enumerate(
            [(40, 10, 7, BITS), (19, 3, 5, BIPOLAR), (60, 5, 12, BITS), (9, 2, 4, BIPOLAR)]
        )
    ),
    *(
        encoded_vote(np.random.default_rng(seed), domain, elements, classes, each)
        for seed, (domain, elements, classes, each) in enumerate(
            [(Domain(0, 31), 16, 10, 7), (Domain(-128, 127), 9, 3, 4), (Domain(0, 255), 21, 4, 6)]
        )
    ),
]
"""Graphs whose ops the contract tries the voters' units on."""
