"""What every step provides: its exact value, which way it runs, and a fast enclosure of its value."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from icepop.compiler.exact.enclosure import Floats, Interval
from icepop.compiler.exact.numbers import Number
from icepop.compiler.exact.progression import Progression

Params = NDArray[np.floating[Any]] | np.floating[Any]
Ends = tuple[Number, Number] | None


@dataclass(frozen=True, eq=False)
class Step(ABC):
    """One elementwise function; each field is an array of parameters."""

    @abstractmethod
    def gain(self, p: tuple[Fraction, ...]) -> int:
        """+1 for a rising, -1 for a falling, 0 for a constant function."""

    @abstractmethod
    def apply(self, x: Number, p: tuple[Fraction, ...]) -> Number:
        """Value at x with one element's parameters, in the order of the fields."""

    def enclose(self, x: Interval, p: Sequence[Floats]) -> Interval:
        """Interval that holds the values of all of x, an element each; a step that says nothing is decided exactly."""
        return np.full_like(x[0], -np.inf), np.full_like(x[1], np.inf)

    def levels(self, p: tuple[Fraction, ...], ends: Ends) -> Progression | None:
        """All values, where they are few; None for a continuous function.

        ``ends`` are the smallest and the largest argument, if the argument comes from integers.
        """
        return None

    @property
    def quantizes(self) -> bool:
        """Whether the function has few values."""
        return type(self).levels is not Step.levels

    @property
    def parameters(self) -> tuple[NDArray[np.float64], ...]:
        """The arrays, in the order of the fields; float64 holds every float32 and its product with small integers."""
        return tuple(np.asarray(getattr(self, name), np.float64) for name in self.parameter_names)

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Fields that hold parameters."""
        return tuple(field.name for field in fields(self) if field.metadata.get("parameter", True))

    def reshaped(self, change: Any) -> "Step":
        """Step whose parameter arrays are changed along with the tensor's layout."""
        return replace(self, **dict(zip(self.parameter_names, map(change, self.parameters), strict=True)))
