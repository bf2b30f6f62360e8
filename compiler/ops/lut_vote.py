"""`LutVote`: classes scored by voters, each a look-up table over four bits."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from icepop.compiler.errors import ModelError
from icepop.compiler.ops.base import Array, Op
from icepop.compiler.types import BIPOLAR, Domain, TensorType

INPUTS = 4
"""Inputs of a voter: those of an iCE40 look-up table."""
ENTRIES = 1 << INPUTS
"""Entries of a voter's table."""
BITS = (Domain(0, 1), BIPOLAR)
"""Domains that voters read; the positive value is bit 1."""


@dataclass(frozen=True, eq=False)
class Voters:
    """Tables that vote for classes, and what they look up.

    Parameters
    ----------
    index : int64 array (C, V, 4)
        Which bit each voter of each class reads, least significant address bit first.
    tables : bool array (C, V, 16)
        Each voter's truth table.
    """

    index: NDArray[np.int64]
    tables: NDArray[np.bool_]

    @property
    def classes(self) -> int:
        """Number of classes, C."""
        return len(self.index)

    @property
    def voters(self) -> int:
        """Voters of one class, V."""
        return self.index.shape[1]

    def votes(self, bits: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Votes for each class (samples, C), given the bits (elements, samples)."""
        votes = np.zeros((bits.shape[1], self.classes), np.int64)
        for label, (inputs, rows) in enumerate(zip(self.index, self.tables, strict=True)):
            for chosen, table in zip(inputs, rows, strict=True):
                votes[:, label] += table[addresses(bits, chosen)]
        return votes


@dataclass(frozen=True, eq=False)
class LutVote(Voters, Op):
    """Votes for each class: ``y[c] = sum_i tables[c, i, a[c, i]]``, ``a[c, i] = sum_j 2**j * bit(x[index[c, i, j]])``.

    The input holds 0 and 1, or -1 and +1, and is flattened; ``bit`` is 1 for the value 1.
    """

    def infer(self, *types: TensorType) -> TensorType:
        """Check index and tables; a score is at most the number of voters."""
        (x,) = types
        if x.integers not in BITS:
            raise ModelError(f"'{self.name}' looks up bits, but '{self.inputs[0]}' gives {x.integers}")
        shape = self.tables.shape[:2]
        if min(shape) < 1 or self.index.shape != (*shape, INPUTS) or self.tables.shape != (*shape, ENTRIES):
            raise ModelError(
                f"'{self.name}' must have an index (C, V, {INPUTS}) and tables (C, V, {ENTRIES}), "
                f"not {self.index.shape} and {self.tables.shape}"
            )
        if not 0 <= int(self.index.min()) <= int(self.index.max()) < x.length:
            raise ModelError(f"'{self.name}' reads element {self.index.max()} of '{self.inputs[0]}' with {x.length}")
        return TensorType((self.classes,), Domain(0, self.voters))

    def golden(self, *values: Array) -> Array:
        """Look up every voter and count the votes, int64 (samples, C)."""
        (x,) = values
        flat = x.reshape(len(x), int(np.prod(x.shape[1:])))
        return self.votes(np.ascontiguousarray((flat > 0).T).astype(np.uint8))


def addresses(bits: NDArray[np.uint8], chosen: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Address (samples,) that four rows of bits (elements, samples) form, the first the least significant."""
    address = bits[chosen[0]].copy()
    for place in range(1, len(chosen)):
        address |= bits[chosen[place]] << place
    return address
