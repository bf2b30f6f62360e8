"""Reading an ONNX file as data: size, syntax and values are checked before anything is built from it."""

from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx import numpy_helper

from icepop.compiler.errors import ModelError

MAX_BYTES = 1 << 30
"""Largest model file that is read."""


def read_model(path: Path) -> onnx.ModelProto:
    """Parse a model file; tensors stay inside it.

    Raises
    ------
    ModelError
        No such file, larger than 1 GiB, not ONNX, or cut off.
    """
    if not path.is_file():
        raise ModelError(f"no model file '{path}'; 'icepop train' writes one")
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise ModelError(f"model file '{path}' has {size} bytes, but at most {MAX_BYTES} (1 GiB) are read")
    model = onnx.ModelProto()
    try:
        model.ParseFromString(path.read_bytes())
    except DecodeError as error:
        raise ModelError(f"'{path}' is not an ONNX file, or is cut off; export it again") from error
    if not model.graph.node or not model.graph.output:
        raise ModelError(f"'{path}' is not an ONNX file, or is cut off: it holds no network; export it again")
    return model


def tensor_value(tensor: onnx.TensorProto, name: str) -> NDArray:
    """Array of a tensor in the file; floats as float32.

    Raises
    ------
    ModelError
        NaN or infinity, values that are not there, or stored in another file.
    """
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        raise ModelError(f"tensor '{name}' lies in another file; save the model with its tensors inside")
    try:
        value = numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError) as error:
        raise ModelError(f"tensor '{name}' is broken: its data do not fill its shape {list(tensor.dims)}") from error
    if value.dtype.kind != "f":
        return value
    with np.errstate(over="ignore"):  # a double beyond float32 becomes infinite, which is refused here
        value = value.astype(np.float32)
    if not np.isfinite(value).all():
        where = np.argwhere(~np.isfinite(value))[0].tolist()
        raise ModelError(f"tensor '{name}' must be finite, not {value[tuple(where)]} at index {where}")
    return value
