"""Write a trained network as a QONNX file."""

from pathlib import Path

import numpy as np
import onnx
import torch

from icepop.trainer.layers import KBitInput, QuantLinear, Thermometer
from icepop.trainer.models import Block, Mlp
from icepop.trainer.quantizers import Quantizer
from icepop.trainer.writer import Writer, write

QONNX_DOMAIN = "qonnx.custom_op.general"


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
    writer = Writer("x")
    with torch.no_grad():
        _encoder(writer, model)
        for number, block in enumerate(model.hidden, start=1):
            _block(writer, block, number)
        _linear(writer, model.head, f"fc{len(model.hidden) + 1}")
    writer.nodes[-1].output[0] = "logits"
    widths = {"x": model.spec.features, "logits": model.spec.classes}
    return writer.model(widths, {QONNX_DOMAIN: 1})


def save(model: Mlp, path: Path) -> None:
    """Write `build`'s model to ``path``; an interrupted call leaves what was there before."""
    write(build(model), path)


def _encoder(writer: Writer, model: Mlp) -> None:
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


def _block(writer: Writer, block: Block, number: int) -> None:
    """Append product, batch normalization and quantizer of a hidden layer."""
    _linear(writer, block.linear, f"fc{number}")
    state = block.norm.state_dict()
    names = [
        writer.tensor(f"bn{number}_{name}", state[name].numpy())
        for name in ("weight", "bias", "running_mean", "running_var")
    ]
    writer.then("BatchNormalization", f"bn{number}", *names, epsilon=block.norm.eps)
    _quant(writer, f"act{number}", block.activation, block.activation.scale(block.norm.weight).item())


def _linear(writer: Writer, linear: QuantLinear, name: str) -> None:
    """Append the product of a layer and, unless it is 1, its scale."""
    data, writer.last = writer.last, writer.tensor(f"{name}_weight", linear.codes().T.contiguous().numpy())
    _quant(writer, f"{name}_weight_quant", linear.quantizer)
    weight, writer.last = writer.last, data
    writer.then("MatMul", name, weight)
    scale = linear.scale()
    if not bool((scale == 1).all()):
        writer.then("Mul", f"{name}_scale", writer.tensor(f"{name}_scale_factor", scale.numpy()))


def _quant(writer: Writer, name: str, quantizer: Quantizer, scale: float = 1.0) -> None:
    """Append the QONNX node of a quantizer whose code step is ``scale``."""
    step = writer.tensor(f"{name}_scale", np.array(scale, np.float32))
    if quantizer.bits == 1 and quantizer.signed:
        writer.then("BipolarQuant", name, step, domain=QONNX_DOMAIN)
        return
    zero = writer.tensor(f"{name}_zero_point", np.array(0, np.float32))
    bits = writer.tensor(f"{name}_bits", np.array(quantizer.bits, np.float32))
    attributes = {"signed": int(quantizer.signed), "narrow": int(quantizer.narrow), "rounding_mode": "ROUND"}
    writer.then("Quant", name, step, zero, bits, domain=QONNX_DOMAIN, **attributes)
