"""Small QONNX files, built node by node, and their values by qonnx's own executor."""

import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike, NDArray
from onnx import TensorProto, helper, numpy_helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.infer_shapes import InferShapes

QONNX = "qonnx.custom_op.general"


@dataclass
class QonnxFile:
    """A model under construction, with one float32 input ``x``.

    Parameters
    ----------
    shape : tuple of int
        Shape of one sample.
    batch : int
        What the file says the batch is.
    opset : int
        Version of the standard ops.
    domain : str
        Domain of the quantizers.
    """

    shape: tuple[int, ...]
    batch: int = 1
    opset: int = 13
    domain: str = QONNX
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    tensors: dict[str, onnx.TensorProto] = field(default_factory=dict)

    def tensor(self, value: ArrayLike, name: str = "", dtype: Any = np.float32) -> str:
        """Store a constant and return its name."""
        name = name or f"c{len(self.tensors)}"
        self.tensors[name] = numpy_helper.from_array(np.asarray(value, dtype), name)
        return name

    def node(self, op: str, *inputs: str, name: str = "", domain: str = "", **attributes: Any) -> str:
        """Append a node and return the name of its output, ``<name>_out``."""
        name = name or f"{op}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [f"{name}_out"], name=name, domain=domain, **attributes))
        return f"{name}_out"

    def bipolar(self, x: str, scale: ArrayLike = 1.0, name: str = "") -> str:
        """Append a BipolarQuant."""
        return self.node("BipolarQuant", x, self.tensor(scale), name=name, domain=self.domain)

    def quant(
        self, x: str, bits: int, scale: ArrayLike = 1.0, zero: float = 0.0, name: str = "", **attributes: Any
    ) -> str:
        """Append a Quant."""
        attributes = {"signed": 1, "narrow": 0, "rounding_mode": "ROUND", **attributes}
        inputs = (x, self.tensor(scale), self.tensor(zero), self.tensor(bits))
        return self.node("Quant", *inputs, name=name, domain=self.domain, **attributes)

    def dense(self, x: str, weights: ArrayLike, name: str) -> str:
        """Append a product with binary weights (K, N), given by their signs."""
        return self.node("MatMul", x, self.bipolar(self.tensor(weights), name=f"{name}_weight"), name=name)

    def normalize(self, x: str, gamma: ArrayLike, beta: ArrayLike, mean: ArrayLike, var: ArrayLike, eps: float) -> str:
        """Append a BatchNormalization."""
        return self.node(
            "BatchNormalization", x, *(self.tensor(value) for value in (gamma, beta, mean, var)), epsilon=eps
        )

    def proto(self, output: str, parameters_as_inputs: bool = False, type: int = TensorProto.FLOAT) -> onnx.ModelProto:
        """Model whose output is tensor ``output``."""
        inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [self.batch, *self.shape])]
        if parameters_as_inputs:
            inputs += [helper.make_tensor_value_info(t.name, t.data_type, t.dims) for t in self.tensors.values()]
        outputs = [helper.make_tensor_value_info(output, type, None)]
        graph = helper.make_graph(self.nodes, "test", inputs, outputs, list(self.tensors.values()))
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid(self.domain, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)

    def save(self, path: Path, output: str, **options: Any) -> Path:
        """Write the model to a file."""
        path.write_bytes(self.proto(output, **options).SerializeToString())
        return path


def executed(model: onnx.ModelProto, x: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    """Every tensor of a model for its first input, by qonnx's executor; the batch must be what the file says."""
    wrapper = ModelWrapper(model).transform(InferShapes())
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Output shapes disagree")  # its guess where a shape is computed
        return dict(execute_onnx(wrapper, {model.graph.input[0].name: x}, return_full_exec_context=True))
