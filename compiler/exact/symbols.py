"""What the front end knows of a tensor: a constant, weight codes, or functions of one op's elements."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from icepop.compiler.errors import ModelError
from icepop.compiler.exact.steps.base import Step
from icepop.compiler.ops.lut_vote import ENTRIES, INPUTS
from icepop.compiler.ops.window import MAX_ELEMENTS
from icepop.compiler.types import IntArray

MAX_VALUE = 1 << 24
"""Below it, float32 arithmetic on integers is exact."""
Layout = Callable[[NDArray[Any]], NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Constant:
    """A known array.

    Parameters
    ----------
    value : array
        As in the file: float32, or integers of a shape computation.
    """

    value: NDArray[Any]

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.value.size

    def rearranged(self, layout: Layout) -> "Constant":
        """Constant after a reshape, transpose or the like."""
        return Constant(layout(self.value))


@dataclass(frozen=True, eq=False)
class Codes:
    """Quantized constants, such as weights.

    Parameters
    ----------
    codes : int64 array
        Value over scale.
    scale : float32 array
        Broadcasts to the codes' shape.
    """

    codes: IntArray
    scale: NDArray[np.float32]

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.codes.size

    def rearranged(self, layout: Layout) -> "Codes":
        """Codes after a reshape, transpose or the like."""
        return Codes(layout(self.codes), layout(np.broadcast_to(self.scale, self.codes.shape)))


@dataclass(frozen=True, eq=False)
class Symbol:
    """A tensor whose every element is a function of one element of an op's result.

    Parameters
    ----------
    source : str
        The op.
    index : int64 array (1, *shape)
        Which element of the op's flattened result each element reads; the batch axis has length 1.
    steps : tuple of Step
        Functions applied in turn; their parameters broadcast to the shape of ``index``.
    label : str
        Name of the last quantizer among them; it becomes the name of the op.
    coded : bool
        Whether the op's result are codes, or sums of codes, which a layer may read without another quantizer.
    """

    source: str
    index: IntArray
    steps: tuple[Step, ...] = ()
    label: str = ""
    coded: bool = False

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.index.size

    @property
    def quantized(self) -> bool:
        """Whether the values are few: the source's already, or because a quantizer is among the steps."""
        return self.coded or any(step.quantizes for step in self.steps)

    def named(self, label: str) -> "Symbol":
        """Symbol labelled with the node of its quantizer."""
        return replace(self, label=label)

    def then(self, step: Step) -> "Symbol":
        """Symbol with one more function; the tensor grows to the shape of the parameters."""
        shape = np.broadcast_shapes(self.index.shape, *(parameter.shape for parameter in step.parameters))
        if len(shape) != self.index.ndim or shape[0] != 1:
            raise ValueError(f"parameters of shape {shape} do not belong to a tensor of shape {self.index.shape}")
        if prod(shape) > MAX_ELEMENTS:
            raise ValueError(f"a tensor must have at most {MAX_ELEMENTS} elements, not {shape}")
        return replace(self, index=np.broadcast_to(self.index, shape), steps=(*self.steps, step))

    def rearranged(self, layout: Layout) -> "Symbol":
        """Symbol after a reshape, transpose or the like."""
        shape = self.index.shape

        def spread(parameter: NDArray[Any]) -> NDArray[Any]:
            return parameter.reshape(()) if parameter.size == 1 else layout(np.broadcast_to(parameter, shape))

        return replace(self, index=layout(self.index), steps=tuple(step.reshaped(spread) for step in self.steps))


@dataclass(frozen=True, eq=False)
class Padded:
    """A symbol with zeros around its maps, which a convolution takes into its window.

    Parameters
    ----------
    symbol : Symbol
        What is inside.
    before, after : tuple of int
        Zeros at the low and the high end of each spatial axis.
    """

    symbol: Symbol
    before: tuple[int, ...]
    after: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of elements inside."""
        return self.symbol.size

    def rearranged(self, layout: Layout) -> "Padded":
        """Refuse: zeros are no elements."""
        raise ValueError("only a Conv may follow a Pad")


@dataclass(frozen=True, eq=False)
class Neurons:
    """A tensor whose every element is a function of up to four bits of an op's result, stored as its truth table.

    Parameters
    ----------
    source : str
        The op; its result holds 0 and 1, or -1 and +1.
    index : int64 array (1, *shape, 4)
        Which elements of the op's flattened result each element reads, least significant address bit first.
    tables : int64 array (1, *shape, 16)
        Value at each address.
    """

    source: str
    index: IntArray
    tables: IntArray

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the tensor, with a batch of 1."""
        return self.index.shape[:-1]

    @property
    def size(self) -> int:
        """Numbers that are stored."""
        return self.index.size + self.tables.size

    def mapped(self, function: Callable[[IntArray], NDArray[Any]]) -> "Neurons":
        """Neurons with a function applied to every entry of every table.

        Raises
        ------
        ModelError
            A result is no integer that float32 holds exactly.
        """
        values = function(self.tables)
        if (np.abs(values) >= MAX_VALUE).any() or (values % 1 != 0).any():
            raise ModelError(f"functions of the bits of '{self.source}' must be integers below 2**24")
        return replace(self, tables=values.astype(np.int64))

    def rearranged(self, layout: Layout) -> "Neurons":
        """Neurons after a reshape, transpose or the like."""
        place = layout(np.arange(int(np.prod(self.shape))).reshape(self.shape))
        return replace(
            self,
            index=self.index.reshape(-1, INPUTS)[place],
            tables=self.tables.reshape(-1, ENTRIES)[place],
        )


Value = Constant | Codes | Symbol | Padded | Neurons


def natural(index: IntArray) -> bool:
    """Whether an index reads elements 0, 1, 2, … in order."""
    return bool((index.reshape(-1) == np.arange(index.size)).all())
