"""The plan: which unit computes which ops at which folding, what that costs and how fast it runs."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from operator import add, attrgetter

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
        return Resources(*map(sum, zip(*map(COUNTS, parts), strict=True)))


COUNTS = attrgetter(*(field.name for field in fields(Resources)))


@dataclass(frozen=True)
class Folding:
    """How a layer is spread over time and area. An empty choice is the unit's own rule.

    Parameters
    ----------
    pe : int
        Processing elements: outputs computed at once.
    simd : int
        Inputs each processing element takes a cycle.
    encoding : str
        How weights are stored: the name of an encoding, such as ``binary``.
    weights : str
        Where weights are stored: ``ebr`` or ``lut``.
    buffer : str
        Where inputs wait: ``ebr`` or ``registers``; or ``sums``, where none does and each is added to all sums at once.
    pitch : int
        Bits that are summed between two registers; less is faster and larger. 0 is the unit's own.
    pixels : int
        Neighbouring windows of a row that are computed at once, with the same weights.
    spacing : int
        Cycles between two words of its constants, read from a memory that other layers read too. 0 is a memory of its
        own.
    """

    pe: int = 1
    simd: int = 1
    encoding: str = ""
    weights: str = ""
    buffer: str = ""
    pitch: int = 0
    pixels: int = 1
    spacing: int = 0

    def __str__(self) -> str:
        choices: list[str | int] = [
            self.pixels != 1 and f"{self.pixels} pixels",
            self.encoding,
            self.weights and f"weights in {self.weights}",
            self.buffer and f"in {self.buffer}",
            self.pitch and f"pitch {self.pitch}",
            self.spacing and f"constants shared 1/{self.spacing}",
        ]
        return ", ".join([f"{self.pe}x{self.simd}", *(str(choice) for choice in choices if choice)])


@dataclass(frozen=True)
class Pin:
    """What a saved plan fixes of a layer.

    Parameters
    ----------
    folding : Folding
        Its folding.
    unit : str
        Class of its unit; empty for any that takes the folding.
    """

    folding: Folding
    unit: str = ""


@dataclass(frozen=True)
class Span:
    """A run of consecutive ops that one stage computes: each but the first reads nothing but the one before it.

    Parameters
    ----------
    ops : tuple of Op
        The ops, first to last.
    inputs : tuple of TensorType
        Types of the first op's inputs.
    results : tuple of TensorType
        Type of each op's result.
    """

    ops: tuple[Op, ...]
    inputs: tuple[TensorType, ...]
    results: tuple[TensorType, ...]

    @property
    def name(self) -> str:
        """Name of the first op: the layer's name in the plan."""
        return self.ops[0].name

    @property
    def input(self) -> TensorType:
        """Type of the first op's only input."""
        (type,) = self.inputs
        return type

    @property
    def result(self) -> TensorType:
        """Type of the last op's result."""
        return self.results[-1]

    def first(self, count: int) -> "Span":
        """The same run's first ops."""
        return Span(self.ops[:count], self.inputs, self.results[:count])


@dataclass(frozen=True)
class Feed:
    """Where a stage's input comes from.

    Parameters
    ----------
    stage : str
        Name of the stage that gives it; empty for the pipeline's input.
    port : int
        Which of that stage's outputs; only a fork has several.
    """

    stage: str = ""
    port: int = 0


@dataclass(frozen=True)
class Stage:
    """One unit of the pipeline.

    Parameters
    ----------
    name : str
        Name of the first op it computes; of a gearbox or a fork, what it is there for.
    unit : str
        Class of the hardware unit.
    ops : tuple of str
        Names of the ops it computes; none for a gearbox or a fork.
    folding : Folding
        Parallelism and choices; of a gearbox, lanes out (pe) and lanes in (simd).
    interval : int
        Cycles a sample.
    cost : Resources
        Estimated resources.
    feeds : tuple of Feed
        What feeds each input.
    depths : tuple of int
        Of a fork, beats that the FIFO of each output holds.
    """

    name: str
    unit: str
    ops: tuple[str, ...]
    folding: Folding
    interval: int
    cost: Resources
    feeds: tuple[Feed, ...] = (Feed(),)
    depths: tuple[int, ...] = ()


@dataclass(frozen=True)
class SharedMemory:
    """A memory that several stages read their constants from, each in its turn.

    Parameters
    ----------
    stages : tuple of str
        Their names.
    cost : Resources
        Of the memory, and of a register for each stage's current word.
    """

    stages: tuple[str, ...]
    cost: Resources


@dataclass(frozen=True)
class Plan:
    """Stages in topological order. With the graph it fixes the hardware completely.

    Parameters
    ----------
    board : str
        Board the plan was made for.
    start : str
        Op whose result is streamed in.
    stages : tuple of Stage
        Each is fed by stages before it; the last one gives the output.
    interval : int
        Cycles between two samples when neither side stalls.
    latency : int
        Cycles from a sample's first input transfer into the empty pipeline to its last output transfer.
    first_intervals : tuple of int
        Cycles between the first samples that leave the empty pipeline.
    input : str
        Format of the hardware's input, as ``--input`` takes it; empty where the host applies the first quantizer.
    raw : bool
        Whether the hardware gives what the last layer gives, instead of the class.
    ready_units : int
        Stages through which a ready may run in one cycle before a FIFO ends the run: fewer for a faster clock.
    even : bool
        Whether FIFOs even out bursts.
    shared : SharedMemory or None
        Constants of the stages whose foldings have a spacing.
    """

    board: str
    start: str
    stages: tuple[Stage, ...]
    interval: int
    latency: int
    first_intervals: tuple[int, ...] = ()
    input: str = ""
    raw: bool = False
    ready_units: int = 3
    even: bool = True
    shared: SharedMemory | None = None

    @property
    def cost(self) -> Resources:
        """Sum over the stages, and the memory that some share."""
        parts = [stage.cost for stage in self.stages]
        return Resources.total(parts if self.shared is None else [*parts, self.shared.cost])

    @property
    def pins(self) -> dict[str, Pin]:
        """Unit and folding of every layer by stage name; what a saved plan pins."""
        return {stage.name: Pin(stage.folding, stage.unit) for stage in self.stages if stage.ops}

    def to_json(self) -> str:
        """Text that `read_plan` reads back."""
        return json.dumps({**asdict(self), "cost": asdict(self.cost)}, indent=2) + "\n"
