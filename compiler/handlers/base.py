"""What handlers share: the node they read, the graph they add to, and the table they stand in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from icepop.compiler.errors import ModelError
from icepop.compiler.ops.base import Op
from icepop.compiler.symbols import Codes, Constant, Symbol, Value


@dataclass(frozen=True)
class Node:
    """A node of the file.

    Parameters
    ----------
    name, op_type, domain : str
        As in the file.
    inputs : tuple of str
        Tensor names.
    output : str
        First output's tensor name.
    attributes : dict
        By name, with strings decoded.
    """

    name: str
    op_type: str
    domain: str
    inputs: tuple[str, ...]
    output: str
    attributes: dict[str, Any] = field(default_factory=dict)


class OpBuilder(Protocol):
    """What handlers need of the graph under construction."""

    def add(self, op: Op) -> Symbol:
        """Append an op; returns its whole result."""

    def codes(self, symbol: Symbol) -> tuple[str, Fraction]:
        """Op that computes a quantized symbol's codes, and the real value of one code."""


Handler = Callable[[Node, Sequence[Value], OpBuilder], Value]
HANDLERS: dict[str, Handler] = {}


def handles(*op_types: str) -> Callable[[Handler], Handler]:
    """Register a handler for op types."""

    def register(handler: Handler) -> Handler:
        HANDLERS.update(dict.fromkeys(op_types, handler))
        return handler

    return register


def constant(node: Node, value: Value, what: str) -> NDArray[Any]:
    """Array of an input that must be a constant."""
    if isinstance(value, Codes):
        return (value.codes * value.scale).astype(np.float32)
    if not isinstance(value, Constant):
        raise ModelError(f"node '{node.name}' ({node.op_type}): {what} must be a constant, not computed from the input")
    return value.value


def folded(node: Node, function: Callable[..., NDArray[Any]], a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """Result of two constants, in float32 as ONNX computes it."""
    with np.errstate(all="ignore"):  # what is not finite is refused here
        result = function(a, b)
    if not np.isfinite(result).all():
        raise ModelError(f"node '{node.name}' ({node.op_type}): the result of constants must be finite")
    return result


def symbol(node: Node, value: Value) -> Symbol:
    """An input that must depend on the model's input."""
    if not isinstance(value, Symbol):
        raise ModelError(f"node '{node.name}' ({node.op_type}) is supported on computed values only, not on constants")
    return value
