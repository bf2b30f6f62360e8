"""Reading an ONNX file as data: size, syntax and values are checked before anything is built from it."""

from collections.abc import Iterator
from math import prod
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from icepop.compiler.errors import ModelError
from icepop.compiler.frontend.wire import Outline

MAX_BYTES = 1 << 26
"""Most bytes of a model file and the tensors beside it: 16 million float32, which take 1 GiB to read."""
MAX_STRUCTURE = 1 << 22
"""Most bytes of a model file that are no numbers of tensors."""
SIZES = {type: np.dtype(helper.tensor_dtype_to_np_dtype(type)).itemsize for type in (1, 2, 3, 4, 5, 6, 7, 9, 10, 11)}
"""Bytes of one element by ONNX data type, of those that a tensor beside the file may have."""


def read_model(path: Path) -> onnx.ModelProto:
    """Parse a model file; tensors that it stores in files beside it are read too.

    Raises
    ------
    ModelError
        No such file, larger than 64 MiB, not ONNX, or cut off; or a tensor's file is not there, is too short, or lies
        outside of the model's folder.
    """
    if not path.is_file():
        raise ModelError(f"no model file '{path}'; 'icepop train' writes one")
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise ModelError(f"model file '{path}' has {size} bytes, but at most {MAX_BYTES} (64 MiB) are read")
    content = path.read_bytes()
    try:
        structure = size - Outline(content).numbers
        if structure > MAX_STRUCTURE:
            raise ModelError(
                f"model file '{path}' has {structure} bytes beside the numbers of its tensors, but at most "
                f"{MAX_STRUCTURE} (4 MiB) are read; store tensors as raw or float data, and no notes"
            )
        model = onnx.ModelProto.FromString(content)
    except OverflowError as error:
        raise ModelError(f"model file '{path}' must have no more than {error}") from error
    except (DecodeError, ValueError) as error:
        raise ModelError(f"'{path}' is not an ONNX file, or is cut off; export it again") from error
    if not model.graph.node or not model.graph.output:
        raise ModelError(f"'{path}' is not an ONNX file, or is cut off: it holds no network; export it again")
    budget = MAX_BYTES - size
    for tensor in tensors(model.graph):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            budget -= take_in(tensor, path.parent, budget)
    return model


def tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Every tensor of a graph and its nodes."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.TENSOR:
                yield attribute.t


def take_in(tensor: onnx.TensorProto, folder: Path, budget: int) -> int:
    """Put a tensor that lies in a file of the model's folder into the model; returns its bytes."""
    place = {entry.key: entry.value for entry in tensor.external_data}
    name, location = tensor.name, place.get("location", "")
    file = folder / location
    if not location or "\0" in location or not file.resolve().is_relative_to(folder.resolve()):
        raise ModelError(f"tensor '{name}' lies in '{location}', which must be a file in the model's folder")
    if not file.is_file():
        raise ModelError(f"tensor '{name}' lies in '{file}', which is no file; copy it there with the model")
    if tensor.data_type not in SIZES or any(size < 0 for size in tensor.dims):
        raise ModelError(f"tensor '{name}' in '{file}' must have a shape and numbers, not {list(tensor.dims)}")
    size = prod(tensor.dims) * SIZES[tensor.data_type]
    try:
        offset, length = int(place.get("offset", 0)), int(place.get("length", size))
    except ValueError as error:
        raise ModelError(f"tensor '{name}' must have a number as offset and length in '{file}'") from error
    if size > budget:
        raise ModelError(f"tensor '{name}' in '{file}' takes the model beyond {MAX_BYTES} bytes (64 MiB)")
    if length != size or offset < 0 or offset + length > file.stat().st_size:
        raise ModelError(f"tensor '{name}' is broken: its {size} bytes are not at {offset} in '{file}'")
    with file.open("rb") as stream:
        stream.seek(offset)
        tensor.raw_data = stream.read(length)
    tensor.ClearField("external_data")
    tensor.data_location = onnx.TensorProto.DEFAULT
    return size


def tensor_value(tensor: onnx.TensorProto, name: str) -> NDArray:
    """Array of a tensor in the file; floats as float32.

    Raises
    ------
    ModelError
        NaN or infinity, or values that are not there.
    """
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        raise ModelError(f"tensor '{name}' lies in another file, which is supported for parameters only")
    try:
        value = numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError, OverflowError, MemoryError) as error:
        raise ModelError(f"tensor '{name}' is broken: its data do not fill its shape {list(tensor.dims)}") from error
    if value.dtype.kind != "f":
        return value
    with np.errstate(over="ignore"):  # a double beyond float32 becomes infinite, which is refused here
        value = value.astype(np.float32)
    if not np.isfinite(value).all():
        where = np.argwhere(~np.isfinite(value))[0].tolist()
        raise ModelError(f"tensor '{name}' must be finite, not {value[tuple(where)]} at index {where}")
    return value
