"""`Window`: where a kernel stands on a map, for convolutions and pools of any number of axes."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from icepop.compiler.errors import ModelError
from icepop.compiler.ops.base import Array
from icepop.compiler.types import IntArray

MAX_ELEMENTS = 1 << 24
"""Elements of the largest tensor of one sample; beyond it a file is broken or hostile."""


@dataclass(frozen=True)
class Window:
    """Kernel positions; every tuple has one entry a spatial axis.

    Parameters
    ----------
    kernel : tuple of int
        Taps.
    stride : tuple of int
        Distance between neighbouring positions.
    before, after : tuple of int
        Padding at the low and the high end.
    dilation : tuple of int
        Distance between neighbouring taps.
    """

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    dilation: tuple[int, ...]

    @property
    def extents(self) -> tuple[int, ...]:
        """Pixels from the first to the last tap."""
        return tuple((k - 1) * d + 1 for k, d in zip(self.kernel, self.dilation, strict=True))

    @property
    def padded(self) -> bool:
        """Whether anything is padded."""
        return any(self.before) or any(self.after)

    def shape(self, sizes: tuple[int, ...], name: str) -> tuple[int, ...]:
        """Shape of the result on a map of these sizes.

        Raises
        ------
        ModelError
            Naming ``name``: another number of axes, values out of range, or a kernel larger than the padded map.
        """
        if {len(part) for part in (self.kernel, self.stride, self.before, self.after, self.dilation)} != {len(sizes)}:
            raise ModelError(f"'{name}' has a kernel of {len(self.kernel)} axes on a map of {len(sizes)}: {sizes}")
        if min(*self.kernel, *self.stride, *self.dilation) < 1 or min(*self.before, *self.after) < 0:
            raise ModelError(f"'{name}' must have kernel, stride and dilation from 1 and pads from 0, not {self}")
        full = tuple(b + size + a for b, size, a in zip(self.before, sizes, self.after, strict=True))
        if prod(full) > MAX_ELEMENTS:
            raise ModelError(f"'{name}' pads {sizes} to {full}, more than {MAX_ELEMENTS} elements")
        if any(extent > size for extent, size in zip(self.extents, full, strict=True)):
            raise ModelError(f"'{name}' has a kernel over {self.extents} on a padded map of only {full}")
        return tuple((f - e) // s + 1 for f, e, s in zip(full, self.extents, self.stride, strict=True))

    def alike(self, sizes: Sequence[int]) -> list[IntArray]:
        """For each axis of a map of these sizes, a number of every position: equal where the same taps are padding."""
        found = []
        for size, stride, kernel, dilation, before, count in zip(
            sizes, self.stride, self.kernel, self.dilation, self.before, self.shape(tuple(sizes), "window"), strict=True
        ):
            corner = np.arange(count) * stride - before
            first, end = -(corner // dilation), -((corner - size) // dilation)  # taps that lie inside: a range
            found.append(np.clip(first, 0, kernel) * (kernel + 1) + np.clip(end, 0, kernel))
        return found

    def view(self, x: Array, fill: int) -> Array:
        """Taps of every position: (..., *shape, *kernel), from maps (..., *sizes); padding reads ``fill``."""
        leading, axes = x.ndim - len(self.kernel), tuple(range(-len(self.kernel), 0))
        if self.padded:
            pads = [(0, 0)] * leading + list(zip(self.before, self.after, strict=True))
            x = np.pad(x, pads, constant_values=fill)
        windows = sliding_window_view(x, self.extents, axis=axes)
        every = tuple(slice(None, None, step) for step in (*self.stride, *self.dilation))
        return windows[(slice(None),) * leading + every]
