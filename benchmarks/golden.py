"""The golden run's speed beside qonnx's executor, at the file's own batch of 1 and batched, in one run.

    python benchmarks/golden.py ../shared/cases/TFC_1W1A.onnx ../shared/data/mnist.npz --key x_test

Integers in the data are divided by 255. The executor gets a copy of the file in qonnx's own words, and for the batched
run one whose batch is 1000. Every run is repeated and the fastest counts; labels of the batched runs are compared.
"""

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import numpy as np
import onnx
import typer
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.infer_shapes import InferShapes

from icepop.compiler.frontend.load import load_graph

BATCH = 1000
SINGLES = 20


def fastest(run: Callable[[], Any], repeats: int = 3) -> tuple[float, Any]:
    """Seconds of the fastest of some runs, and its result."""
    best, result = float("inf"), None
    for _ in range(repeats):
        started = perf_counter()
        result = run()
        best = min(best, perf_counter() - started)
    return best, result


def executor(model: onnx.ModelProto, batch: int) -> Callable[[Any], Any]:
    """Function that runs the model by qonnx for one batch and gives its output."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for node in copy.graph.node:
        node.domain = "qonnx.custom_op.general" if node.domain else ""
    copy.opset_import.append(onnx.helper.make_opsetid("qonnx.custom_op.general", 1))
    stored = {tensor.name for tensor in copy.graph.initializer}
    inputs = [info for info in copy.graph.input if info.name not in stored]
    del copy.graph.input[:]
    copy.graph.input.extend(inputs)
    for info in (*copy.graph.input, *copy.graph.output):
        info.type.tensor_type.shape.dim[0].dim_value = batch
    del copy.graph.value_info[:]
    wrapper = ModelWrapper(copy).transform(InferShapes())
    entry, output = inputs[0].name, copy.graph.output[0].name
    return lambda x: execute_onnx(wrapper, {entry: x})[output]


def main(
    model: Path,
    data: Path,
    key: Annotated[str, typer.Option(help="array of the npz that holds the samples")] = "x",
    limit: Annotated[int, typer.Option(help="samples of the golden run")] = 10000,
) -> None:
    """Print both speeds, for single samples and for batches."""
    warnings.filterwarnings("ignore")  # of the executor, about shapes it guesses
    graph = load_graph(model)
    shape = graph.types[graph.input.name].shape
    with np.load(data) as file:
        x = file[key][:limit]
    x = (x / np.float32(255) if x.dtype.kind in "iu" else x).astype(np.float32).reshape(-1, *shape)
    proto = onnx.load(model)
    whole, results = fastest(lambda: graph.run(x))
    labels = results[graph.output.name][:, 0]
    print(f"golden: {len(x)} samples in {whole:.3f} s, {len(x) / whole:.0f}/s", flush=True)
    single = executor(proto, 1)
    ones, _ = fastest(lambda: [single(x[k : k + 1]) for k in range(SINGLES)])
    rate = SINGLES / ones
    print(f"qonnx at batch 1: {rate:.1f}/s; golden is {len(x) / whole / rate:.0f} times as fast", flush=True)
    batched = executor(proto, BATCH)
    part = x[:BATCH]
    many, scores = fastest(lambda: batched(part))
    ours, _ = fastest(lambda: graph.run(part))
    print(f"qonnx at batch {BATCH}: {len(part) / many:.0f}/s; golden is {many / ours:.1f} times as fast")
    same = int((scores.reshape(len(part), -1).argmax(axis=1) == labels[: len(part)]).sum())
    print(f"same label for {same} of {len(part)}")
    if same < len(part):
        sys.exit(1)


if __name__ == "__main__":
    typer.run(main)
