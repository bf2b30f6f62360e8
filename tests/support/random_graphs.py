"""Random QONNX files from the list of supported ops, for hypothesis.

Hypothesis chooses the structure, so that it can shrink it; numbers come from a generator with a drawn seed. They are
either short binary fractions, which meet each other exactly, or floats of any digits.
"""

from dataclasses import dataclass
from math import prod

import numpy as np
import onnx
from hypothesis import strategies as st
from numpy.typing import NDArray
from qonnx_file import QonnxFile

ROUNDING = ("ROUND", "FLOOR", "CEIL", "ROUND_TO_ZERO")


@dataclass
class Author:
    """Writes one random file.

    Parameters
    ----------
    draw : hypothesis' draw function
        Chooses the structure.
    file : QonnxFile
        Grows.
    rng : numpy.random.Generator
        Chooses the numbers.
    exact : bool
        Whether numbers are short binary fractions.
    """

    draw: st.DrawFn
    file: QonnxFile
    rng: np.random.Generator
    exact: bool

    def pick(self, *choices: object) -> object:
        return self.draw(st.sampled_from(choices))

    def number(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, high))

    def yes(self) -> bool:
        return self.draw(st.booleans())

    def floats(self, shape: tuple[int, ...] | int, spread: float = 2.0) -> NDArray[np.float64]:
        """Signed parameters."""
        return self.rng.integers(-8, 9, shape) * (spread / 8) if self.exact else self.rng.normal(0, spread, shape)

    def positive(self, shape: tuple[int, ...] | int = ()) -> NDArray[np.float64]:
        """Scales."""
        if self.exact:
            return self.rng.choice([0.25, 0.5, 1.0, 2.0], shape)
        return np.float64(self.rng.uniform(0.2, 2, shape))

    # ------------------------------------------------------------------------------------------ quantizers

    def quantized(self, x: str, scale: float | None = None) -> str:
        """Activations after one of the quantizers; one of the given scale if branches shall meet."""
        size = self.positive() if scale is None else np.float64(scale)
        kind = self.pick("bipolar", "quant", "sign", "trunc") if scale is None else "quant"
        if kind == "bipolar":
            return self.file.bipolar(x, size)
        if kind == "sign":
            return self.file.node("Sign", x)
        if kind == "trunc":
            wide = self.file.quant(x, 5, size, zero=0)
            inputs = [wide, *map(self.file.tensor, (size, 0.0, 5.0, float(self.number(2, 4))))]
            return self.file.node("Trunc", *inputs, domain=self.file.domain, rounding_mode=self.pick(*ROUNDING))
        signed, bits = self.number(0, 1), self.number(2, 4)
        zero = 0 if scale is not None else self.number(-3, 3) if signed else self.number(0, 3)
        mode = self.pick(*ROUNDING)
        return self.file.quant(x, bits, size, zero=zero, signed=signed, narrow=self.number(0, 1), rounding_mode=mode)

    def weights(self, shape: tuple[int, ...], channel_axis: int) -> str:
        """Binary, ternary or wider weights, some of them off the grid."""
        kind = self.pick("bipolar", "ternary", "wide")
        per_channel = tuple(n if k == channel_axis else 1 for k, n in enumerate(shape))
        scale = self.positive(per_channel if self.yes() else ())
        values = self.file.tensor(self.rng.normal(0, 2, shape) * scale)
        if kind == "bipolar":
            return self.file.bipolar(values, scale)
        bits = 2 if kind == "ternary" else self.number(3, 5)
        return self.file.quant(values, bits, scale, narrow=int(kind == "ternary") or self.number(0, 1))

    # ------------------------------------------------------------------------------------------ functions

    def functions(self, x: str, shape: tuple[int, ...]) -> str:
        """What may stand between a layer and its quantizer."""
        spread = (shape[0], *(1,) * (len(shape) - 1))
        for _ in range(self.number(0, 2)):
            kind = self.pick("scale", "shift", "divide", "from", "relu", "clip", "same", "axes", "cube")
            if kind == "scale":
                x = self.file.node("Mul", x, self.file.tensor(self.floats(spread)))
            elif kind == "shift":
                x = self.file.node("Add", x, self.file.tensor(self.floats(spread)))
            elif kind == "divide":
                x = self.file.node("Div", x, self.file.tensor(self.positive(spread)))
            elif kind == "from":
                x = self.file.node("Sub", self.file.tensor(self.floats(())), x)
            elif kind == "relu":
                x = self.file.node("Relu", x)
            elif kind == "clip":
                x = self.file.node("Clip", x, self.file.tensor(-1.5), self.file.tensor(2.5))
            elif kind == "axes":
                x = self.file.node("Unsqueeze", x, self.indices([1]))
                x = self.file.node("Squeeze", x, self.indices([1]))
            elif kind == "cube":
                x = self.file.node("Pow", x, self.file.tensor(float(self.pick(1, 3))))
                return x  # the executor's float32 has no room for more
            else:
                x = self.file.node(str(self.pick("Identity", "Dropout")), x)
        if self.yes():
            x = self.normalized(x, shape[0])
        return x

    def chosen(self, x: str) -> str:
        """One constant where a value reaches another, else a third."""
        reached = self.file.node("GreaterOrEqual", x, self.file.tensor(float(self.number(-2, 2))))
        low, high = self.pick((-1.0, 1.0), (0.0, 1.0), (2.0, -2.0))  # type: ignore[misc]
        return self.file.node("Where", reached, self.file.tensor(high), self.file.tensor(low))

    def normalized(self, x: str, channels: int) -> str:
        """Batch normalization with falling, constant and rising channels; variances with and without a root."""
        gamma = self.rng.choice([-2, -1, -0.5, 0, 0.5, 1, 3], channels)
        squares = self.exact and self.yes()
        variance = self.rng.choice([0.25, 1, 4, 16], channels) if squares else self.rng.uniform(0.1, 9, channels)
        epsilon = 0.0 if squares else 1e-5
        return self.file.normalize(x, gamma, self.floats(channels), self.floats(channels), variance, epsilon)

    # ------------------------------------------------------------------------------------------ maps

    def conv(self, x: str, shape: tuple[int, ...], same: bool = False) -> tuple[str, tuple[int, ...]]:
        """Convolution of quantized maps; ``same`` keeps the shape."""
        channels, sizes = shape[0], shape[1:]
        if same:
            weights = self.weights((channels, channels, *(1,) * len(sizes)), 0)
            return self.file.node("Conv", x, weights), shape
        groups = self.number(1, 2) if channels % 2 == 0 else int(self.pick(1, channels))
        outputs = groups * self.number(1, 3)
        kernel = [self.number(1, min(3, n)) for n in sizes]
        dilations = [self.number(1, 2) if (k - 1) * 2 < n else 1 for k, n in zip(kernel, sizes, strict=True)]
        strides = [self.number(1, 2) for _ in sizes]
        pads = [self.number(0, 1) for _ in (*sizes, *sizes)]
        if self.yes():  # zeros in a node of their own
            x = self.file.node("Pad", x, self.indices([0, 0, *pads[: len(sizes)], 0, 0, *pads[len(sizes) :]]))
            sizes = tuple(sum(parts) for parts in zip(pads, sizes, pads[len(sizes) :], strict=False))
            pads = [0] * len(pads)
        inputs = [x, self.weights((outputs, channels // groups, *kernel), 0)]
        if self.yes():
            inputs.append(self.file.tensor(self.floats(outputs)))
        attributes = {"strides": strides, "pads": pads, "dilations": dilations, "group": groups}
        n = len(sizes)
        if max(dilations) == 1 and self.number(0, 2) == 0:  # the executor knows no dilation with it
            attributes["auto_pad"] = self.pick("SAME_UPPER", "SAME_LOWER")
            del attributes["pads"]
            out = [-(-size // stride) for size, stride in zip(sizes, strides, strict=True)]
            return self.file.node("Conv", *inputs, kernel_shape=kernel, **attributes), (outputs, *out)
        out = [
            (size + pads[k] + pads[n + k] - dilations[k] * (kernel[k] - 1) - 1) // strides[k] + 1
            for k, size in enumerate(sizes)
        ]
        return self.file.node("Conv", *inputs, kernel_shape=kernel, **attributes), (outputs, *out)

    def pooled(self, x: str, shape: tuple[int, ...], op: str) -> tuple[str, tuple[int, ...]]:
        """Pool with pads and strides; a maximum's last window may reach over the end."""
        kernel = [min(2, n) for n in shape[1:]]
        strides = [self.number(1, 2) for _ in kernel]
        pads = [self.number(0, 1) if k > 1 else 0 for k in (*kernel, *kernel)]
        options = {"ceil_mode": self.number(0, 1)} if op == "MaxPool" and not any(pads) else {}
        if op == "AveragePool":
            pads = [self.number(0, 1) if k > 1 else 0 for k in kernel] * 2
            biased = len(self.file.nodes[-1].input) > 2  # an average of a bias and of pads is no function of a sum
            options = {"count_include_pad": 0 if biased else self.number(0, 1)}
        out = []
        for k, size in enumerate(shape[1:]):
            free = size + pads[k] + pads[len(kernel) + k] - kernel[k]
            out.append(free // strides[k] + 1 + bool(options.get("ceil_mode") and free % strides[k]))
        x = self.file.node(op, x, kernel_shape=kernel, strides=strides, pads=pads, **options)
        return x, (shape[0], *out)

    def whole_mean(self, x: str, shape: tuple[int, ...]) -> tuple[str, tuple[int, ...]]:
        """Mean of each channel, as either exporter writes it."""
        if self.yes():
            return self.file.node("GlobalAveragePool", x), (shape[0], *(1 for _ in shape[1:]))
        keep = self.number(0, 1)
        axes = list(range(2, 1 + len(shape)))
        return self.file.node("ReduceMean", x, axes=axes, keepdims=keep), (shape[0], *[1 for _ in shape[1:]] * keep)

    def layer(self, x: str, shape: tuple[int, ...]) -> tuple[str, tuple[int, ...]]:
        """Convolution, functions, a pool, a quantizer."""
        x, shape = self.conv(x, shape)
        kind = self.pick("none", "before", "behind", "average", "mean")
        if kind == "mean":
            x = self.quantized(x)
            x, shape = self.whole_mean(x, shape)
        elif kind == "average":
            x, shape = self.pooled(x, shape, "AveragePool")
        x = self.functions(x, shape)
        if kind == "before":
            x, shape = self.pooled(x, shape, "MaxPool")
        x = self.quantized(x)
        return self.pooled(x, shape, "MaxPool") if kind == "behind" else (x, shape)

    def residual(self, x: str, shape: tuple[int, ...]) -> tuple[str, tuple[int, ...]]:
        """Two branches on grids of a small ratio, added or subtracted."""
        scale = float(self.positive())
        first = self.quantized(self.conv(x, shape, same=True)[0], scale)
        second = self.quantized(self.conv(x, shape, same=True)[0], scale * float(self.pick(0.5, 1, 2)))
        return self.quantized(self.functions(self.file.node(str(self.pick("Add", "Sub")), first, second), shape)), shape

    def fire(self, x: str, shape: tuple[int, ...]) -> tuple[str, tuple[int, ...]]:
        """Two branches side by side."""
        scale = float(self.positive())
        first = self.quantized(self.conv(x, shape, same=True)[0], scale)
        second = self.quantized(self.conv(x, shape, same=True)[0], scale * float(self.pick(1, 2)))
        return self.file.node("Concat", first, second, axis=1), (2 * shape[0], *shape[1:])

    def shuffled(self, x: str, shape: tuple[int, ...]) -> tuple[str, tuple[int, ...]]:
        """Channels dealt out like cards, or a split whose halves change places."""
        channels, sizes = shape[0], shape[1:]
        if channels == 1:
            return x, shape
        if channels % 2:
            return self.file.node("Slice", x, *map(self.indices, ([0], [channels - 1], [1]))), (channels - 1, *sizes)
        if self.yes():
            x = self.file.node("Reshape", x, self.indices([0, 2, channels // 2, *sizes]))
            x = self.file.node("Transpose", x, perm=[0, 2, 1, *range(3, 3 + len(sizes))])
            return self.file.node("Reshape", x, self.indices([0, channels, *sizes])), shape
        self.file.node("Split", x, axis=1)
        halves = self.file.nodes[-1]
        halves.output[:] = [f"{halves.name}_left", f"{halves.name}_right"]
        return self.file.node("Concat", halves.output[1], halves.output[0], axis=1), shape

    def indices(self, values: list[int]) -> str:
        return self.file.tensor(values, dtype=np.int64)

    # ------------------------------------------------------------------------------------------ dense

    def dense(self, x: str, columns: int, rows: int) -> str:
        """Fully connected layer by MatMul or Gemm."""
        if self.yes():
            return self.file.node("MatMul", x, self.weights((columns, rows), 1))
        attributes = {"alpha": float(self.pick(0.5, 1)), "beta": float(self.pick(1, 2))}
        turned = self.number(0, 1)
        shape = (rows, columns) if turned else (columns, rows)
        inputs = [x, self.weights(shape, 1 - turned), self.file.tensor(self.floats(rows))]
        return self.file.node("Gemm", *inputs, transB=turned, **attributes)

    def head(self, x: str, classes: int) -> str:
        """What turns scores to a class."""
        kind = self.pick("none", "scale", "softmax", "argmax", "topk")
        if kind == "scale":
            x = self.file.node("Mul", x, self.file.tensor(self.positive(classes)))
            x = self.file.node("Add", x, self.file.tensor(self.floats(classes)))
        if kind == "softmax":
            x = self.file.node("Softmax", x, axis=1)
        if kind == "topk":
            x = self.file.node("TopK", x, self.indices([1]), axis=1, name="ArgTopK")
            self.file.nodes[-1].output[:] = ["best", x]
            return x
        return self.file.node("ArgMax", x, axis=1, keepdims=self.number(0, 1)) if kind == "argmax" else x


@st.composite
def models(draw: st.DrawFn, batch: int) -> tuple[onnx.ModelProto, tuple[int, ...], int]:
    """A file that says the batch is ``batch``, the shape of a sample, and a seed for data."""
    sizes = draw(st.sampled_from([(5, 4), (4, 3), (7,)]))
    shape = (draw(st.integers(2, 3)), *sizes)
    seed = draw(st.integers(0, 1 << 20))
    author = Author(draw, QonnxFile(shape, batch), np.random.default_rng(seed), draw(st.booleans()))
    sample, x = shape, "x"
    if author.yes():
        x = author.file.node("Mul", x, author.file.tensor(author.positive()))
    if author.yes():
        spread = author.pick((), (shape[0], *(1 for _ in sizes)), shape)
        x = author.file.node(str(author.pick("Add", "Sub")), x, author.file.tensor(author.floats(spread)))  # type: ignore[arg-type]
    x = author.quantized(x)
    for _ in range(author.number(0, 2)):
        block = author.pick(author.layer, author.residual, author.fire, author.shuffled)
        x, shape = block(x, shape)  # type: ignore[operator]
        if len(shape) == 1:
            break
    if author.yes() and len(shape) == 3:
        x = author.file.node("Transpose", x, perm=[0, 2, 3, 1])
    x, columns = author.file.node("Flatten", x), prod(shape)
    if author.yes():
        x = author.functions(author.dense(x, columns, 6), (6,))
        x = author.chosen(x) if author.number(0, 3) == 0 else author.quantized(x)
        columns = 6
    output = author.head(author.dense(x, columns, 4), 4)
    type = onnx.TensorProto.INT64 if output.startswith("Arg") else onnx.TensorProto.FLOAT
    return author.file.proto(output, type=type), sample, seed
