"""`WindowProgram`: the beats of a map that windows read, in order, as loops and as counts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod

import numpy as np

from icepop.compiler.ops.window import Window
from icepop.compiler.planner.timing import Counts
from icepop.compiler.types import Beats

LEVELS = ("beat", "column", "row", "repeat", "group", "x", "y")
"""Loops of the program, inner to outer: channel beat, tap, repetition, convolution group, output pixel."""


@dataclass(frozen=True)
class Axis:
    """Windows along one axis of a map, in groups that are read at once.

    Windows that the last group lacks are there, but idle: whatever they would read beyond the map is not waited for.

    Parameters
    ----------
    size : int
        Pixels of the map.
    kernel, stride, before, after, dilation : int
        As in `Window`.
    abreast : int
        Windows of a group.
    """

    size: int
    kernel: int = 1
    stride: int = 1
    before: int = 0
    after: int = 0
    dilation: int = 1
    abreast: int = 1

    @property
    def extent(self) -> int:
        """Pixels from a window's first to its last tap."""
        return (self.kernel - 1) * self.dilation + 1

    @property
    def windows(self) -> int:
        """Windows."""
        return (self.before + self.size + self.after - self.extent) // self.stride + 1

    @property
    def count(self) -> int:
        """Groups of windows."""
        return -(-self.windows // self.abreast)

    @property
    def step(self) -> int:
        """Pixels from a group to the next."""
        return self.abreast * self.stride

    @property
    def ahead(self) -> int:
        """Pixels from a group's first window to its last."""
        return (self.abreast - 1) * self.stride

    @property
    def last(self) -> int:
        """Position of the last tap of the last group's first window, counted from the padding's first pixel."""
        return (self.count - 1) * self.step + self.extent - 1

    @property
    def padded(self) -> bool:
        """Whether a tap lies outside the map, be it an idle window's."""
        return self.before > 0 or self.last + self.ahead >= self.size

    @cached_property
    def first(self) -> int:
        """Pixels that must have come for the first group.

        At least 1, and so many that a whole number of steps leads to the map's end where the windows go beyond it.
        """
        needed = max(1, self.extent + self.ahead - self.before)
        if needed + (self.count - 1) * self.step <= self.size:
            return needed
        return needed + (self.size - needed) % self.step if needed < self.size else self.size

    @property
    def growing(self) -> int:
        """Groups whose successor needs a step more; those after them need nothing more."""
        return min(self.count - 1, (self.size - self.first) // self.step)

    @cached_property
    def needs(self) -> Counts:
        """Pixels that must have come for each group, (count,)."""
        return self.first + self.step * np.minimum(np.arange(self.count), self.growing)

    @cached_property
    def starts(self) -> Counts:
        """First pixel of the map that each group reads, (count,); the map's size where it reads none."""
        windows = self.stride * np.arange(self.count * self.abreast) - self.before
        taps = (windows[:, None] + self.dilation * np.arange(self.kernel)).reshape(self.count, -1)
        return np.where((taps >= 0) & (taps < self.size), taps, self.size).min(axis=1)


def axes(window: Window, sizes: Sequence[int], abreast: int = 1) -> tuple[Axis, Axis]:
    """Rows and columns, of which so many are read at once; a map of one axis is one row.

    Raises
    ------
    ValueError
        The map has more than two axes.
    """
    if not 1 <= len(sizes) <= 2:
        raise ValueError(f"windows must stand on maps of 1 or 2 axes, not {len(sizes)}: {tuple(sizes)}")
    parts = (window.kernel, window.stride, window.before, window.after, window.dilation)
    found = [Axis(*numbers) for numbers in zip(sizes, *parts, strict=True)]
    columns = replace(found[-1], abreast=abreast)
    return (found[0], columns) if len(found) == 2 else (Axis(1), columns)


@dataclass(frozen=True)
class WindowProgram:
    """What windows read from a raster of beats: seven nested loops, `LEVELS`, inner to outer.

    Of windows that are read at once it says what the first one reads; a group of them counts as one window.

    Parameters
    ----------
    beats : Beats
        The raster.
    rows, columns : Axis
        Windows along both axes.
    repeats : int
        Times that a window is read.
    groups : int
        Convolution groups, each with its own part of a pixel's beats, read one after the other in each window.
    """

    beats: Beats
    rows: Axis
    columns: Axis
    repeats: int = 1
    groups: int = 1

    def __post_init__(self) -> None:
        if self.rows.size * self.columns.size != self.beats.pixels:
            raise ValueError(f"map must have {self.beats.pixels} pixels, not {self.rows.size}x{self.columns.size}")
        if self.beats.pixel_beats % self.groups:
            raise ValueError(f"groups must divide the {self.beats.pixel_beats} beats of a pixel, not {self.groups}")

    @property
    def counts(self) -> tuple[int, ...]:
        """Turns of each loop."""
        part = self.beats.pixel_beats // self.groups
        taps = (part, self.columns.kernel, self.rows.kernel)
        return (*taps, self.repeats, self.groups, self.columns.count, self.rows.count)

    @property
    def windows(self) -> int:
        """Windows of a map."""
        return self.rows.count * self.columns.count

    @property
    def cycles(self) -> int:
        """Beats of all repetitions of one window."""
        return prod(self.counts[:5])

    @property
    def origin(self) -> int:
        """Number of the first window's first tap in the raster of beats, not positive."""
        return -(self.rows.before * self.columns.size + self.columns.before) * self.beats.pixel_beats

    @property
    def address_strides(self) -> tuple[int, ...]:
        """How far a turn of each loop, and the next sample, is in the stream, in beats."""
        pixel, line = self.beats.pixel_beats, self.beats.pixel_beats * self.columns.size
        x, y = self.columns, self.rows
        taps = (1, x.dilation * pixel, y.dilation * line)
        return (*taps, 0, self.counts[0], x.step * pixel, y.step * line, self.beats.count)

    @property
    def neighbour(self) -> int:
        """How far it is to what the next window of a group reads."""
        return self.columns.stride * self.beats.pixel_beats

    @property
    def column_strides(self) -> tuple[int, ...]:
        """How far it is in columns."""
        return (0, self.columns.dilation, 0, 0, 0, self.columns.step, 0, 0)

    @property
    def row_strides(self) -> tuple[int, ...]:
        """How far it is in rows."""
        return (0, 0, self.rows.dilation, 0, 0, 0, self.rows.step, 0)

    @cached_property
    def needs(self) -> Counts:
        """Pixels that must have come before each window, (windows,); a window at a border may wait for more."""
        x, y = self.columns, self.rows
        whole = (y.needs[:, None] - 1) * x.size + x.needs
        whole[y.growing + 1 :] = whole[y.growing, -1]
        return whole.reshape(-1)

    @property
    def line_jump(self) -> int:
        """Pixels that the first window of the next row needs more than the last one of this row."""
        return self.rows.step * self.columns.size + self.columns.first - int(self.columns.needs[-1])

    @property
    def sample_jump(self) -> int:
        """Pixels that the next sample's first window needs more than this sample's last one."""
        return self.beats.pixels + int(self.needs[0] - self.needs[-1])

    @cached_property
    def reach(self) -> int:
        """Most pixels from the first that a window reads, to the last one that it waits for."""
        x, y = self.columns, self.rows
        reads = (y.starts[:, None] < y.size) & (x.starts < x.size)
        firsts = np.where(reads, y.starts[:, None] * x.size + x.starts, self.beats.pixels).reshape(-1)
        return int(np.maximum(self.needs - firsts, 1).max())

    @cached_property
    def slack(self) -> int:
        """Pixels that must find a place beyond those the current window waits for, so that nothing ever waits.

        They come evenly, as from a layer that is as fast; a window begins when its pixels are there.
        """
        beats, samples = self.beats, 3
        pace = max(self.windows * self.cycles, beats.count) / beats.pixels
        sample = np.repeat(np.arange(samples) * beats.pixels, self.windows)
        needs = np.tile(self.needs, samples) + sample
        free = self.cycles * np.arange(len(needs))
        begins = np.maximum.accumulate(needs * pace - free) + free
        arrived = np.minimum(np.ceil((begins + self.cycles + 2) / pace), samples * beats.pixels)
        return max(1, int((arrived - needs)[: 2 * self.windows].max()))
