# amaranth: UnusedElaboratable=no
"""`SharedRom`: one memory for the constants of several units, each of which reads its own in a fixed order."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from amaranth import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect
from amaranth.utils import ceil_log2

from icepop.compiler.planner.layers import Unit
from icepop.compiler.planner.plan import Resources
from icepop.compiler.planner.sharing import LEAST
from icepop.compiler.types import unpack_words
from icepop.hdl.constants import Constants, constants_signature
from icepop.hdl.memory import Rom, distinct_columns
from icepop.hdl.units.base import LayerUnit, counter_cells, lone_registers, look_ups, registered_cells


@dataclass(frozen=True)
class Slot:
    """The cycles in which a unit's next word is read.

    Parameters
    ----------
    digit : int
        Cycle of a round.
    turn : int
        Round, modulo ``2**bits``.
    bits : int
        Bits of the round that count.
    """

    digit: int
    turn: int
    bits: int


@dataclass(frozen=True)
class Slots:
    """Who reads when: a round has so many cycles, and a slot is a cycle of every round, or of every second, fourth, ….

    Parameters
    ----------
    digits : int
        Cycles of a round.
    slots : tuple of Slot
        One for each unit.

    Notes
    -----
    This is pinwheel scheduling (Holte et al. 1989), by the reduction to a single integer of Chan and Chin (1992).
    """

    digits: int
    slots: tuple[Slot, ...]

    @property
    def bits(self) -> int:
        """Bits of the round's number."""
        return max(slot.bits for slot in self.slots)

    @staticmethod
    def choose(spacings: Sequence[int]) -> "Slots | None":
        """Slots no further apart than these numbers of cycles; None where there are not enough."""
        options = [(taken(spacings, digits), digits) for digits in range(LEAST, min(spacings) + 1)]
        share, digits = min(options)
        if share > 1:
            return None
        levels = [halvings(spacing, digits) for spacing in spacings]
        most, place = max(levels), 0
        slots: dict[int, Slot] = {}
        for k in sorted(range(len(levels)), key=lambda k: levels[k]):
            # those that read most often come first, so that none straddles two cycles of a round
            digit, within = divmod(place, 1 << most)
            slots[k] = Slot(digit, mirrored(within >> most - levels[k], levels[k]), levels[k])
            place += 1 << most - levels[k]
        return Slots(digits, tuple(slots[k] for k in range(len(levels))))


