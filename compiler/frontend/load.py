"""QONNX file to integer graph.

Each node of the file has a handler, looked up by its op type. A handler gets what is known of the node's inputs
(`Constant`, `Codes` or `Symbol`) and returns the same of its output; where a layer needs integers, the functions that
have piled up since the last one become an `Encode` or a `Threshold`.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper

from icepop.compiler.errors import IcepopError, ModelError
from icepop.compiler.exact.symbols import Constant, Neurons, Symbol, Value
from icepop.compiler.frontend import handlers
from icepop.compiler.frontend.arrange import whole
from icepop.compiler.frontend.builder import Builder
from icepop.compiler.frontend.handlers.base import HANDLERS, Node
from icepop.compiler.frontend.handlers.heads import scores
from icepop.compiler.frontend.model_file import read_model, tensor_value
from icepop.compiler.graph import Graph
from icepop.compiler.ops.argmax import ArgMax
from icepop.compiler.ops.input import Input
from icepop.compiler.ops.linear import SUMMING
from icepop.compiler.registry import modules
from icepop.compiler.types import TensorType

list(modules(handlers))  # importing the files fills the table

MAX_NODES = 1 << 13
MAX_LIVE = 1 << 25
"""Nodes of the largest file, and elements of all its tensors that are needed at one time; beyond, it is hostile."""

DOMAINS = frozenset({"", "ai.onnx", "qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general"})
"""Op sets that are read; the last two are older names of QONNX."""


UNREADABLE = (ValueError, TypeError, AttributeError, IndexError, KeyError, ArithmeticError, MemoryError)
"""What handlers raise on attributes and inputs of other kinds or shapes than their op type has."""


def load_graph(path: Path) -> Graph:
    """Integer graph of a QONNX file: its input, `Encode`, layers and thresholds, and an `ArgMax`.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    Graph
        Its golden run equals exact arithmetic on the file's parameters.

    Raises
    ------
    ModelError
        The file cannot be read, or holds something that is not supported: the node and its op type are named.
    """
    model = read_model(path)
    if len(model.graph.node) > MAX_NODES:
        raise ModelError(f"'{path}' has {len(model.graph.node)} nodes, but at most {MAX_NODES} are read")
    values: dict[str, Value] = {
        tensor.name: Constant(tensor_value(tensor, tensor.name)) for tensor in model.graph.initializer
    }
    entry, type = input_of(model, values)
    builder = Builder(Graph((Input(entry, (), type),)))
    values[entry] = whole(entry, type.shape)
    name = answer(model.graph)
    evaluate(model.graph, name, values, builder)
    if name not in values:
        raise ModelError(f"the model's output '{name}' is not computed by any node")
    try:
        return classified(values[name], builder)
    except UNREADABLE as error:
        raise ModelError(f"the model's output '{name}' cannot be read: {error}") from error


def evaluate(graph: onnx.GraphProto, output: str, values: dict[str, Value], builder: Builder) -> None:
    """Add the value of every node; values that nothing needs any more are dropped."""
    live = sum(value.size for value in values.values())
    last = {tensor: number for number, node in enumerate(graph.node) for tensor in node.input} | {output: -1}
    for number, node in enumerate(map(read_node, graph.node)):
        missing = [name for name in node.inputs if name and name not in values]
        if missing:
            raise ModelError(f"node '{node.name}' ({node.op_type}) reads '{missing[0]}', which nothing before it gives")
        builder.budget.where = str(node)
        inputs = [values[name] for name in node.inputs if name]
        results = handle(node, inputs, builder)
        if any(value.size == 0 and not isinstance(value, Constant) for value in results):
            raise ModelError(f"node '{node.name}' ({node.op_type}) gives a tensor without elements; remove it")
        builder.budget.spend(sum(value.size for value in results) // 64)
        given = dict(zip(node.outputs, results, strict=False))
        replaced = [values.pop(tensor) for tensor in given if tensor in values]
        values.update(given)
        unread = [values.pop(tensor) for tensor in {*node.inputs} - {""} if last[tensor] == number]
        live += sum(value.size for value in given.values()) - sum(value.size for value in [*replaced, *unread])
        if live > MAX_LIVE:
            raise ModelError(f"node '{node.name}' ({node.op_type}): all tensors together exceed {MAX_LIVE} elements")


def answer(graph: onnx.GraphProto) -> str:
    """Tensor that is the model's answer: its one output, or the class where a TopK gives score and class."""
    names = [output.name for output in graph.output]
    for node in graph.node:
        if node.op_type == "TopK" and len(node.output) == 2 and {*names} <= {*node.output}:
            return node.output[1]
    if len(names) > 1:
        listed = ", ".join(f"'{name}'" for name in names)
        raise ModelError(
            f"the model must have one output, not {len(names)} ({listed}); remove the others from the file"
        )
    return names[0]


