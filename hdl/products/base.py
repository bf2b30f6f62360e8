"""What a product provides: the bits that weights and activations contribute to an accumulator."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from amaranth import Module, Value

from icepop.compiler.planner.plan import Resources
from icepop.compiler.types import Domain, IntArray
from icepop.hdl.products.activation import Activation


@dataclass(frozen=True, eq=False)
class Operands:
    """What is multiplied: rows of constant weights by the beats of a stream.

    Parameters
    ----------
    weights : int64 array (rows, pixels, channels)
        Weight codes in the order of the stream: the taps of a window one after the other, of a vector one pixel.
    domain : Domain
        Values of the activations.
    lanes : int
        Activations a beat; the last beat of a pixel is filled with zero bits.
    padded : bool
        Whether pixels may lie outside the map, where the activation is the number 0.
    """

    weights: IntArray
    domain: Domain
    lanes: int
    padded: bool = False

    @cached_property
    def activation(self) -> Activation:
        """How an activation is read."""
        return Activation(self.domain, self.padded)

    @property
    def pixel_beats(self) -> int:
        """Beats of a pixel."""
        return -(-self.weights.shape[2] // self.lanes)

    @property
    def beats(self) -> int:
        """Beats of a row."""
        return self.weights.shape[1] * self.pixel_beats

    @property
    def fillers(self) -> int:
        """Lanes of a pixel's last beat that hold no channel."""
        return self.pixel_beats * self.lanes - self.weights.shape[2]

    @property
    def silent(self) -> bool:
        """Whether filler lanes must contribute nothing, as they differ inside and outside the map."""
        return self.padded and self.fillers > 0 and self.activation.filler != 0

    def filled(self, filler: IntArray | int) -> IntArray:
        """Weights (rows, beats, lanes), with ``filler`` (broadcast to the fillers of a pixel) where there is none."""
        rows, pixels, channels = self.weights.shape
        all_lanes = np.empty((rows, pixels, channels + self.fillers), np.int64)
        all_lanes[:, :, :channels] = self.weights
        all_lanes[:, :, channels:] = filler
        return all_lanes.reshape(rows, self.beats, self.lanes)


ONE = 1 << 16
"""Number of the constant 1 among a product's literals."""


class Product(ABC):
    """Multiplication of operands of one kind, as bits whose sum is unsigned.

    With ``S`` the sum of ``bit << shift`` over all terms and beats of a row, ``acc = gain * S + bias[row]``, always,
    padding and filler lanes included. Negative digits are complemented, and what that adds is a constant of the row,
    as weights are constants; it costs no hardware where it becomes a part of a threshold or a start value.

    Parameters
    ----------
    operands : Operands
        What is multiplied; they match.
    """

    name: ClassVar[str]
    """What a folding's ``encoding`` calls it."""

    latency: int = 1
    """Cycles from a word and its beat to the terms."""

    def __init__(self, operands: Operands):
        self.operands = operands
        self.activation = operands.activation
        self.lanes = operands.lanes

    @staticmethod
    @abstractmethod
    def matches(operands: Operands) -> bool:
        """Whether these operands can be multiplied this way."""

    @property
    def gain(self) -> int:
        """Factor of the sum: 2 where it is a popcount of matching signs."""
        return self.activation.gain

    @property
    @abstractmethod
    def bits(self) -> int:
        """Bits of a weight word."""

    @cached_property
    @abstractmethod
    def shifts(self) -> tuple[int, ...]:
        """Exponent of each term."""

    @property
    def largest(self) -> int:
        """Bound of one beat's sum."""
        return sum(1 << shift for shift in self.shifts)

    @cached_property
    def filled(self) -> IntArray:
        """Weights (rows, beats, lanes), fillers included."""
        return self.operands.filled(self.filler)

    @property
    def filler(self) -> IntArray | int:
        """Weight of lanes that hold no channel."""
        return 0

    @cached_property
    def words(self) -> list[list[int]]:
        """A weight word for each row and beat."""
        rows, beats, lanes = self.filled.shape
        flat = self.pack(self.filled.reshape(-1, lanes))
        return [flat[row * beats : (row + 1) * beats] for row in range(rows)]

    @abstractmethod
    def pack(self, weights: IntArray) -> list[int]:
        """Words of weights (words, lanes)."""

    @cached_property
    def bias(self) -> IntArray:
        """What each row (rows,) adds to ``gain * S``."""
        weights = self.filled.sum(axis=(1, 2))
        fillers = weights - self.operands.weights.sum(axis=(1, 2))
        complements = self.complements(self.filled).sum(axis=(1, 2))
        return self.activation.offset * weights - self.activation.filler * fillers - self.activation.gain * complements

    @abstractmethod
    def complements(self, weights: IntArray) -> IntArray:
        """What a lane's terms sum up to beyond ``w * u``, for each of the weights."""

    def literals(self, weights: IntArray) -> IntArray:
        """What each term of a lane is (words, …, terms), for each of the weights (words, …), as synthesis sees it.

        Numbers of functions of the activation: 0 is the constant 0, `ONE` is 1, and k + 1 is plane k or ``-k - 1`` its
        complement.
        """
        return np.sign(weights)[..., None] * (1 + np.arange(self.activation.bits))

    @abstractmethod
    def terms(self, m: Module, word: Value, x: Value, inside: Value | None) -> Sequence[Value]:
        """Registered bits of one processing element, `latency` cycles after ``word``, ``x`` and ``inside``.

        Parameters
        ----------
        m : Module
            Where the registers go; they must stop together with what comes before and after.
        word : Value
            Weight word of the beat.
        x : Value
            The beat.
        inside : Value or None
            0 where the beat is padding and ``x`` anything; None where there is no padding.
        """

    @property
    @abstractmethod
    def cost(self) -> Resources:
        """Cells of one processing element's terms, registers included."""

    @property
    def shared(self) -> Resources:
        """Cells that all processing elements share."""
        return Resources()