def halvings(spacing: int, digits: int) -> int:
    """How often a round of so many cycles can be doubled within a spacing."""
    return (spacing // digits).bit_length() - 1


def taken(spacings: Sequence[int], digits: int) -> Fraction:
    """Share of all cycles that are read in, with rounds of so many cycles."""
    return sum((Fraction(1, digits << halvings(spacing, digits)) for spacing in spacings), Fraction(0))


def mirrored(number: int, bits: int) -> int:
    """A number with its bits in reverse order."""
    return sum((number >> k & 1) << bits - 1 - k for k in range(bits))


class SharedRom(wiring.Component):
    """Every unit's current word in a register of its own; the next one is read in the unit's slot of a fixed cycle.

    In the cycle after a slot the word read is there; it is loaded if the register is empty or being emptied, and else
    read again in the next slot. So the slots run whatever the units do, and a word is there at most ``spacing`` cycles
    after the one before it was taken.

    Parameters
    ----------
    readers : sequence of Constants
        What is read; there must be `Slots` for them.

    Members
    -------
    ready : Out(1)
        All first words are there; it stays.
    r0, r1, … : In(constants_signature(width))
        Take and word of each reader.
    """

    def __init__(self, readers: Sequence[Constants]):
        self.readers = readers
        slots = Slots.choose([reader.spacing for reader in readers])
        if slots is None:
            raise ValueError("there are too few slots for all readers")
        self.slots = slots
        self.blocks, words = arranged([reader.words for reader in readers])
        self.rom = Rom(max(reader.width for reader in readers), words)
        ports = {f"r{k}": In(constants_signature(reader.width)) for k, reader in enumerate(readers)}
        super().__init__({"ready": Out(1), **ports})

    @cached_property
    def cost(self) -> Resources:
        """Memory, the count of slots, the choice of an address, and for each reader a register, a counter and flags."""
        digits, bits, count = self.slots.digits, self.slots.bits, len(self.readers)
        choice = (count - 1) * len(self.rom.address)
        parts = [self.rom.cost, counter_cells(digits), registered_cells(bits + 1), look_ups(choice + count // 4)]
        for reader in self.readers:
            # synthesis sees into look-up tables, and keeps one register of those that are the same
            columns = unpack_words(reader.words, reader.width, 1) if self.rom.in_lut else None
            width = reader.width if columns is None else distinct_columns(columns)
            parts += [lone_registers(width), counter_cells(len(reader.words)), registered_cells(2), look_ups(2)]
        return Resources.total(parts)

    def elaborate(self, platform: object) -> Module:
        """Count the slots; each reader's address and register."""
        m = Module()
        m.submodules.rom = rom = self.rom
        digit, turn = Signal(range(self.slots.digits)), Signal(self.slots.bits)
        last = digit == self.slots.digits - 1
        m.d.sync += digit.eq(Mux(last, 0, digit + 1))
        with m.If(last):
            m.d.sync += turn.eq(turn + 1)
        address: Value | None = None
        empties = []
        for k, slot in enumerate(self.slots.slots):
            mine = (digit == slot.digit) & (turn[: slot.bits] == slot.turn)
            ahead, empty = self._reader(m, k, mine)
            address = ahead if address is None else Mux(mine, ahead, address)
            empties.append(empty)
        m.d.comb += rom.address.eq(address)
        m.d.sync += self.ready.eq(self.ready | ~Cat(empties).any())
        return m

    def _reader(self, m: Module, k: int, mine: Value) -> tuple[Value, Signal]:
        """Register of a reader, filled in the cycle after its slot; gives its next address and whether it is empty."""
        words, port = self.readers[k].words, getattr(self, f"r{k}")
        ahead, word = Signal(range(len(words)), name=f"ahead_{k}"), Signal(len(port.word), reset_less=True)
        arrived, empty = Signal(name=f"arrived_{k}"), Signal(name=f"empty_{k}", init=1)
        wanted = empty | port.take
        m.d.comb += port.word.eq(word)
        m.d.sync += [arrived.eq(mine), empty.eq(wanted & ~arrived)]
        with m.If(wanted & arrived):
            m.d.sync += [word.eq(self.rom.data), ahead.eq(Mux(ahead == len(words) - 1, 0, ahead + 1))]
        return Cat(ahead, Const(self.blocks[k], len(self.rom.address) - len(ahead))), empty


def supply(m: Module, unit: LayerUnit, take: Value) -> Value:
    """Whether a unit's constants are there, which ``take`` uses up; m gets a memory for them if nobody brings them."""
    constants = unit.constants
    if constants is None:
        return Const(1)
    m.d.comb += constants.take.eq(take)
    if unit.supplied:
        return Const(1)
    m.submodules.constants = rom = SharedRom([constants])
    connect(m, constants, rom.r0)
    return rom.ready


def shared_cost(units: Sequence[Unit]) -> Resources | None:
    """Cost of the memory that units share; None where it cannot be read so often."""
    readers = readers_of(units)
    fits = Slots.choose([reader.spacing for reader in readers]) is not None
    return SharedRom(readers).cost if fits else None


def readers_of(units: Sequence[object]) -> list[Constants]:
    """What those of some units that share their constants read."""
    found = [unit.constants for unit in units if isinstance(unit, LayerUnit)]
    return [constants for constants in found if constants is not None]


def arranged(parts: Sequence[Sequence[int]]) -> tuple[list[int], list[int]]:
    """Where each part begins, in units of its length rounded up to a power of two, and all words.

    A counter's bits are the address's low bits then; the longest part comes first, so that nothing but its end is lost.
    """
    blocks = [0] * len(parts)
    words: list[int] = []
    for k in sorted(range(len(parts)), key=lambda k: -ceil_log2(len(parts[k]))):
        size = 1 << ceil_log2(len(parts[k]))
        words += [0] * (-len(words) % size)
        blocks[k] = len(words) // size
        words += parts[k]
    return blocks, words
