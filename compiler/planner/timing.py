"""`Timing`: how a unit moves beats, cycle by cycle, as numbers that a schedule is computed from."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Inlet:
    """How a unit takes the beats of one input stream.

    Parameters
    ----------
    needs : int64 array (steps,)
        Beats of the sample that must have come before each step begins, cumulative.
    capacity : int
        Beats that can wait in the unit's buffer, which takes them whatever the steps do. With 0 there is no buffer:
        a step that needs one beat more than the step before takes it from the stream in its first cycle.
    frees : int64 array (steps,), optional
        Beats of the sample that the buffer need no longer hold once each step is over, cumulative; the last step frees
        all. A place is free from the cycle after the step's last one.
    delay : int
        Cycles from a beat's transfer into the buffer until a step can begin that needs it.
    total : int, optional
        Beats of a sample, where it has more than the last step needs.
    """

    needs: Counts
    capacity: int = 0
    frees: Counts | None = None
    delay: int = 1
    total: int | None = None

    @property
    def count(self) -> int:
        """Beats of a sample."""
        return int(self.needs[-1]) if self.total is None else self.total

    @cached_property
    def arrivals(self) -> list[int]:
        """Beat of the sample that each step waits for; -1 where it needs no more than the step before."""
        return np.where(np.diff(self.needs, prepend=0) > 0, self.needs - 1, -1).tolist()

    @cached_property
    def leaves(self) -> list[int]:
        """Beats that need not be held any longer after each step, where there is a buffer."""
        return [] if self.frees is None else np.diff(self.frees, prepend=0).tolist()


@dataclass(frozen=True, eq=False)
class Timing:
    """A unit's program: steps, done in order for every sample, one after the other.

    All steps run in one pipeline that advances in every cycle but those in which a result waits at the output: a step
    begins in the first cycle after the step before it in which the pipeline advances and all its inputs are there.

    Parameters
    ----------
    inlets : tuple of Inlet
        One for each input stream.
    cycles : int64 array (steps,)
        Advances that each step takes, at least 1.
    emits : bool array (steps,)
        Whether a step gives one beat.
    latency : int
        Advances from a step's last cycle to the first cycle in which its beat is offered. 0 only where nothing but
        wires join the input to the output.
    """

    inlets: tuple[Inlet, ...]
    cycles: Counts
    emits: NDArray[np.bool_]
    latency: int

    @cached_property
    def interval(self) -> int:
        """Cycles a sample when nothing waits: those of all steps, or more where a buffer takes more beats than that."""
        return max(int(self.cycles.sum()), *(inlet.count for inlet in self.inlets))

    @cached_property
    def gaps(self) -> tuple[tuple[int, int], ...]:
        """Numbers of cycles between two beats that the unit gives, when nothing waits, and how often each occurs."""
        ends = np.cumsum(self.cycles)[self.emits]
        gaps, counts = np.unique(np.diff(ends, append=ends[0] + self.interval), return_counts=True)
        return tuple(zip(gaps.tolist(), counts.tolist(), strict=True))

    @cached_property
    def pace(self) -> int:
        """Most cycles between two beats of a sample that the unit takes where it has no buffer; 1 where it has one."""
        starts = np.cumsum(self.cycles) - self.cycles
        longest = 1
        for inlet in self.inlets:
            takes = starts[np.diff(inlet.needs, prepend=0) > 0]
            if inlet.capacity == 0 and len(takes) > 1:
                longest = max(longest, int(np.diff(takes).max()))
        return longest


def streaming(count: int, ends: NDArray[np.bool_] | None = None, latency: int = 1) -> Timing:
    """Timing of a unit that takes a beat a cycle and gives one after those marked in ``ends``; after all by default."""
    emits = np.ones(count, bool) if ends is None else ends
    return Timing((Inlet(np.arange(1, count + 1)),), np.ones(count, np.int64), emits, latency)
