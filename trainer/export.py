"""Write a trained network as a QONNX file."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from icepop.compiler.files import replacing
from icepop.trainer.layers import KBitInput, QuantLinear, Thermometer
from icepop.trainer.models import Block, Mlp
from icepop.trainer.quantizers import Quantizer

OPSET = 13
IR_VERSION = 8  # the oldest that opset 13 and onnxruntime of every supported release agree on
QONNX_DOMAIN = "qonnx.custom_op.general"


@dataclass
class _Writer:
    """Nodes and tensors of a chain; ``last`` is the tensor that the next node reads."""

    last: str
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    tensors: dict[str, onnx.TensorProto] = field(default_factory=dict)

    def tensor(self, name: str, value: NDArray[np.float32] | NDArray[np.int64]) -> str:
        """Store an initializer and return its name."""
        self.tensors[name] = numpy_helper.from_array(value, name)
        return name

    def node(self, op: str, name: str, inputs: Sequence[str], domain: str = "", **attributes: Any) -> str:
        """Append a node; return the name of its output."""
        output = f"{name}_out"
        self.nodes.append(helper.make_node(op, list(inputs), [output], name=name, domain=domain, **attributes))
        return output

    def then(self, op: str, name: str, *tensors: str, **attributes: Any) -> None:
        """Append a node that continues the chain."""
        self.last = self.node(op, name, (self.last, *tensors), **attributes)


def build(model: Mlp) -> onnx.ModelProto:
    """QONNX model of a network in evaluation mode.

    The layers are called ``fc1``, ``bn1``, ``act1``, …; input ``x`` is float32 (N, features), output ``logits`` float32
    (N, classes). Weights are stored as their codes, on which the file's quantizer changes nothing.

    Parameters
    ----------
    model : Mlp
        Trained network.

    Returns
    -------
    onnx.ModelProto
        Opset 13 and QONNX's ``BipolarQuant`` and ``Quant``.
    """
    writer = _Writer("x")
    with torch.no_grad():
        _encoder(writer, model)
        for number, block in enumerate(model.hidden, start=1):
            _block(writer, block, number)
        _linear(writer, model.head, f"fc{len(model.hidden) + 1}")
    writer.nodes[-1].output[0] = "logits"
    graph = helper.make_graph(
        writer.nodes,
        "icepop",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", model.spec.features])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", model.spec.classes])],
        list(writer.tensors.values()),
    )
    return helper.make_model(
        graph,
        producer_name="icepop",
        producer_version=version("icepop"),
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(QONNX_DOMAIN, 1)],
    )


def save(model: Mlp, path: Path) -> None:
    """Write `build`'s model to ``path``; an interrupted call leaves what was there before."""
    data = build(model).SerializeToString(deterministic=True)
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def _encoder(writer: _Writer, model: Mlp) -> None:
    """Append the input encoder; a thermometer uses standard ops only, so that any runtime executes it."""
    encoder = model.encoder
    if isinstance(encoder, KBitInput):
        _quant(writer, "encode", encoder.quantizer, encoder.quantizer.step.item())
    if isinstance(encoder, Thermometer):
        thresholds = encoder.thresholds.numpy()
        features = model.spec.features
        writer.then("Reshape", "encode_split", writer.tensor("encode_split_shape", np.array([0, features, 1])))
        writer.then("GreaterOrEqual", "encode_reached", writer.tensor("encode_thresholds", thresholds))
        values = [writer.tensor(f"encode_{name}", np.array(v, np.float32)) for name, v in (("plus", 1), ("minus", -1))]
        writer.last = writer.node("Where", "encode_bits", [writer.last, *values])
        width = np.array([0, encoder.width(features)])
        writer.then("Reshape", "encode", writer.tensor("encode_shape", width))


def _block(writer: _Writer, block: Block, number: int) -> None:
    """Append product, batch normalization and quantizer of a hidden layer."""
    _linear(writer, block.linear, f"fc{number}")
    state = block.norm.state_dict()
    names = [
        writer.tensor(f"bn{number}_{name}", state[name].numpy())
        for name in ("weight", "bias", "running_mean", "running_var")
    ]
    writer.then("BatchNormalization", f"bn{number}", *names, epsilon=block.norm.eps)
    _quant(writer, f"act{number}", block.activation, block.activation.scale(block.norm.weight).item())


def _linear(writer: _Writer, linear: QuantLinear, name: str) -> None:
    """Append the product of a layer and, unless it is 1, its scale."""
    data, writer.last = writer.last, writer.tensor(f"{name}_weight", linear.codes().T.contiguous().numpy())
    _quant(writer, f"{name}_weight_quant", linear.quantizer)
    weight, writer.last = writer.last, data
    writer.then("MatMul", name, weight)
    scale = linear.scale()
    if not bool((scale == 1).all()):
        writer.then("Mul", f"{name}_scale", writer.tensor(f"{name}_scale_factor", scale.numpy()))


def _quant(writer: _Writer, name: str, quantizer: Quantizer, scale: float = 1.0) -> None:
    """Append the QONNX node of a quantizer whose code step is ``scale``."""
    step = writer.tensor(f"{name}_scale", np.array(scale, np.float32))
    if quantizer.bits == 1 and quantizer.signed:
        writer.then("BipolarQuant", name, step, domain=QONNX_DOMAIN)
        return
    zero = writer.tensor(f"{name}_zero_point", np.array(0, np.float32))
    bits = writer.tensor(f"{name}_bits", np.array(quantizer.bits, np.float32))
    attributes = {"signed": int(quantizer.signed), "narrow": int(quantizer.narrow), "rounding_mode": "ROUND"}
    writer.then("Quant", name, step, zero, bits, domain=QONNX_DOMAIN, **attributes)
