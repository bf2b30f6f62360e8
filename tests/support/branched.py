"""Random graphs of integer ops with branches, over small maps, to build hardware from."""

from collections.abc import Callable, Sequence

import numpy as np

from icepop.compiler.graph import Graph
from icepop.compiler.ops.add import Add
from icepop.compiler.ops.argmax import ArgMax
from icepop.compiler.ops.base import Op
from icepop.compiler.ops.concat import Concat
from icepop.compiler.ops.conv import Conv
from icepop.compiler.ops.dense import Dense
from icepop.compiler.ops.gather import Gather
from icepop.compiler.ops.input import Input
from icepop.compiler.ops.max_pool import MaxPool
from icepop.compiler.ops.sum_pool import SumPool
from icepop.compiler.ops.threshold import Threshold
from icepop.compiler.ops.window import Window
from icepop.compiler.types import BIPOLAR, Domain, IntArray, TensorType

DOMAINS = (BIPOLAR, Domain(0, 1), Domain(0, 3), Domain(-2, 1))
WEIGHTS = ((-1, 1), (-1, 0, 1), (-3, -1, 0, 2), (-4, -2, -1, 1, 2, 4))


class Author:
    """A graph while it grows; every block takes the name of an op and gives that of its result."""

    def __init__(self, rng: np.random.Generator, type: TensorType):
        self.rng = rng
        self.ops: list[Op] = [Input("x", (), type)]
        self.types = {"x": type}

    def add(self, kind: Callable[..., Op], *inputs: str, **fields: object) -> str:
        """Append an op."""
        op = kind(f"{kind.__name__.lower()}{len(self.ops)}", inputs, **fields)
        self.ops.append(op)
        self.types[op.name] = op.infer(*(self.types[name] for name in inputs))
        return op.name

    def pick(self, *values: int) -> int:
        return int(self.rng.choice(values))

    def quantized(self, x: str, domain: Domain | None = None) -> str:
        """Thresholds within reach and a few beyond."""
        type, to = self.types[x], domain or DOMAINS[self.rng.integers(len(DOMAINS))]
        reach = type.integers
        limits = self.rng.integers(reach.lo - 1, reach.hi + 3, (type.shape[0], to.size - 1))
        signs = np.ones(type.shape[0], np.int64)
        return self.add(Threshold, x, thresholds=np.sort(limits, axis=1), sign=signs, domain=to)

    def window(self, sizes: Sequence[int], kernel: int, padded: bool) -> Window:
        """A kernel with strides, dilations and uneven pads that fits."""
        kernels = tuple(min(kernel, size) for size in sizes)
        dilations = tuple(self.pick(1, 2) if 2 * (k - 1) < n else 1 for k, n in zip(kernels, sizes, strict=True))
        before, after = (tuple(self.pick(0, padded) if k > 1 else 0 for k in kernels) for _ in range(2))
        return Window(kernels, tuple(self.pick(1, 2) for _ in sizes), before, after, dilations)

    def weights(self, *shape: int) -> IntArray:
        """Of a random precision."""
        return self.rng.choice(WEIGHTS[self.rng.integers(len(WEIGHTS))], shape).astype(np.int64)

    def pointwise(self, x: str, channels: int) -> str:
        """Convolution by one pixel, which keeps the sizes."""
        shape = self.types[x].shape
        one = (1,) * (len(shape) - 1)
        window = Window(one, one, (0,) * len(one), (0,) * len(one), one)
        return self.add(Conv, x, weights=self.weights(channels, shape[0], *one), window=window)

    # ------------------------------------------------------------------------------------------ blocks

    def conv(self, x: str) -> str:
        """Convolution, full, grouped or depthwise, and a quantizer."""
        channels, *sizes = self.types[x].shape
        groups = self.pick(*(g for g in {1, 2, channels} if channels % g == 0))
        window = self.window(sizes, self.pick(1, 2, 3), True)
        weights = self.weights(groups * self.pick(1, 2, 3), channels // groups, *window.kernel)
        return self.quantized(self.add(Conv, x, weights=weights, window=window, groups=groups))

    def windows(self, x: str) -> str:
        """Full convolution of windows, and a quantizer."""
        channels, *sizes = self.types[x].shape
        window = self.window(sizes, self.pick(2, 3), True)
        weights = self.weights(self.pick(1, 2, 3), channels, *window.kernel)
        return self.quantized(self.add(Conv, x, weights=weights, window=window))

    def max_pool(self, x: str) -> str:
        """Largest of each window."""
        channels, *sizes = self.types[x].shape
        window = self.window(sizes, 2, True)
        return self.add(MaxPool, x, window=window, sign=np.ones(channels, np.int64))

    def sum_pool(self, x: str) -> str:
        """Sum of each window, quantized."""
        window = self.window(self.types[x].shape[1:], 2, False)
        return self.quantized(self.add(SumPool, x, window=window))

    def residual(self, x: str) -> str:
        """A branch added to what it comes from, at a small ratio."""
        channels = self.types[x].shape[0]
        branch = self.quantized(self.pointwise(x, channels))
        factors = np.repeat([[self.pick(1, 1, 2)], [self.pick(1, 1, -1)]], channels, axis=1)
        return self.quantized(self.add(Add, x, branch, factors=factors))

    def fire(self, x: str) -> str:
        """A squeeze, and two branches side by side."""
        domain = DOMAINS[self.rng.integers(len(DOMAINS))]
        squeezed = self.quantized(self.pointwise(x, self.pick(2, 3)))
        left, right = (self.quantized(self.pointwise(squeezed, self.pick(2, 4)), domain) for _ in range(2))
        return self.add(Concat, left, right, axis=0, factors=(1, self.pick(1, 2)))

    def stacked(self, x: str) -> str:
        """Two maps one below the other, or one beside the other: the join takes much of one first, at most all."""
        channels, *sizes = self.types[x].shape
        branch = self.quantized(self.pointwise(x, channels))
        branches = (branch, x) if self.rng.random() < 0.5 else (x, branch)
        return self.add(Concat, *branches, axis=self.pick(*range(1, len(sizes) + 1)), factors=(1, 1))

    def crossed(self, x: str) -> str:
        """The input and its mirror image, added: a join without weights."""
        flat = self.elements(x)
        mirrored = self.add(Gather, x, index=np.ascontiguousarray(flat[::-1, ..., ::-1]))
        return self.add(Add, x, mirrored, factors=np.ones((2, len(flat)), np.int64))

    def split(self, x: str) -> str:
        """Halves that change places."""
        flat = self.elements(x)
        half = (len(flat) + 1) // 2
        if half == len(flat):
            return x
        low, high = self.add(Gather, x, index=flat[:half]), self.add(Gather, x, index=flat[half:])
        return self.add(Concat, high, low, axis=0, factors=(1, 1))

    def shuffle(self, x: str) -> str:
        """Channels dealt out like cards, or in any order."""
        flat = self.elements(x)
        order = np.arange(len(flat)).reshape(2, -1).T.reshape(-1) if len(flat) % 2 == 0 else None
        return self.add(Gather, x, index=flat[self.rng.permutation(len(flat)) if order is None else order])

    def head(self, x: str) -> str:
        """Flatten in file order, classes, and the largest."""
        flat = self.add(Gather, x, index=self.elements(x).reshape(-1))
        return self.add(ArgMax, self.add(Dense, flat, weights=self.weights(3, self.types[flat].length)))

    def elements(self, x: str) -> IntArray:
        """Numbers of a result's elements, in its shape."""
        type = self.types[x]
        return np.arange(type.length).reshape(type.shape)


BLOCKS = ("conv", "windows", "max_pool", "sum_pool", "residual", "fire", "stacked", "crossed", "split", "shuffle")
WIRED = ("crossed", "split", "shuffle")
"""Blocks without weights, thresholds or windows."""

MAX_BITS = 6
"""Of an element between blocks; sums of sums are quantized then."""


def branched(rng: np.random.Generator, blocks: Sequence[str] = BLOCKS, count: int = 3, head: bool = True) -> Graph:
    """Graph of so many of these blocks on a map whose channels, height and width differ."""
    channels, height, width = rng.permutation([2, 3, 4, 5, 6])[:3].tolist()
    author = Author(rng, TensorType((channels, height, width), DOMAINS[rng.integers(len(DOMAINS))]))
    x = "x"
    for _ in range(count):
        if author.types[x].integers.bits > MAX_BITS:
            x = author.quantized(x)
        x = getattr(author, str(rng.choice(blocks)))(x)
    if head:
        author.head(x)
    elif x == "x":
        author.shuffle(x)
    return Graph(tuple(author.ops))
