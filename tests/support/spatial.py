"""Parts of convolutional networks, and their comparison with qonnx's executor, tensor by tensor.

Data and parameters are short binary fractions, so that the executor's float32 arithmetic is exact too, ties included.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from qonnx_file import QonnxFile, executed

from icepop.compiler.frontend.load import load_graph
from icepop.compiler.graph import Graph
from icepop.compiler.ops.max_pool import MaxPool

Rng = np.random.Generator
SHAPE = (2, 6, 5)
BATCH = 30


def signs(rng: Rng, *shape: int) -> NDArray[np.int64]:
    return rng.choice([-1, 1], shape)


def data(rng: Rng, shape: tuple[int, ...] = SHAPE) -> NDArray[np.float32]:
    return (rng.integers(-12, 13, (BATCH, *shape)) / 4).astype(np.float32)


def conv(m: QonnxFile, rng: Rng, x: str, shape: tuple[int, ...], name: str, **attributes: object) -> str:
    """Binary convolution with weights of this shape."""
    return m.node("Conv", x, m.bipolar(m.tensor(signs(rng, *shape))), name=name, **attributes)


def normalized(m: QonnxFile, rng: Rng, x: str, channels: int) -> str:
    """Batch normalization with falling, constant and rising channels, squares for variances and many ties."""
    gamma = rng.permutation(np.resize([-1, 0, 0.5, -2, 1, 3], channels))
    mean, beta = rng.integers(-3, 4, channels), rng.integers(-4, 5, channels) / 2
    return m.normalize(x, gamma, beta, mean, rng.choice([0.25, 1, 4, 16], channels), 0.0)


def classes(m: QonnxFile, rng: Rng, x: str) -> str:
    """Flatten, in NCHW order, into 5 classes."""
    shape = executed(m.proto(x), np.zeros((m.batch, *m.shape), np.float32))[x].shape
    return m.dense(m.node("Flatten", x), signs(rng, int(np.prod(shape[1:])), 5), "fc")


def is_affine(values: NDArray[np.float32], codes: NDArray[np.int64], any_slope: bool) -> bool:
    """Whether real values are a rising affine function of integers in each channel (axis 1)."""
    v = np.moveaxis(values.astype(np.float64), 1, 0).reshape(values.shape[1], -1)
    c = np.moveaxis(codes.astype(np.float64), 1, 0).reshape(values.shape[1], -1)
    rows, low, high = np.arange(len(c)), c.argmin(axis=1), c.argmax(axis=1)
    run, rise = (array[rows, high] - array[rows, low] for array in (c, v))
    on_line = (v - v[rows, low][:, None]) * run[:, None] == (c - c[rows, low][:, None]) * rise[:, None]
    constant = (v == v[:, :1]).all(axis=1)
    return bool(np.where(run == 0, constant, on_line.all(axis=1) & (any_slope | (rise > 0))).all())


def agreement(m: QonnxFile, output: str, folder: Path, x: NDArray[np.float32], but: str = "unlike") -> Graph:
    """Graph of a file, once every op named after a node (but one), and the class, agree with the executor."""
    expected = executed(m.proto(output), x)
    graph = load_graph(m.save(folder / "model.onnx", output))
    results = graph.run(x)
    compared = 0
    for op in graph.ops[1:]:
        reference = expected.get(f"{op.name}_out")
        if reference is not None and op.name != but and reference.shape == results[op.name].shape:
            assert is_affine(reference, results[op.name], isinstance(op, MaxPool)), op.name
            compared += 1
    assert compared >= 2
    scores = expected[output].reshape(len(x), -1)
    assert (results["argmax"][:, 0] == scores.argmax(axis=1)).all()
    return graph


def agreements(network: Callable[[QonnxFile, Rng], str], folder: Path) -> list[Graph]:
    """Graphs of some random networks; they are no use if all samples look alike to them."""
    graphs, classes = [], set()
    for seed in range(3):
        rng = np.random.default_rng(seed)
        m = QonnxFile(SHAPE, batch=BATCH)
        output, x = network(m, rng), data(rng)
        graphs.append(agreement(m, output, folder, x))
        classes |= set(graphs[-1].run(x)["argmax"][:, 0].tolist())
    assert len(classes) > 1
    return graphs
