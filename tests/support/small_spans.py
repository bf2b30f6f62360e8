"""Spans so small that units can be proved on them: a sample of some six bits, as what it gives becomes a table."""

import numpy as np
from maps import window

from icepop.compiler.ops.add import Add
from icepop.compiler.ops.argmax import ArgMax
from icepop.compiler.ops.base import Op
from icepop.compiler.ops.concat import Concat
from icepop.compiler.ops.conv import Conv
from icepop.compiler.ops.dense import Dense
from icepop.compiler.ops.gather import Gather
from icepop.compiler.ops.lut_vote import ENTRIES, INPUTS, LutVote
from icepop.compiler.ops.max_pool import MaxPool
from icepop.compiler.ops.scores import Scores
from icepop.compiler.ops.sum_pool import SumPool
from icepop.compiler.ops.threshold import Threshold
from icepop.compiler.ops.window import Window
from icepop.compiler.planner.plan import Folding, Span
from icepop.compiler.types import BIPOLAR, Domain, TensorType

BIT, TWO_BITS, SIGNED = Domain(0, 1), Domain(0, 3), Domain(-2, 1)

BINARY = np.array([[1, -1, 1], [-1, -1, 1], [1, 1, -1]])
TERNARY = np.array([[1, 0, -1], [0, -1, -1], [1, 1, 0]])
QUARTERS = np.array([[-2, 1, 0], [1, -1, 1], [0, -2, -1]])
"""Weights of two bits that no shorter encoding holds."""


def chain(types: TensorType | tuple[TensorType, ...], *ops: Op) -> Span:
    """Ops one behind the other, of which the first reads all inputs."""
    inputs = types if isinstance(types, tuple) else (types,)
    results = [ops[0].infer(*inputs)]
    for op in ops[1:]:
        results.append(op.infer(results[-1]))
    return Span(ops, inputs, tuple(results))


def reached(levels: list[list[int]], domain: Domain = BIPOLAR, signs: tuple[int, ...] = ()) -> Threshold:
    """Levels of each channel, which rise where no signs are given."""
    rows = np.array(levels)
    return Threshold("act", ("x",), rows, np.array(signs or np.ones(len(rows)), np.int64), domain)


def dense(weights: np.ndarray, domain: Domain = BIPOLAR, *, thresholded: bool = True) -> Span:
    """A layer, and thresholds: one within reach, one always and one never reached."""
    ops: list[Op] = [Dense("fc", ("x",), weights)]
    if thresholded:
        ops.append(reached([[1], [-9], [9]][: len(weights)]))
    return chain(TensorType(weights.shape[1:], domain), *ops)


def conv(shape: tuple[int, ...], weights: np.ndarray, where: Window, groups: int = 1, limit: int | None = None) -> Span:
    """A convolution, and a threshold of all channels behind it."""
    ops: list[Op] = [Conv("conv", ("x",), weights, where, groups)]
    if limit is not None:
        ops.append(reached([[limit]] * len(weights)))
    return chain(TensorType(shape, BIPOLAR), *ops)


def max_pool(shape: tuple[int, ...], domain: Domain, where: Window) -> Span:
    """Of two channels the second takes the smallest."""
    return chain(TensorType(shape, domain), MaxPool("pool", ("x",), where, np.array([1, -1])[: shape[0]]))


def sum_pool(shape: tuple[int, ...], domain: Domain, where: Window) -> Span:
    return chain(TensorType(shape, domain), SumPool("pool", ("x",), where))


def added(factors: list[list[int]], *domains: Domain) -> Span:
    """A sum of vectors."""
    types = tuple(TensorType((len(factors[0]),), domain) for domain in domains)
    return chain(types, Add("add", tuple(f"x{k}" for k in range(len(types))), np.array(factors)))


def joined(axis: int, factors: tuple[int, ...], *types: TensorType) -> Span:
    return chain(types, Concat("cat", tuple(f"x{k}" for k in range(len(types))), axis, factors))


def gathered(index: np.ndarray, shape: tuple[int, ...], domain: Domain) -> Span:
    return chain(TensorType(shape, domain), Gather("order", ("x",), index))


def scores(domain: Domain, multiplier: list[int], offset: list[int]) -> Span:
    classes = len(multiplier)
    op = Scores("scores", ("x",), np.arange(classes), np.array(multiplier), np.array(offset))
    return chain(TensorType((classes,), domain), op)


def argmax(domain: Domain) -> Span:
    """The largest of three."""
    return chain(TensorType((3,), domain), ArgMax("argmax", ("x",)))


def voted() -> Span:
    """Two classes of four voters, which read the same bits in other orders and count other entries."""
    rng = np.random.default_rng(1)
    index = np.stack([rng.permutation(INPUTS) for _ in range(8)]).reshape(2, 4, INPUTS)
    op = LutVote("votes", ("x",), index, rng.integers(0, 2, (2, 4, ENTRIES)).astype(bool))
    return chain(TensorType((INPUTS,), BIT), op, ArgMax("argmax", ("votes",)))


PIXELS = np.arange(6).reshape(2, 3)
PADDED = window((2,), 1, 0, 1)

