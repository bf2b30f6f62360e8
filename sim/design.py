"""`Design`: what the simulation asks of a component that it proves."""

from typing import Protocol

from icepop.compiler.graph import Graph
from icepop.compiler.types import Beats
from icepop.hdl.accelerator import Tap


class Timing(Protocol):
    """What a plan promises."""

    @property
    def interval(self) -> int:
        """Cycles between samples."""

    @property
    def latency(self) -> int:
        """Cycles from the first input beat to the last output beat of a sample."""

    @property
    def first_intervals(self) -> tuple[int, ...]:
        """Cycles between the first samples that leave the empty pipeline."""


class Design(Protocol):
    """What is proved: an `Accelerator`, or any component with its surface."""

    @property
    def graph(self) -> Graph:
        """The golden model."""

    @property
    def plan(self) -> Timing:
        """The promised timing."""

    @property
    def input_op(self) -> str:
        """Op whose values the input stream carries."""

    @property
    def input(self) -> Beats:
        """Layout of the input stream."""

    @property
    def output(self) -> Beats:
        """Layout of the output stream."""

    @property
    def taps(self) -> tuple[Tap, ...]:
        """What is watched in between, in pipeline order."""


def watched(design: Design) -> tuple[Tap, ...]:
    """Everything that is compared, in pipeline order."""
    return (*design.taps, Tap("o", design.graph.output.name, design.output))


def planned(design: Design) -> int:
    """Cycles in which a sample must have gone through a design, even alone."""
    return max(design.plan.interval, design.plan.latency, design.input.count, design.output.count)
