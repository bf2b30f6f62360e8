"""The schedule of a pipeline: its interval and its latency, before anything is simulated."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from icepop.compiler.planner.flow import Node, follow

SAMPLES = 8
"""Samples that are followed; the intervals of the second half count as steady."""

LONGEST = 32
"""Samples that are followed where the intervals still change."""


@dataclass(frozen=True)
class Schedule:
    """What a pipeline does without stalls from outside.

    Parameters
    ----------
    latency : int
        Cycles from the first input transfer of a sample into the empty pipeline to its last output transfer.
    interval : int
        Cycles between the last output transfers of samples, once steady; the longest where they differ.
    first_intervals : tuple of int
        Those of the samples that were followed, which may be shorter: a slow stage begins early, and FIFOs hold what it
        gives until in the end all wait for it.
    """

    latency: int
    interval: int
    first_intervals: tuple[int, ...]


class Standstill(RuntimeError):
    """A network stands still: a FIFO is too small."""


def schedule(nodes: Sequence[Node], inputs: int, outputs: int, samples: int = SAMPLES) -> Schedule:
    """Follow some samples through a network.

    Parameters
    ----------
    nodes : sequence of Node
        In topological order; the last one gives the result.
    inputs, outputs : int
        Beats of a sample at the network's input and output.
    samples : int
        How many to follow at least; twice as many, up to `LONGEST`, where the second half's intervals still differ, or
        are shorter than the slowest node's.

    Raises
    ------
    Standstill
        A FIFO is too small.
    """
    flow = follow(nodes, inputs * samples, outputs * samples)
    result = flow.result
    if len(result.taken) < outputs * samples:
        raise Standstill(f"the pipeline stands still after {len(result.taken)} of {outputs * samples} beats")
    ends = result.taken[outputs - 1 :: outputs]
    intervals = [after - before for before, after in pairwise(ends)]
    steady = intervals[len(intervals) // 2 :]
    longest = max(steady, default=ends[0] + 1)
    slowest = max(node.timing.interval for node in nodes)
    if (len(set(steady)) > 1 or longest < slowest) and samples < LONGEST:
        return schedule(nodes, inputs, outputs, 2 * samples)
    return Schedule(ends[0] - flow.feed.taken[0], max(longest, slowest), tuple(intervals))
