"""Many levels by one multiplication: thresholds as multiply-add-shift, minimal and equal on every accumulator.

Both sides are monotone, so they are equal everywhere if they are at each threshold and at the argument before it. These
comparisons are linear in multiplier and addend; the smallest multiplier that meets all of them is found from below, by
the cutting planes of Kelley (1960), which in one variable are Newton's method and never step too far.
"""

from dataclasses import dataclass

import numpy as np

from icepop.compiler.ops.base import Array
from icepop.compiler.ops.threshold import Threshold
from icepop.compiler.types import Domain, IntArray

MAX_BITS = 61
"""Bits of the largest product and of the largest edge: int64 holds their sum."""


@dataclass(frozen=True, eq=False)
class MultiplyAddShift:
    """``y[c] = lo + step * clip(level(acc[c] * multiplier[c] + addend[c]), 0, size - 1)``, with a result's domain.

    ``level(v)`` is ``v >> shift``, rounded down also for negative v. With ``ties`` 0 or 1 it is ``(v + 1) >> shift``
    where the lowest bit of ``v >> shift`` is not ``ties``: an exact tie then goes to the level whose lowest bit is.

    Parameters
    ----------
    multiplier : int64 array (C,)
        Negative where the channel's function falls.
    addend : int64 array (C,)
        The one of least magnitude that is right.
    shift : int
        Bits that are dropped, the same for all channels.
    ties : int or None
        Lowest bit of the levels, counted from 0, that ties go to; None where the plain shift is right.
    domain : Domain
        Values of the result.
    """

    multiplier: IntArray
    addend: IntArray
    shift: int
    ties: int | None
    domain: Domain

    def __call__(self, acc: Array) -> IntArray:
        """Results for accumulators (samples, C, ...)."""
        spread = (-1, *(1,) * (acc.ndim - 2))
        v = acc * self.multiplier.reshape(spread) + self.addend.reshape(spread)
        if self.ties is not None:
            v = v + ((v >> self.shift) & 1 != self.ties)
        return self.domain.lo + self.domain.step * np.clip(v >> self.shift, 0, self.domain.size - 1)


@dataclass(frozen=True, eq=False)
class Channel:
    """Where one channel's level changes, in arguments ``sign * acc`` that occur.

    Parameters
    ----------
    first, level : int64 array (F,)
        Smallest argument that reaches a level, and which; of levels that are reached at all.
    last, below : int64 array (L,)
        Largest argument that does not reach a level, and which; of levels that some argument does not reach.
    """

    first: IntArray
    level: IntArray
    last: IntArray
    below: IntArray

    @staticmethod
    def of(thresholds: IntArray, sign: int, source: Domain) -> "Channel":
        """Changes of ascending thresholds (levels - 1,)."""
        lo, hi = (source.lo, source.hi) if sign > 0 else (-source.hi, -source.lo)
        steps = -((lo - np.clip(thresholds, lo, hi + source.step)) // source.step)
        first, level = lo + steps * source.step, np.arange(1, len(thresholds) + 1)
        reached, missed = first <= hi, first > lo
        return Channel(first[reached], level[reached], first[missed] - source.step, level[missed])

    def smallest(self, shift: int, width: int, ties: int | None) -> tuple[int, int] | None:
        """Smallest multiplier of a shift, below ``2**width``, and its addend; None if there is none."""
        edges, limits = (edges_of(levels, shift, ties) for levels in (self.level, self.below))
        multiplier = 0
        while multiplier < 1 << width:
            needed, allowed = edges - self.first * multiplier, limits - 1 - self.last * multiplier
            least, most = int(needed.max(initial=-(1 << 62))), int(allowed.min(initial=1 << 62))
            if least <= most:
                return multiplier, min(max(least, 0), most)
            j, k = int(needed.argmax()), int(allowed.argmin())
            distance = int(self.first[j] - self.last[k])
            if distance <= 0:  # a larger multiplier parts them no better
                return None
            multiplier = -(-int(edges[j] - limits[k] + 1) // distance)
        return None


def edges_of(levels: IntArray, shift: int, ties: int | None) -> IntArray:
    """Smallest sum that counts as each level."""
    return (levels << shift) - (0 if ties is None else (levels & 1 == ties).astype(np.int64))


def multiply_add_shift(op: Threshold, source: Domain, width: int, ties: bool = False) -> MultiplyAddShift | None:
    """Multiply-add-shift that equals a threshold op on every accumulator, with the smallest shift that can.

    Parameters
    ----------
    op : Threshold
        Thresholds (C, levels - 1), signs (C,), and the domain of the result.
    source : Domain
        The accumulators: domain of the op's input.
    width : int
        Bits of the largest magnitude of a multiplier. Where the op has signs of -1, multipliers are negative and need
        one bit more. Accumulator times multiplier stays below 2**61, which may limit the width further.
    ties : bool
        Whether hardware can send ties to the even, or to the odd, levels: with scales that are powers of two, rounding
        half to even needs that. It is used only where the plain shift cannot be right.

    Returns
    -------
    MultiplyAddShift or None
        One shift for all channels, and for it each channel's smallest multiplier; None if no shift is right.
    """
    channels = [Channel.of(row, int(sign), source) for row, sign in zip(op.thresholds, op.sign, strict=True)]
    width = min(width, MAX_BITS - max(abs(source.lo), abs(source.hi), 1).bit_length())
    for parity in (None, 0, 1) if ties else (None,):
        shift = shared_shift(channels, width, MAX_BITS - op.domain.size.bit_length(), parity)
        found = [] if shift is None else [channel.smallest(shift, width, parity) for channel in channels]
        pairs = [pair for pair in found if pair is not None]
        if shift is not None and len(pairs) == len(channels):
            multiplier, addend = np.array(pairs, np.int64).reshape(-1, 2).T
            return MultiplyAddShift(op.sign * multiplier, addend, shift, parity, op.domain)
    return None


def shared_shift(channels: list[Channel], width: int, longest: int, ties: int | None) -> int | None:
    """Smallest shift with a multiplier for every channel; None if there is none.

    What one shift can do, a larger one can with twice the multiplier, so it only ever grows.
    """
    shift = 0
    for channel in channels:
        while channel.smallest(shift, width, ties) is None:
            shift += 1
            if shift > longest:
                return None
    return shift
