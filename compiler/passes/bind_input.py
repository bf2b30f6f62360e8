"""Bind the format of the input: the model's first quantizer becomes integer comparisons of its codes."""

from dataclasses import replace
from math import prod

import numpy as np

from icepop.compiler.graph import Graph
from icepop.compiler.input_format import InputFormat
from icepop.compiler.ops.base import Op
from icepop.compiler.ops.encode import Encode
from icepop.compiler.ops.input import Input
from icepop.compiler.types import TensorType


def bind_input(graph: Graph, format: InputFormat) -> Graph:
    """Graph that takes codes of a format instead of floats; equal to the given one on every code's value.

    An `Encode` that would give every code back unchanged is left out; the input then has its shape.
    """
    source = graph.input.name
    bound = [
        replace(op, thresholds=code_thresholds(op, format)) if isinstance(op, Encode) and op.inputs == (source,) else op
        for op in graph.ops[1:]
    ]
    shape, same = graph.types[source].shape, None
    for op in bound:
        if isinstance(op, Encode) and op.inputs == (source,) and gives_back(op, format, prod(shape)):
            shape, same = op.shape, op.name
            break
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
