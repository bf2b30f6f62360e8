"""What handlers share: the node they read, the graph they add to, and the table they stand in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from icepop.compiler.errors import ModelError
from icepop.compiler.exact.budget import Budget
from icepop.compiler.exact.grid import Grid
from icepop.compiler.exact.symbols import Codes, Constant, Neurons, Padded, Symbol, Value
from icepop.compiler.graph import Graph
from icepop.compiler.ops.base import Op
from icepop.compiler.ops.window import MAX_ELEMENTS


@dataclass(frozen=True)
class Node:
    """A node of the file.

    Parameters
    ----------
    name, op_type, domain : str
        As in the file.
    inputs : tuple of str
        Tensor names.
    outputs : tuple of str
        Tensor names.
    attributes : dict
        By name, with strings decoded.
    """

    name: str
    op_type: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"node '{self.name}' ({self.op_type})"


class OpBuilder(Protocol):
    """What handlers need of the graph under construction."""

    graph: Graph
    budget: Budget

    def add(self, op: Op) -> Symbol:
        """Append an op; returns its whole result."""

    def free_name(self, name: str) -> str:
        """The name, with a number behind it where an op has it already."""

    def grid(self, symbol: Symbol) -> tuple[str, Grid]:
        """Op whose flattened result holds a quantized symbol's codes in order, and what the codes mean."""

    def coded(self, symbol: Symbol) -> tuple[Symbol, Grid]:
        """A quantized symbol's codes, without steps and in the same layout, and what they mean, element by element."""

    def settled(self, symbol: Symbol) -> Symbol:
        """The same values; quantized ones become codes with one affine step."""

    def tensor(self, symbol: Symbol) -> Symbol:
        """The same function, over a whole result of the symbol's shape."""


Handler = Callable[[Node, Sequence[Value], OpBuilder], Value | tuple[Value, ...]]
H = TypeVar("H", bound=Handler)
HANDLERS: dict[str, Handler] = {}


def handles(*op_types: str) -> Callable[[H], H]:
    """Register a handler for op types."""

    def register(handler: H) -> H:
        HANDLERS.update(dict.fromkeys(op_types, handler))
        return handler

    return register


def constant(node: Node, value: Value, what: str) -> NDArray[Any]:
    """Array of an input that must be a constant; quantized ones as float64, which holds them exactly."""
    if isinstance(value, Codes):
        exact = value.codes.astype(np.float64) * value.scale
        if np.abs(value.codes).max(initial=0) >= 1 << 29:
            raise ModelError(f"node '{node.name}' ({node.op_type}): {what} must have codes below 2**29")
        return exact
    if not isinstance(value, Constant):
        raise ModelError(f"node '{node.name}' ({node.op_type}): {what} must be a constant, not computed from the input")
    return value.value


def folded(node: Node, function: Callable[..., NDArray[Any]], a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """Result of two constants, in float32 as ONNX computes it."""
    if prod(np.broadcast_shapes(a.shape, b.shape)) > MAX_ELEMENTS:
        raise ModelError(f"node '{node.name}' ({node.op_type}): the result must have at most {MAX_ELEMENTS} elements")
    with np.errstate(all="ignore"):  # what is not finite is refused here
        result = function(a, b)
    if not np.isfinite(result).all():
        raise ModelError(f"node '{node.name}' ({node.op_type}): the result of constants must be finite")
    return result


def symbol(node: Node, value: Value) -> Symbol:
    """An input that must depend on the model's input."""
    if isinstance(value, Padded):
        raise ModelError(f"{node} follows a Pad, but only a Conv may")
    if isinstance(value, Neurons):
        raise ModelError(
            f"node '{node.name}' ({node.op_type}) must not read look-up table neurons, whose votes a ReduceSum counts"
        )
    if not isinstance(value, Symbol):
        raise ModelError(f"node '{node.name}' ({node.op_type}) is supported on computed values only, not on constants")
    return value
