"""The order in which a tensor's elements travel: rasters with the channel innermost.

Graph, golden and files have the channel first, ``(C, H, W)`` or ``(C, L)``; hardware, the link and taps stream
``(H, W, C)`` or ``(L, C)``. A vector ``(N,)`` is the same in both.
"""

from math import prod

import numpy as np

from icepop.compiler.types import IntArray


def to_stream(values: IntArray) -> IntArray:
    """Samples (samples, *shape) as they are streamed, (samples, length)."""
    return np.moveaxis(values, 1, -1).reshape(len(values), prod(values.shape[1:]))


def from_stream(rows: IntArray, shape: tuple[int, ...]) -> IntArray:
    """Samples (samples, *shape) that were streamed as ``rows`` (samples, length); inverse of `to_stream`."""
    channels, *spatial = shape
    return np.moveaxis(rows.reshape(len(rows), *spatial, channels), -1, 1)


def streamed_index(position: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Index into ``shape`` of the element that is streamed at ``position``."""
    channels, *spatial = shape
    *where, channel = np.unravel_index(position, (*spatial, channels))
    return (int(channel), *map(int, where))
