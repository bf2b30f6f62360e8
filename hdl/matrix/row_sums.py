"""`RowSums`: what the sums of a product's terms mean, and what hardware has to hold for it."""

from dataclasses import dataclass

from icepop.compiler.ops.threshold import Threshold
from icepop.compiler.types import Domain, IntArray


@dataclass(frozen=True, eq=False)
class RowSums:
    """``acc[row] = gain * S[row] + bias[row]`` with S unsigned.

    Parameters
    ----------
    gain : int
        1 or 2.
    bias : int64 array (rows,)
        Added to each row.
    domain : Domain
        Of the accumulators.
    """

    gain: int
    bias: IntArray
    domain: Domain

    @property
    def largest(self) -> int:
        """Largest sum that any row can reach."""
        return (self.domain.hi - int(self.bias.min())) // self.gain

    def targets(self, threshold: Threshold) -> IntArray:
        """Sums (rows,) from which on a single threshold is reached; ``largest + 1`` where none is."""
        distance = threshold.thresholds[:, 0] - self.bias
        return (-(-distance // self.gain)).clip(0, self.largest + 1)

    @property
    def spare(self) -> int:
        """Low bits of an accumulator that are not part of its code: parity, where it never changes."""
        return int(self.domain.step > self.gain)

    @property
    def shift(self) -> int:
        """Low bits that a sum lacks of what it adds to an accumulator."""
        return int(self.gain > self.domain.step)

    @property
    def bits(self) -> int:
        """Bits of an accumulator whose upper ones, but for the `spare` bits, are its code in hardware."""
        return self.domain.bits + self.spare

    @property
    def starts(self) -> IntArray:
        """Codes (rows,) that the accumulators start from, modulo ``2**bits``."""
        first = self.bias if self.domain.step == 1 else (self.bias - self.domain.lo) // self.gain
        return first & ((1 << self.bits) - 1)