LAYERS: dict[str, tuple[Span, Folding]] = {
    "dense, direct": (dense(BINARY), Folding(3, 2)),
    "dense, direct, no threshold": (dense(BINARY, thresholded=False), Folding(3, 2)),
    "dense, direct, 2 bits": (dense(QUARTERS[:, :2], SIGNED), Folding(3, 1, "integer")),
    "dense, held": (dense(BINARY), Folding(2, 3)),
    "dense, held, ternary": (dense(TERNARY[:2], thresholded=False), Folding(1, 3)),
    "dense, double buffer": (dense(BINARY[:2, :2]), Folding(1, 1)),
    "dense, double buffer, 2 bits": (dense(QUARTERS[:2, :2], BIT), Folding(1, 1, "integer")),
    "dense, registers": (dense(BINARY[:2, :2]), Folding(1, 1, buffer="registers")),
    "dense, registers, ternary": (dense(TERNARY[:2], thresholded=False), Folding(1, 2, buffer="registers")),
    "dense, shared constants": (dense(BINARY[:, :2]), Folding(1, 1, spacing=2)),
    "dense, shared biases": (dense(TERNARY[:, :2], thresholded=False), Folding(1, 1, "ternary", spacing=2)),
    "conv": (conv((2, 2), BINARY[:2, :2, None].repeat(2, 2), window((2,)), limit=0), Folding(1, 2)),
    "conv, padded": (
        conv((1, 3), BINARY[:1, :2].reshape(1, 1, 2), PADDED, limit=0),
        Folding(1, 1),
    ),
    "conv, two pixels at once": (
        conv((1, 4), BINARY[:2, :2, None].swapaxes(1, 2), window((2,)), limit=0),
        Folding(2, 1, pixels=2),
    ),
    "depthwise": (conv((2, 3), TERNARY[:2, :2].reshape(2, 1, 2), window((2,)), 2, limit=0), Folding(1, 1)),
    "depthwise, two pixels at once": (
        conv((2, 3), TERNARY[:2, :2].reshape(2, 1, 2), window((2,)), 2, limit=0),
        Folding(2, 2, pixels=2),
    ),
    "max pool, overlapping": (max_pool((2, 3), BIT, window((2,))), Folding(1, 1)),
    "sum pool, padded": (sum_pool((1, 3), BIT, PADDED), Folding(1, 1)),
    "max pool": (max_pool((2, 4), BIT, window((2,), 2)), Folding(1, 1)),
    "max pool, two rows": (max_pool((1, 2, 3), BIT, window((2, 1), 2)), Folding(1, 1)),
    "sum pool, whole map": (sum_pool((2, 3), BIT, window((3,))), Folding(2, 2)),
    "thresholds": (
        chain(TensorType((3,), TWO_BITS), reached([[1, 2], [-3, -1], [0, 3]], Domain(-1, 1), (1, -1, 1))),
        Folding(2, 2),
    ),
    "thresholds, shared constants": (
        chain(TensorType((3,), TWO_BITS), reached([[1, 2], [-3, -1], [0, 3]], Domain(-1, 1), (1, -1, 1))),
        Folding(2, 2, spacing=2),
    ),
    "many thresholds": (
        chain(TensorType((2,), Domain(0, 7)), reached([[1, 2, 4, 7], [-6, -5, -2, 0]], Domain(-2, 2), (1, -1))),
        Folding(1, 1),
    ),
    "even thresholds": (
        chain(TensorType((1,), Domain(0, 15)), reached([[2, 4, 6, 8, 10, 12, 14]], Domain(0, 7))),
        Folding(1, 1),
    ),
    "scores": (scores(BIT, [1, -2, 3], [0, 7, 1]), Folding(2, 2)),
    "scores, shared constants": (scores(BIT, [1, -2, 3], [0, 7, 1]), Folding(1, 1, spacing=3)),
    "argmax": (argmax(TWO_BITS), Folding()),
    "argmax of signed scores": (argmax(SIGNED), Folding()),
    "sum": (added([[1, -1], [2, 1]], BIT, BIPOLAR), Folding(1, 1)),
    "sum, a lane to spare": (added([[1, 1, 1], [-1, -1, -1]], BIT, BIT), Folding(2, 2)),
    "concatenation": (joined(0, (1, 2), TensorType((2, 2), BIT), TensorType((1, 2), BIT)), Folding(1, 1)),
    "concatenation, a pixel a beat": (
        joined(0, (1, 1), TensorType((2, 2), BIT), TensorType((1, 2), BIT)),
        Folding(3, 2),
    ),
    "concatenation of rows": (joined(1, (1, 1), TensorType((2, 2), BIT), TensorType((2, 1), BIT)), Folding(2, 2)),
    "order of channels": (gathered(PIXELS[::-1], (2, 3), BIT), Folding(2, 2)),
    "order, some left out": (gathered(PIXELS[:, 1:], (2, 3), BIT), Folding(1, 1)),
    "votes, all at once": (voted(), Folding(1, INPUTS)),
    "votes, some at a time": (voted(), Folding(1, 2)),
    "order of pixels": (gathered(PIXELS[:, ::-1], (2, 3), BIT), Folding(1, 1)),
}
"""A span that a unit has to take whole, and how it is folded."""
