"""The plan: which unit computes which ops at which folding, what that costs and how fast it runs."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from operator import add, attrgetter
from pathlib import Path

from icepop.compiler.errors import PlanError
from icepop.compiler.ops.base import Op
from icepop.compiler.types import TensorType


@dataclass(frozen=True)
class Resources:
    """What hardware takes, or what a board has.

    Parameters
    ----------
    lut4 : int
        4-input look-up tables.
    ff : int
        Flip-flops.
    carry : int
        Carry cells.
    cells : int
        Logic cells; a cell holds a look-up table, a carry and a flip-flop.
    ebr : int
        4-kbit block memories.
    spram : int
        256-kbit memories.
    dsp : int
        Multipliers.
    """

    lut4: int = 0
    ff: int = 0
    carry: int = 0
    cells: int = 0
    ebr: int = 0
    spram: int = 0
    dsp: int = 0

    def __add__(self, other: "Resources") -> "Resources":
        return Resources(*map(add, COUNTS(self), COUNTS(other)))

    def __mul__(self, times: int) -> "Resources":
        return Resources(*(times * count for count in COUNTS(self)))

    @staticmethod
    def total(parts: "Sequence[Resources]") -> "Resources":
        """Sum of all parts."""
        return sum(parts, Resources())


COUNTS = attrgetter(*(field.name for field in fields(Resources)))


@dataclass(frozen=True)
class Folding:
    """How much of a layer works in parallel.

    Parameters
    ----------
    pe : int
        Processing elements: outputs computed at once.
    simd : int
        Inputs each processing element takes a cycle.
    """

    pe: int = 1
    simd: int = 1

    def __str__(self) -> str:
        return f"{self.pe}x{self.simd}"


@dataclass(frozen=True)
class Span:
    """A run of consecutive ops that one stage computes.

    Parameters
    ----------
    ops : tuple of Op
        The ops, first to last.
    types : tuple of TensorType
        Type of the first op's input, then of each op's result.
    """

    ops: tuple[Op, ...]
    types: tuple[TensorType, ...]

    @property
    def name(self) -> str:
        """Name of the first op: the layer's name in the plan."""
        return self.ops[0].name


@dataclass(frozen=True)
class Stage:
    """One step of the pipeline.

    Parameters
    ----------
    name : str
        Name of the first op it computes; for a gearbox, of the two stages it joins.
    unit : str
        Class of the hardware unit.
    ops : tuple of str
        Names of the ops it computes; none for a gearbox.
    folding : Folding
        Parallelism; of a gearbox, lanes out (pe) and lanes in (simd).
    interval : int
        Cycles a sample.
    cost : Resources
        Estimated resources.
    """

    name: str
    unit: str
    ops: tuple[str, ...]
    folding: Folding
    interval: int
    cost: Resources


@dataclass(frozen=True)
class Plan:
    """Stages in pipeline order. With the graph it fixes the hardware completely.

    Parameters
    ----------
    board : str
        Board the plan was made for.
    start : str
        Op whose result is streamed in.
    stages : tuple of Stage
        From the input stream to the output stream.
    latency : int
        Cycles from a sample's first input transfer into the empty pipeline to its last output transfer.
    input : str
        Format of the hardware's input, as ``--input`` takes it; empty where the host applies the first quantizer.
    """

    board: str
    start: str
    stages: tuple[Stage, ...]
    latency: int
    input: str = ""

    @property
    def interval(self) -> int:
        """Cycles between two samples when neither side stalls: that of the slowest stage."""
        return max(stage.interval for stage in self.stages)

    @property
    def cost(self) -> Resources:
        """Sum over the stages."""
        return Resources.total([stage.cost for stage in self.stages])

    @property
    def foldings(self) -> dict[str, Folding]:
        """Folding of every layer by stage name; what a saved plan pins."""
        return {stage.name: stage.folding for stage in self.stages if stage.ops}

    def to_json(self) -> str:
        """Text that `read_foldings` reads back."""
        totals = {"interval": self.interval, "cost": asdict(self.cost)}
        return json.dumps({**asdict(self), **totals}, indent=2) + "\n"


def read_foldings(path: Path) -> dict[str, Folding]:
    """Foldings that a saved plan pins, by stage name.

    Raises
    ------
    PlanError
        No such file, or it is no plan.
    """
    if not path.is_file():
        raise PlanError(f"no plan file '{path}'; 'icepop compile' writes one")
    try:
        stages = json.loads(path.read_bytes())["stages"]
        return {
            stage["name"]: Folding(int(stage["folding"]["pe"]), int(stage["folding"]["simd"]))
            for stage in stages
            if stage["ops"]
        }
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise PlanError(f"'{path}' is no plan; 'icepop compile' writes one") from error
