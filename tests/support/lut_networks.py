"""Random networks of look-up tables."""

import numpy as np

from icepop.compiler.graph import Graph
from icepop.compiler.ops.argmax import ArgMax
from icepop.compiler.ops.input import Input
from icepop.compiler.ops.lut_vote import ENTRIES, INPUTS, LutVote
from icepop.compiler.types import Domain, TensorType


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