def input_of(model: onnx.ModelProto, values: dict[str, Value]) -> tuple[str, TensorType]:
    """Name and type of the one input that is not a parameter; the batch axis is dropped."""
    inputs = [info for info in model.graph.input if info.name not in values]
    if len(inputs) != 1:
        names = ", ".join(f"'{info.name}'" for info in inputs) or "none"
        raise ModelError(f"the model must have one input, not {len(inputs)} ({names})")
    tensor = inputs[0].type.tensor_type
    if tensor.elem_type != onnx.TensorProto.FLOAT:
        raise ModelError(f"the model's input '{inputs[0].name}' must be float32")
    shape = tuple(dim.dim_value for dim in tensor.shape.dim)[1:]
    if not shape or any(size <= 0 for size in shape) or int(np.prod(shape, dtype=object)) > 1 << 24:
        raise ModelError(f"the model's input '{inputs[0].name}' must have a fixed shape behind the batch, not {shape}")
    return inputs[0].name, TensorType(shape, None)


def read_node(proto: onnx.NodeProto) -> Node:
    """Node of the file; its first output names it where it has no name."""
    name = proto.name or (proto.output[0] if proto.output else "?")
    attributes = {attribute.name: attribute_value(attribute, name) for attribute in proto.attribute}
    return Node(name, proto.op_type, proto.domain, tuple(proto.input), tuple(proto.output), attributes)


def attribute_value(attribute: onnx.AttributeProto, node: str) -> Any:
    """Number, string, list or array of a node's attribute."""
    try:
        value = helper.get_attribute_value(attribute)
        if isinstance(value, onnx.TensorProto):
            return tensor_value(value, f"{node}.{attribute.name}")
        if isinstance(value, bytes):
            return value.decode()
    except (ValueError, TypeError) as error:
        raise ModelError(f"node '{node}': attribute '{attribute.name}' cannot be read: {error}") from error
    if attribute.type in (attribute.FLOAT, attribute.FLOATS) and not np.isfinite(value).all():
        raise ModelError(f"node '{node}': attribute '{attribute.name}' must be finite, not {value}")
    return value


def handle(node: Node, inputs: list[Value], builder: Builder) -> tuple[Value, ...]:
    """Values of a node's outputs, as many as its handler knows."""
    if node.domain not in DOMAINS or node.op_type not in HANDLERS:
        raise ModelError(
            f"node '{node.name}' has op type '{node.op_type}', which is not supported; "
            f"supported are: {', '.join(sorted(HANDLERS))}"
        )
    try:
        with np.errstate(over="raise", divide="raise", invalid="raise"):
            result = HANDLERS[node.op_type](node, inputs, builder)
        return result if isinstance(result, tuple) else (result,)
    except IcepopError:
        raise
    except UNREADABLE as error:
        raise ModelError(f"node '{node.name}' ({node.op_type}) cannot be read: {error}") from error


def classified(output: Value, builder: Builder) -> Graph:
    """Graph that ends in an `ArgMax` of the output's scores, if it does not already."""
    if isinstance(output, Neurons):
        raise ModelError("the model's output must be sums of look-up table neurons, not the neurons themselves")
    if not isinstance(output, Symbol):
        raise ModelError("the model's output does not depend on its input")
    if not any(isinstance(op, SUMMING) for op in builder.graph.ops):
        raise ModelError("the model must hold a layer with quantized weights: MatMul, Gemm or Conv")
    if not isinstance(builder.graph.output, ArgMax):
        builder.add(ArgMax("argmax", (scores(output, builder),)))
    elif output.source != builder.graph.output.name or output.steps:
        raise ModelError("the model's output must be what its ArgMax gives, unchanged")
    read = {name for op in builder.graph.ops for name in op.inputs}
    for op in builder.graph.ops[:-1]:
        if op.name not in read:
            raise ModelError(f"layer '{op.name}' does not lead to the model's output; remove it from the file")
    return builder.graph
