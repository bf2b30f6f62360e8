"""What every hardware unit provides: its match, its foldings, its exact timing, its cost, and the component."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from math import prod

from amaranth import unsigned
from amaranth.lib import stream
from amaranth.lib.wiring import In, Member, Out
from amaranth.utils import ceil_log2

from icepop.compiler.planner.plan import Folding, Resources, Span
from icepop.compiler.planner.timing import Timing
from icepop.compiler.types import Beats
from icepop.hdl.constants import Constants
from icepop.hdl.late import LateComponent


class StreamUnit(LateComponent):
    """A component with input streams and one output stream, described before it is elaborated.

    Parameters
    ----------
    inputs : sequence of Beats
        Layout of each input stream.
    output : Beats
        Layout of the output stream.

    Members
    -------
    i : In(stream.Signature(unsigned(inputs[0].width)))
        The input, lane 0 least significant. With several inputs they are ``i0``, ``i1``, ….
    o : Out(stream.Signature(unsigned(output.width)))
        The result.
    """

    def __init__(self, inputs: Sequence[Beats], output: Beats):
        self.inputs = tuple(inputs)
        self.output = output
        many = range(len(self.inputs)) if len(self.inputs) > 1 else ("",)
        self.input_names = tuple(f"i{k}" for k in many)
        super().__init__(self._ports)

    def _ports(self) -> dict[str, Member]:
        """A stream for each input, and the output."""
        streams = zip(self.input_names, self.inputs, strict=True)
        ports = {name: In(stream.Signature(unsigned(beats.width))) for name, beats in streams}
        return {**ports, "o": Out(stream.Signature(unsigned(self.output.width)))}

    @property
    def input(self) -> Beats:
        """Layout of the first input, which for most units is the only one."""
        return self.inputs[0]

    @property
    @abstractmethod
    def timing(self) -> Timing:
        """How the unit moves beats, exactly."""

    @property
    def interval(self) -> int:
        """Cycles a sample when neither side stalls."""
        return self.timing.interval

    @property
    @abstractmethod
    def cost(self) -> Resources:
        """Estimated resources; EBR exactly. The memory of `constants` is not counted."""


class LayerUnit(StreamUnit):
    """A unit that computes a span of ops, made from the span and a folding.

    Attributes
    ----------
    supplied : bool
        Whether whoever builds the unit connects its `constants`; if not, it makes a memory for them.
    """

    folding: Folding
    supplied = False

    @property
    def most_spacing(self) -> int:
        """Most cycles that there may be between two words if its constants are shared; 0 where they cannot be."""
        return 0

    @property
    def constants(self) -> Constants | None:
        """Words that it reads from a `SharedRom`; None where it has a memory of its own, or none."""
        return None

    @staticmethod
    @abstractmethod
    def matches(span: Span) -> int:
        """How many of a span's first ops one unit takes; 0 if it cannot take the first."""

    @staticmethod
    @abstractmethod
    def foldings(span: Span) -> Iterator[Folding]:
        """Foldings worth considering for a span."""


def divisors(size: int) -> list[int]:
    """Numbers of lanes without padding."""
    return [n for n in range(1, size + 1) if size % n == 0]


def parallelisms(size: int) -> list[int]:
    """Numbers of lanes worth considering for a dimension: the least that need so many beats, for every number of beats.

    More lanes for the same beats would only be padded.
    """
    return sorted({-(-size // beats) for beats in range(1, size + 1)})


def abreast(span: Span, cycles: int, lanes: int, most: int) -> list[int]:
    """Numbers of neighbouring windows of a row worth computing at once, of so many cycles each, and the one alone.

    More raise the rate as long as the input, a beat of so many lanes a cycle, and the output, a pixel a cycle, allow.
    """
    *rows, columns = span.result.shape[1:] or (1,)
    inputs, found = Beats.of(span.input, lanes).count, [1]
    for count in parallelisms(columns)[1:]:
        if count <= min(cycles, most) and prod(rows) * -(-columns // found[-1]) * cycles > inputs:
            found.append(count)
    return found


def adder_cells(bits: int) -> Resources:
    """An adder, counter, accumulator or comparator: a cell a bit."""
    return Resources(lut4=bits, ff=bits, carry=bits, cells=bits)


def counter_cells(size: int) -> Resources:
    """A counter from 0 to size - 1 that is set back at its end: an adder, a comparison, and the carry chain's start."""
    bits = ceil_log2(size)
    if bits == 0:
        return Resources()
    end = -(-bits // 3)
    return Resources(lut4=bits + end, ff=bits, carry=max(0, bits - 2), cells=bits + end + 1)


def lone_registers(count: int) -> Resources:
    """Flip-flops that no look-up table feeds."""
    return Resources(ff=count, cells=count)


def look_ups(count: int) -> Resources:
    """Look-up tables without flip-flops."""
    return Resources(lut4=count, cells=count)


def registered_cells(count: int) -> Resources:
    """Look-up tables each with the flip-flop of its cell."""
    return Resources(lut4=count, ff=count, cells=count)
