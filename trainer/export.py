"""Write a trained network as a QONNX file."""

from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor

from icepop.trainer.layers import KBitInput, QuantConv, QuantLinear, QuantProduct, Thermometer
from icepop.trainer.models import POOL, Block, QuantNet
from icepop.trainer.quantizers import Quantizer
from icepop.trainer.writer import Writer, write

QONNX_DOMAIN = "qonnx.custom_op.general"


def build(model: QuantNet) -> onnx.ModelProto:
    """QONNX model of a network in evaluation mode.

    The layers are called ``conv1``, ``fc2``, ``bn2``, ``act2``, …; input ``x`` is float32 (N, features), output
    ``logits`` float32 (N, classes). Weights are stored as their codes, on which the file's quantizer changes nothing.

    Parameters
    ----------
    model : QuantNet
        Trained network.

    Returns
    -------
    onnx.ModelProto
        Opset 13 and QONNX's ``BipolarQuant`` and ``Quant``.
    """
    writer = Writer("x")
    with torch.no_grad():
        _encoder(writer, model)
        maps = bool(model.spec.channels)
        for number, block in enumerate(model.hidden, start=1):
            maps = _flat_for(writer, block.product, maps)
            _block(writer, block, number)
        _flat_for(writer, model.head, maps)
        _product(writer, model.head, f"fc{len(model.hidden) + 1}")
    writer.nodes[-1].output[0] = "logits"
    widths = {"x": model.spec.features, "logits": model.spec.classes}
    return writer.model(widths, {QONNX_DOMAIN: 1})


def save(model: QuantNet, path: Path) -> None:
    """Write `build`'s model to ``path``; an interrupted call leaves what was there before."""
    write(build(model), path)


def _encoder(writer: Writer, model: QuantNet) -> None:
    """Append the input encoder; a thermometer uses standard ops only, so that any runtime executes it."""
    encoder, (first, *size) = model.encoder, model.spec.maps
    if isinstance(encoder, KBitInput):
        if size:
            writer.then("Reshape", "encode_maps", writer.tensor("encode_shape", np.array([0, first, *size])))
        _quant(writer, "encode", encoder.quantizer, encoder.quantizer.step.item())
    if isinstance(encoder, Thermometer):
        thresholds = encoder.thresholds.numpy().reshape(-1, *(1 for _ in size))
        writer.then("Reshape", "encode_split", writer.tensor("encode_split_shape", np.array([0, first, 1, *size])))
        writer.then("GreaterOrEqual", "encode_reached", writer.tensor("encode_thresholds", thresholds))
        values = [writer.tensor(f"encode_{name}", np.array(v, np.float32)) for name, v in (("plus", 1), ("minus", -1))]
        writer.last = writer.node("Where", "encode_bits", [writer.last, *values])
        width = np.array([0, encoder.width(first), *size])
        writer.then("Reshape", "encode", writer.tensor("encode_shape", width))


def _flat_for(writer: Writer, product: QuantLinear | QuantConv, maps: bool) -> bool:
    """Flatten maps before a dense layer; returns whether what follows is maps."""
    if maps and isinstance(product, QuantLinear):
        writer.then("Flatten", "flatten", axis=1)
    return maps and not isinstance(product, QuantLinear)


def _block(writer: Writer, block: Block, number: int) -> None:
    """Append product, batch normalization, quantizer and pool of a hidden layer."""
    kind = "conv" if isinstance(block.product, QuantConv) else "fc"
    _product(writer, block.product, f"{kind}{number}")
    state = block.norm.state_dict()
    names = [
        writer.tensor(f"bn{number}_{name}", state[name].numpy())
        for name in ("weight", "bias", "running_mean", "running_var")
    ]
    writer.then("BatchNormalization", f"bn{number}", *names, epsilon=block.norm.eps)
    _quant(writer, f"act{number}", block.activation, block.activation.scale(block.norm.weight).item())
    if block.pooled:
        writer.then("MaxPool", f"pool{number}", kernel_shape=[POOL, POOL], strides=[POOL, POOL])


def _product(writer: Writer, product: QuantLinear | QuantConv, name: str) -> None:
    """Append the product of a layer and, unless it is 1, its scale."""
    scale = product.scale()
    if isinstance(product, QuantConv):
        weight = _weight(writer, name, product, product.windows())
        writer.then("Conv", name, weight, pads=[product.kernel // 2] * 4)
        factor = scale[:, None, None] if scale.dim() else scale
    else:
        weight = _weight(writer, name, product, product.codes().T.contiguous())
        writer.then("MatMul", name, weight)
        factor = scale
    if not bool((scale == 1).all()):
        writer.then("Mul", f"{name}_scale", writer.tensor(f"{name}_scale_factor", factor.numpy()))


def _weight(writer: Writer, name: str, product: QuantProduct, codes: Tensor) -> str:
    """Quantized weight of a layer; returns its tensor, the chain goes on from where it was."""
    data, writer.last = writer.last, writer.tensor(f"{name}_weight", codes.numpy())
    _quant(writer, f"{name}_weight_quant", product.quantizer)
    weight, writer.last = writer.last, data
    return weight


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
