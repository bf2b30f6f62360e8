"""What every hardware unit provides: its match, its foldings, its exact timing, its cost, and the component."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence

from amaranth import unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from icepop.compiler.ops.base import Op
from icepop.compiler.plan import Folding, Resources, Span
from icepop.compiler.types import Beats, TensorType


class StreamUnit(wiring.Component):
    """A component with one input and one output stream, described before it is elaborated.

    Parameters
    ----------
    input, output : Beats
        Layout of the two streams.

    Members
    -------
    i : In(stream.Signature(unsigned(input.width)))
        Input vector, element 0 in the least significant lane of the first beat.
    o : Out(stream.Signature(unsigned(output.width)))
        Result.
    """

    def __init__(self, input: Beats, output: Beats):
        self.input = input
        self.output = output
        super().__init__(
            {
                "i": In(stream.Signature(unsigned(input.width))),
                "o": Out(stream.Signature(unsigned(output.width))),
            }
        )

    @property
    @abstractmethod
    def interval(self) -> int:
        """Cycles a sample when neither side stalls."""

    @property
    def pace(self) -> int:
        """Fewest cycles between two input transfers of a sample that never make the producer wait."""
        return 1

    @property
    def spacing(self) -> int:
        """Fewest cycles between two output transfers of a sample."""
        return 1

    @abstractmethod
    def departures(self, arrivals: Sequence[int]) -> list[int]:
        """Cycle of each output transfer, given the cycles of one sample's input transfers and a ready consumer."""

    @property
    @abstractmethod
    def cost(self) -> Resources:
        """Estimated resources; EBR exactly."""


class LayerUnit(StreamUnit):
    """A unit that computes a span of ops, made from the span and a folding."""

    @staticmethod
    @abstractmethod
    def matches(ops: Sequence[Op], types: Sequence[TensorType]) -> int:
        """How many of these consecutive ops one unit takes; 0 if it cannot take the first.

        ``types[0]`` is the type of the first op's input and ``types[1 + k]`` that of ``ops[k]``'s result.
        """

    @staticmethod
    @abstractmethod
    def foldings(span: Span) -> Iterator[Folding]:
        """Foldings worth considering for a span."""


def parallelisms(size: int) -> list[int]:
    """Numbers of lanes worth considering for a dimension: its divisors and the powers of two below it."""
    divisors = {n for n in range(1, size + 1) if size % n == 0}
    return sorted(divisors | {1 << k for k in range(size.bit_length())})


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


def registered_cells(count: int) -> Resources:
    """Look-up tables each with the flip-flop of its cell."""
    return Resources(lut4=count, ff=count, cells=count)
