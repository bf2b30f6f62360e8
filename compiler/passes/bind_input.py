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

    The input has the shape that all its quantizers keep, if they do; an `Encode` that would give every code back
    unchanged is left out.
    """
    source, length = graph.input.name, graph.types[graph.input.name].length
    bound = [
        replace(op, thresholds=code_thresholds(op, format)) if isinstance(op, Encode) and op.inputs == (source,) else op
        for op in graph.ops[1:]
    ]
    read = [op for op in bound if isinstance(op, Encode) and op.inputs == (source,)]
    orders = {op.shape if np.array_equal(op.source, np.arange(length)) else None for op in read}
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
    return (
        domain == format.domain
        and np.array_equal(encode.source, np.arange(length))
        and bool((encode.thresholds == steps).all())
    )
