"""The files that are handed out with the project: what others have exported."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from judge import judge
from qonnx_file import executed

from icepop.compiler.frontend.load import load_graph

SHARED = Path(__file__).parents[2].parent / "shared"


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """Some of MNIST's test images, as floats in [0, 1]."""
    if not (SHARED / "cases" / "perchannel_w3a3.onnx").exists():
        pytest.skip(f"{SHARED} does not hold perchannel_w3a3.onnx and mnist.npz")
    with np.load(SHARED / "data" / "mnist.npz") as file:
        return (file["x_test"][:300].astype(np.float32) / np.float32(255))[:, None]


def test_three_bits_with_scales_per_channel(images: np.ndarray) -> None:
    """Exact accumulators and codes of every layer; classes with scales and biases of their own as the executor's."""
    path = SHARED / "cases" / "perchannel_w3a3.onnx"
    model, graph = onnx.load(path), load_graph(path)
    judge(graph, model, images[:1])
    stored = {tensor.name for tensor in model.graph.initializer}
    inputs = [info for info in model.graph.input if info.name not in stored]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    labels = graph.run(images[:25])["argmax"][:, 0]
    output = model.graph.output[0].name
    expected = [int(executed(model, image[None])[output].argmax()) for image in images[:25]]
    assert labels.tolist() == expected
