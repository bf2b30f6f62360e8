"""Random networks to build hardware from."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from icepop.compiler.graph import Graph
from icepop.compiler.ops.argmax import ArgMax
from icepop.compiler.ops.base import Op
from icepop.compiler.ops.dense import Dense
from icepop.compiler.ops.input import Input
from icepop.compiler.ops.scores import Scores
from icepop.compiler.ops.threshold import Threshold
from icepop.compiler.types import BIPOLAR, Domain, IntArray, TensorType


def binary_mlp(rng: np.random.Generator, sizes: list[int]) -> Graph:
    """Dense layers with bipolar thresholds between them and an argmax behind; sizes from the input to the classes."""
    ops: list[Op] = [Input("x", (), TensorType((sizes[0],), BIPOLAR))]
    for k, (columns, rows) in enumerate(pairwise(sizes)):
        ops.append(Dense(f"fc{k}", (ops[-1].name,), rng.choice([-1, 1], (rows, columns))))
        if k < len(sizes) - 2:
            # some thresholds lie out of reach on either side
            thresholds = rng.integers(-columns - 3, columns + 4, (rows, 1)) // 2
            thresholds[rng.random(rows) < 0.1] = columns + 5
            thresholds[rng.random(rows) < 0.1] = -columns - 5
            ops.append(Threshold(f"act{k}", (ops[-1].name,), thresholds, np.ones(rows, np.int64), BIPOLAR))
    return Graph((*ops, ArgMax("argmax", (ops[-1].name,))))


Weights = Callable[[np.random.Generator, tuple[int, int]], IntArray]

WEIGHTS: tuple[Weights, ...] = (
    lambda rng, shape: rng.choice([-1, 1], shape),
    lambda rng, shape: rng.integers(-1, 2, shape),
    lambda rng, shape: rng.choice([-1, 1], shape) << rng.integers(0, 4, shape),
    lambda rng, shape: rng.choice([-4, -1, 0, 1, 4], shape),
    lambda rng, shape: rng.choice(rng.integers(-90, 90, 4), shape),
    lambda rng, shape: rng.integers(-2, 2, shape),
    lambda rng, shape: rng.integers(-7, 8, shape),
    lambda rng, shape: rng.integers(-128, 128, shape),
    lambda rng, shape: rng.integers(0, 16, shape),
)
"""Weights of every encoding: signs, ternary, powers of two, a codebook, 2, 4 and 8 bits, without a sign."""


def random_domain(rng: np.random.Generator, most_bits: int = 8) -> Domain:
    """Bipolar values, or integers of 1 to 8 bits, unsigned, signed, or signed without the lowest."""
    bits = int(rng.integers(1, most_bits + 1))
    half = 1 << (bits - 1)
    choices = [BIPOLAR, Domain(0, 2 * half - 1), Domain(-half, half - 1)]
    return choices[rng.integers(0, 3)] if bits == 1 else [*choices, Domain(1 - half, half - 1)][rng.integers(0, 4)]


def scattered(rng: np.random.Generator, channels: int, source: Domain, count: int) -> IntArray:
    """Thresholds (channels, count) anywhere, some out of reach on either side, some equal."""
    width = max(4, (source.hi - source.lo) // 8)
    thresholds = rng.integers(source.lo - width, source.hi + width, (channels, count))
    thresholds[rng.random((channels, count)) < 0.1] = source.hi + 2 * width
    thresholds[rng.random(channels) < 0.1] = source.lo - 2 * width
    return np.sort(thresholds, axis=1)


def even(rng: np.random.Generator, channels: int, source: Domain, count: int) -> IntArray:
    """Thresholds (channels, count) of a rounded affine function of each channel, which may reach beyond the source."""
    spacing = rng.uniform(0.5, 1.5, (channels, 1)) * (source.hi - source.lo) / (count + 1)
    start = source.lo + rng.uniform(-0.2, 0.5, (channels, 1)) * (source.hi - source.lo)
    return np.ceil(start + spacing * np.arange(1, count + 1)).astype(np.int64)


def random_threshold(
    rng: np.random.Generator, name: str, input: str, source: TensorType, domain: Domain, signs: tuple[int, ...] = (1,)
) -> Threshold:
    """Threshold op on a tensor, scattered or even, of its channels or of the whole tensor."""
    channels, count = source.shape[0], domain.size - 1
    kinds = 1 if rng.random() < 0.2 else channels
    thresholds = (even if rng.random() < 0.5 else scattered)(rng, kinds, source.integers, count)
    sign = rng.choice(np.array(signs), channels)
    own = np.broadcast_to(thresholds, (channels, count))
    own = np.where(sign[:, None] < 0, -own[:, ::-1], own)
    return Threshold(name, (input,), own, sign, domain)


def random_scores(rng: np.random.Generator, name: str, input: str, classes: int) -> Scores:
    """Scores with one multiplier, which may be 1, or one a class."""
    common = int(rng.integers(-3, 4)) or 1
    multiplier = np.full(classes, common) if rng.random() < 0.5 else rng.integers(-500, 500, classes)
    return Scores(name, (input,), np.arange(classes), multiplier, rng.integers(-3000, 3000, classes))


def mixed_mlp(rng: np.random.Generator, sizes: list[int]) -> Graph:
    """Dense layers of any weights and activations, and a head: accumulators, scores, the best class, or its scores'.

    Parameters
    ----------
    sizes : list of int
        From the input to the classes.
    """
    ops: list[Op] = [Input("x", (), TensorType((sizes[0],), random_domain(rng)))]
    types = [ops[0].infer()]

    def add(op: Op) -> None:
        ops.append(op)
        types.append(op.infer(types[-1]))

    for k, (columns, rows) in enumerate(pairwise(sizes)):
        weights = WEIGHTS[rng.integers(len(WEIGHTS))](rng, (rows, columns))
        add(Dense(f"fc{k}", (ops[-1].name,), weights.astype(np.int64)))
        if k < len(sizes) - 2:
            signs = (1,) if rng.random() < 0.7 else (1, -1)
            add(random_threshold(rng, f"act{k}", ops[-1].name, types[-1], random_domain(rng, 6), signs))
    head = rng.integers(4)
    if head % 2:
        add(random_scores(rng, "scores", ops[-1].name, sizes[-1]))
    if head >= 2:
        add(ArgMax("argmax", (ops[-1].name,)))
    return Graph(tuple(ops))


def random_sizes(rng: np.random.Generator, largest: int = 40) -> list[int]:
    """Sizes of a network of one to three layers."""
    return rng.integers(1, largest + 1, rng.integers(2, 5)).tolist()
