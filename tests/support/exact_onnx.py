"""Values of a QONNX file's tensors in exact arithmetic on the file's own parameters.

The judge of the compiler: written from the definitions of the operators, sharing nothing with it.
"""

from collections.abc import Mapping
from typing import Any

import exact_layers  # noqa: F401  fills the table of operators
import exact_layout  # noqa: F401  fills the table of operators
import numpy as np
import onnx
from exact_ops import OPERATORS, Array, Call, exact
from numpy.typing import ArrayLike
from onnx import helper, numpy_helper

QUANTIZERS = ("Quant", "IntQuant", "BipolarQuant")
LINEAR = ("MatMul", "Gemm", "Conv")
MOVES = (
    "Reshape",
    "Flatten",
    "Transpose",
    "Squeeze",
    "Unsqueeze",
    "Identity",
    "Dropout",
    "MaxPool",
    "Split",
    "Slice",
    "Pad",
)


class ExactRun:
    """Tensors of a model, each computed when it is asked for.

    Parameters
    ----------
    model : onnx.ModelProto
        The file.
    given : mapping of str to array
        Values of tensors, such as the model's input; floats are taken as the rationals that they are.
    """

    def __init__(self, model: onnx.ModelProto, given: Mapping[str, ArrayLike]) -> None:
        self.opsets = {entry.domain: entry.version for entry in model.opset_import}
        self.producers = {name: node for node in model.graph.node for name in node.output}
        self.values: dict[str, Array] = {t.name: exact(numpy_helper.to_array(t)) for t in model.graph.initializer}
        self.values.update({name: exact(value) for name, value in given.items()})

    def __getitem__(self, tensor: str) -> Array:
        if tensor not in self.values:
            self.compute(self.producers[tensor])
        return self.values[tensor]

    def compute(self, node: onnx.NodeProto) -> None:
        """Store the outputs of a node."""
        inputs = [self[name] if name else None for name in node.input]
        attributes = {attribute.name: attribute_value(attribute) for attribute in node.attribute}
        call = Call(inputs, attributes, self.opsets.get(node.domain, 1), len(node.output))
        result = OPERATORS[node.op_type](call)
        outputs = result if isinstance(result, tuple) else (result,)
        self.values.update({name: exact(value) for name, value in zip(node.output, outputs, strict=False) if name})

    def quantizer(self, tensor: str) -> onnx.NodeProto | None:
        """The quantizer whose values a tensor holds, if they are only moved about."""
        node = self.producers.get(tensor)
        if node is None or node.op_type in QUANTIZERS:
            return node
        if node.op_type == "Concat":
            found = [self.quantizer(name) for name in node.input]
            units = {tuple(self[each.input[1]].reshape(-1)) for each in found if each}
            return found[0] if None not in found and len(units) == 1 else None
        return self.quantizer(node.input[0]) if node.op_type in MOVES else None

    def scale(self, tensor: str) -> Array:
        """Scale of each element of a quantized tensor, moved about as the tensor is."""
        node = self.producers[tensor]
        if node.op_type in QUANTIZERS:
            return np.broadcast_to(self[node.input[1]], self[node.input[0]].shape)
        assert node.op_type in MOVES, f"{tensor} is computed by {node.op_type}, not by a quantizer"
        others = [self[name] for name in node.input[1:]]
        attributes = {attribute.name: attribute_value(attribute) for attribute in node.attribute}
        result = OPERATORS[node.op_type](Call([self.scale(node.input[0]), *others], attributes, self.opsets.get("", 1)))
        assert not isinstance(result, tuple)
        return result


def attribute_value(attribute: onnx.AttributeProto) -> Any:
    """Number, string, list or array."""
    value = helper.get_attribute_value(attribute)
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    return value.decode() if isinstance(value, bytes) else value


def input_name(model: onnx.ModelProto) -> str:
    """The one input that is not a parameter."""
    parameters = {tensor.name for tensor in model.graph.initializer}
    (name,) = (info.name for info in model.graph.input if info.name not in parameters)
    return name
