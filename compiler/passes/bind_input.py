"""Bind the format of the input: the model's first quantizer becomes integer comparisons of its codes."""

from dataclasses import replace

import numpy as np

from icepop.compiler.graph import Graph
from icepop.compiler.input_format import InputFormat
from icepop.compiler.ops.base import Op
from icepop.compiler.ops.encode import Encode
from icepop.compiler.ops.input import Input
from icepop.compiler.types import TensorType


def bind_input(graph: Graph, format: InputFormat) -> Graph:
    """Graph that takes codes of a format instead of floats; equal to the given one on every code's value.

    Codes rise with the floats they stand for, so a pool of floats becomes one of codes. The input has the shape that
    all its quantizers keep, if they do and nothing else reads it; an `Encode` that would give every code back unchanged
    is left out.
    """
    source, length = graph.input.name, graph.types[graph.input.name].length
    bound = [
        replace(op, thresholds=code_thresholds(op, format))
        if isinstance(op, Encode) and graph.types[op.inputs[0]].domain is None
        else op
        for op in graph.ops[1:]
    ]
    readers = [op for op in bound if source in op.inputs]
    read = [op for op in readers if isinstance(op, Encode)]
    orders = {op.shape if isinstance(op, Encode) and in_order(op, length) else None for op in readers}
    shape = next(iter(orders)) if len(orders) == 1 else None
    shape = shape or graph.types[source].shape
    same = next((op.name for op in read if op.shape == shape and gives_back(op, format, length)), None)
    ops: list[Op] = [Input(source, (), TensorType(shape, format.domain))]
    ops += [
        replace(op, inputs=tuple(source if name == same else name for name in op.inputs))
        for op in bound
        if op.name != same
    ]
    return Graph(tuple(ops))


def code_thresholds(encode: Encode, format: InputFormat) -> np.ndarray:
    """Smallest code whose value reaches each threshold; one step beyond the domain where none does."""
    place = np.searchsorted(format.values, encode.thresholds, side="left")
    return format.domain.lo + format.domain.step * place.astype(np.int64)


def gives_back(encode: Encode, format: InputFormat, length: int) -> bool:
    """Whether an integer `Encode` of an input of this length is the identity."""
    domain = encode.domain
    steps = np.arange(domain.lo + domain.step, domain.hi + 1, domain.step)
    return domain == format.domain and in_order(encode, length) and bool((encode.thresholds == steps).all())


def in_order(encode: Encode, length: int) -> bool:
    """Whether an `Encode` of an input of this length keeps the order of its elements."""
    return np.array_equal(encode.source, np.arange(length))
