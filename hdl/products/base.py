"""What a product provides: the bits that a weight and an activation contribute to an accumulator."""

from collections.abc import Sequence
from typing import Protocol, Self

import numpy as np
from amaranth import Module, Value
from numpy.typing import NDArray

from icepop.compiler.types import Domain, IntArray

Term = tuple[Value, int]
"""A bit and its weight's exponent: it contributes ``bit << shift``."""


class Product(Protocol):
    """Multiplication of weights by activations of one domain, as bits whose sum is unsigned.

    With ``S`` the sum of all terms of a row, ``acc = gain * S + bias[row]``: negative digits are complemented and their
    constants move into the bias, which costs no hardware, as it is a part of the row's threshold or start value.
    """

    name: str
    """What a folding's ``encoding`` calls it."""

    gain: int
    """Factor of the sum: 2 where the sum is a popcount of matching signs, else 1."""

    @staticmethod
    def matches(weights: IntArray, domain: Domain) -> bool:
        """Whether these weight codes times activations of this domain can be computed this way."""

    @classmethod
    def of(cls, weights: IntArray, domain: Domain, padded: bool) -> Self:
        """The product with the fewest bits for these weights; ``padded`` if taps may lie outside the map."""

    def bits(self, lanes: int) -> int:
        """Bits of a weight word of so many lanes."""

    def pack(self, weights: IntArray) -> list[int]:
        """Weight words (words, lanes); a lane that pads the last beat holds `filler` and its activation bits are 0."""

    @property
    def filler(self) -> int:
        """Weight code of lanes that pad a beat."""

    def terms(self, m: Module, weights: Value, x: Value, inside: Value | None, lanes: int) -> Sequence[Term]:
        """Bits of one beat: ``weights`` is a word, ``x`` a beat, ``inside`` 0 where the beat is padding (None: never).

        Every bit is combinational in the three and best a single LUT4; the caller puts a register behind it.
        """

    def bias(self, weights: IntArray) -> NDArray[np.int64]:
        """Bias (rows,) of whole rows (rows, beats * lanes), lanes that pad a beat included."""

    def largest(self, lanes: int) -> int:
        """Largest sum of one beat's terms."""
