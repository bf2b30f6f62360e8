"""The schedule of a pipeline: its interval, its latency and the FIFOs it needs, before anything is simulated."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from icepop.compiler.planner.flow import Node, Wire, follow

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
    depths : tuple of tuple of int
        For each node the most beats that waited at once in the FIFO of each output; empty where it has none.
    arrivals : tuple of tuple of int
        For each node the cycle in which the first beat is offered to each of its inputs.
    """

    latency: int
    interval: int
    depths: tuple[tuple[int, ...], ...]
    arrivals: tuple[tuple[int, ...], ...]


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
        How many to follow at least; twice as many, up to `LONGEST`, where the second half's intervals still differ.

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
    if len(set(steady)) > 1 and samples < LONGEST:
        return schedule(nodes, inputs, outputs, 2 * samples)
    depths = [
        tuple(occupied(ins[0], out) for out in outs) if node.depths else ()
        for node, ins, outs in zip(nodes, flow.streams, flow.wires, strict=True)
    ]
    arrivals = [tuple(wire.offered[0] for wire in ins) for ins in flow.streams]
    interval = max(steady, default=ends[0] + 1)
    return Schedule(ends[0] - flow.feed.taken[0], interval, tuple(depths), tuple(arrivals))


def occupied(source: Wire, out: Wire) -> int:
    """Most beats that had been taken from a source and not yet from a fork's output."""
    beats = enumerate(source.taken[: len(out.taken)])
    return max((1 + beat - bisect_left(out.taken, cycle) for beat, cycle in beats), default=1)
