"""What streams have to hold where samples come evenly and no unit waits for its reader: the depths of FIFOs.

Without back-pressure every time follows from the times before it, so the whole flow is a few sums and running maxima.
FIFOs that hold what waits in such a flow allow it; then every beat moves no later than in it, as units start as soon as
they can (a network of them is an event graph: Baccelli et al., "Synchronization and Linearity", 1992).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from icepop.compiler.planner.flow import Node
from icepop.compiler.planner.timing import Counts, Inlet, Timing

LONG_AGO = -(1 << 40)
"""A cycle before all others."""


@dataclass(frozen=True)
class Hold:
    """What waits before an input of a unit, beyond what the unit's own buffer holds.

    Parameters
    ----------
    beats : int
        Most beats that wait at once, the one that is taken included; 0 where the buffer holds all.
    wait : int
        Most cycles that a beat waits.
    """

    beats: int
    wait: int


AT_ONCE = Hold(1, 0)
"""Of an input that takes every beat in the cycle in which it is offered."""


def paced(nodes: Sequence[Node], inputs: int, interval: int, samples: int) -> list[tuple[Hold, ...]]:
    """What waits before each input of each node.

    Parameters
    ----------
    nodes : sequence of Node
        In topological order; the depths of forks do not matter.
    inputs : int
        Beats of a sample at the network's input, which come evenly.
    interval : int
        Cycles between two samples; no less than that of any unit.
    samples : int
        How many are followed.
    """
    offered = {(-1, 0): np.arange(samples * inputs) * interval // inputs}
    holds: list[tuple[Hold, ...]] = []
    for index, node in enumerate(nodes):
        timing, arrivals = node.timing, [offered[source] for source in node.sources]
        if node.depths or not timing.latency:
            offered |= {(index, port): arrivals[0] + timing.latency for port in range(max(1, len(node.depths)))}
            holds.append((AT_ONCE,))
            continue
        begins = starts(timing, arrivals, samples)
        ends = begins + np.tile(timing.cycles, samples) - 1
        offered[index, 0] = ends[np.tile(timing.emits, samples)] + timing.latency
        held = [hold(inlet, times, begins, ends) for inlet, times in zip(timing.inlets, arrivals, strict=True)]
        holds.append(tuple(held))
    return holds


def starts(timing: Timing, arrivals: Sequence[Counts], samples: int) -> Counts:
    """Cycle in which each step begins: when the one before is over and the beats it needs are there."""
    cycles = np.tile(timing.cycles, samples)
    spent = np.cumsum(cycles) - cycles
    earliest = np.full(len(cycles), LONG_AGO)
    for inlet, times in zip(timing.inlets, arrivals, strict=True):
        needs = throughout(inlet.needs, inlet.count, samples)
        fresh = np.diff(needs, prepend=0) > 0
        ready = times[needs[fresh] - 1] + (inlet.delay if inlet.capacity else 0)
        earliest[fresh] = np.maximum(earliest[fresh], ready)
    return spent + np.maximum.accumulate(earliest - spent)


def hold(inlet: Inlet, offered: Counts, begins: Counts, ends: Counts) -> Hold:
    """What waits before an input whose beats are offered in these cycles."""
    samples = len(offered) // inlet.count
    beats = np.arange(len(offered))
    if inlet.capacity == 0 or inlet.frees is None:
        taken = begins[np.searchsorted(throughout(inlet.needs, inlet.count, samples), beats, "right")]
        most = beats + 1 - np.searchsorted(taken, offered, "left")
        return Hold(int(most.max()), int((taken - offered).max()))
    freed = ends[np.searchsorted(throughout(inlet.frees, inlet.count, samples), beats, "right")]
    most = beats + 1 - np.searchsorted(freed, offered, "left") - inlet.capacity
    waits = freed[: -inlet.capacity] + 1 - offered[inlet.capacity :]
    return Hold(max(0, int(most.max())), int(waits.max(initial=0)))


def throughout(counts: Counts, each: int, samples: int) -> Counts:
    """Cumulative counts of one sample, carried on through several of ``each`` beats."""
    return (np.arange(samples)[:, None] * each + counts).reshape(-1)
