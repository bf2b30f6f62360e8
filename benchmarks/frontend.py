"""Time and memory of the compiler's front half: from a QONNX file to integers.

    python benchmarks/frontend.py [FILE.onnx ...]

Measures networks of its own, each in a process of its own, and then the files that are named.
"""

import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from time import perf_counter, process_time

import numpy as np

from icepop.compiler.frontend.load import load_graph

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from qonnx_file import QonnxFile


def weights(file: QonnxFile, rng: np.random.Generator, shape: tuple[int, ...], bits: int, axis: int) -> str:
    """Random weights with a scale of any digits for each output channel; one bit is binary."""
    scale = rng.uniform(0.5, 2, [size if k == axis else 1 for k, size in enumerate(shape)])
    values = file.tensor(rng.normal(size=shape) * scale)
    return file.bipolar(values) if bits == 1 else file.quant(values, bits, scale / (1 << bits - 1), narrow=1)


def normalized(file: QonnxFile, rng: np.random.Generator, x: str, channels: int, spread: float) -> str:
    """Batch normalization of random statistics."""
    gamma, beta, mean = rng.normal(1, 0.3, channels), rng.normal(size=channels), rng.normal(0, spread / 4, channels)
    return file.normalize(x, gamma, beta, mean, rng.uniform(0.5, 2, channels) * spread**2, 1e-5)


def mlp(widths: list[int], bits: int, levels: int, ties: bool = False) -> QonnxFile:
    """Dense layers with batch normalization, rectified activations and a scale for each channel.

    With ``ties``, weights have no scale and there are biases of half a step instead.
    """
    file, rng = QonnxFile((widths[0],)), np.random.default_rng(0)
    x = file.quant("x", levels, 1 / (1 << levels - 1))
    for k, (columns, rows) in enumerate(pairwise(widths)):
        w = file.bipolar(file.tensor(rng.normal(size=(columns, rows)))) if ties else None
        x = file.node("MatMul", x, w or weights(file, rng, (columns, rows), bits, 1), name=f"fc{k}")
        if k < len(widths) - 2:
            if ties:
                x = file.node("Add", x, file.tensor(rng.integers(-64, 65, rows) / (1 << levels)))
            else:
                x = normalized(file, rng, x, rows, columns**0.5)
            x = file.node("Relu", x)
            x = file.quant(x, levels, 4 / (1 << levels), signed=0)
    return file


def cnv(channels: list[int]) -> QonnxFile:
    """Binary convolutions in pairs with pools between them, as CIFAR-10 networks have, and three dense layers."""
    file, rng = QonnxFile((3, 32, 32)), np.random.default_rng(0)
    x, before = file.quant("x", 8, 1 / 128), 3
    for k, count in enumerate(channels):
        x = file.node("Conv", x, weights(file, rng, (count, before, 3, 3), 1, 0), name=f"conv{k}")
        x = file.bipolar(normalized(file, rng, x, count, 3 * before**0.5))
        if k % 2 and k < len(channels) - 1:
            x = file.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
        before = count
    x = file.node("Flatten", x)
    for k, (columns, rows) in enumerate([(before, 512), (512, 512), (512, 10)]):
        x = file.node("MatMul", x, weights(file, rng, (columns, rows), 1, 1), name=f"fc{k}")
        if rows > 10:
            x = file.bipolar(normalized(file, rng, x, rows, columns**0.5))
    return file


NETWORKS: dict[str, tuple[Callable[[], QonnxFile], str]] = {
    "mlp-3bit": (lambda: mlp([784, 256, 192, 64, 10], 3, 3), "MLP of 260k 3-bit weights, scale per channel"),
    "mlp-8bit": (lambda: mlp([64, 64, 64, 10], 8, 8), "two layers of 64 channels, 8-bit weights and activations"),
    "mlp-ties": (
        lambda: mlp([64, 64, 64, 10], 1, 8, ties=True),
        "binary weights, 8-bit activations, powers of two: ties",
    ),
    "mlp-16bit": (lambda: mlp([64, 64, 64, 10], 8, 16), "the same with 16-bit activations"),
    "cnv": (lambda: cnv([64, 64, 128, 128, 256, 256]), "binary CNV of 1.5 M weights"),
    "mlp-10m": (lambda: mlp([1024, 2816, 2560, 10], 3, 4), "MLP of 10 M 3-bit weights"),
}


def measure(path: Path) -> None:
    """Print what reading a file takes, the imports aside."""
    started, computed = perf_counter(), process_time()
    graph = load_graph(path)
    seconds, busy = perf_counter() - started, process_time() - computed
    count = sum(op.weights.size for op in graph.ops if hasattr(op, "weights"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)
    print(
        f"{count} weights, {len(graph.ops)} ops: {seconds:.2f} s, {busy:.2f} s of CPU, peak {peak:.2f} GiB", flush=True
    )


def main() -> None:
    """Measure one file here, or everything in processes of their own."""
    if sys.argv[1:2] == ["--one"]:
        measure(Path(sys.argv[2]))
        return
    with tempfile.TemporaryDirectory() as folder:
        for name, (make, what) in NETWORKS.items():
            file, path = make(), Path(folder) / f"{name}.onnx"
            file.save(path, f"{file.nodes[-1].name}_out")
            print(f"{name:10} {what}: ", end="", flush=True)
            subprocess.run([sys.executable, __file__, "--one", str(path)], check=True)
    for path in sys.argv[1:]:
        print(f"{path}: ", end="", flush=True)
        subprocess.run([sys.executable, __file__, "--one", path], check=True)


if __name__ == "__main__":
    main()
