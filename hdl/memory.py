"""Memories made of EBR-sized banks, so that the number of EBR is known before synthesis."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import ceil
from typing import Any

import numpy as np
from amaranth import Array, Cat, Const, Module, Signal, Value, unsigned
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2
from numpy.typing import NDArray

from icepop.compiler.planner.plan import Resources
from icepop.compiler.types import IntArray, unpack_words

EBR_SHAPES = ((256, 16), (512, 8), (1024, 4), (2048, 2))
"""Depth and width of an iCE40 EBR's modes (Lattice TN-02002)."""

LUT_DEPTH = 16
"""Up to this depth a ROM is one LUT4 a bit."""

CELLS_PER_EBR = 64
"""What an EBR is worth when a memory's shape is chosen: what yosys weighs it with."""


@dataclass(frozen=True)
class Banks:
    """How a memory is cut into banks of one EBR each.

    Parameters
    ----------
    depth, width : int
        Words and bits of the whole memory.
    bank_depth, bank_width : int
        Words and bits of one EBR in the chosen mode.
    """

    depth: int
    width: int
    bank_depth: int
    bank_width: int

    @staticmethod
    def choose(depth: int, width: int) -> "Banks":
        """Mode with the least cost, counting multiplexers between banks in depth."""
        options = [Banks(depth, width, *shape) for shape in EBR_SHAPES]
        return min(options, key=lambda banks: banks.ebr * CELLS_PER_EBR + banks.mux_lut4)

    @property
    def rows(self) -> int:
        """Banks in depth."""
        return ceil(self.depth / self.bank_depth)

    @property
    def columns(self) -> int:
        """Banks in width."""
        return ceil(self.width / self.bank_width)

    @property
    def low_bits(self) -> int:
        """Address bits inside a bank."""
        return ceil_log2(self.bank_depth)

    @property
    def slices(self) -> list[tuple[int, int]]:
        """First bit and number of bits that each column of banks holds."""
        starts = range(0, self.width, self.bank_width)
        return [(start, min(self.bank_width, self.width - start)) for start in starts]

    @property
    def ebr(self) -> int:
        """Block memories."""
        return self.rows * self.columns

    @property
    def mux_lut4(self) -> int:
        """LUT4 of the output multiplexers: a LUT4 merges two banks, or three with a spare input."""
        return self.width * (2 * (self.rows - 1) + 2) // 3 if self.rows > 1 else 0


@cache
def memory_cost(depth: int, width: int) -> Resources:
    """Cost of a memory in EBR, whatever it holds."""
    banks = Banks.choose(depth, width)
    select = ceil_log2(banks.rows)
    return Resources(lut4=banks.mux_lut4, ff=select, cells=banks.mux_lut4 + select, ebr=banks.ebr)


def lut_memory_cost(depth: int, columns: int) -> Resources:
    """Cost of so many columns of a memory in LUTs, measured with random contents, and their registers."""
    each = 1 if depth <= LUT_DEPTH else depth / 8 if depth <= 2 * LUT_DEPTH else depth / 7.2
    lut4 = round(each * columns)
    return Resources(lut4=lut4, ff=columns, cells=lut4)


def varying_columns(table: NDArray[np.bool_]) -> int:
    """Columns of a table (depth, columns) that stay: not constant, nor equal to another or its complement."""
    return distinct(np.zeros(table.shape[1], np.int64), table ^ table[:1])


def distinct(keys: IntArray, table: NDArray[np.bool_]) -> int:
    """Number of different columns of a table (depth, columns), all zeros left out; only those of one key are equal."""
    packed = np.packbits(table, axis=0)[:, table.any(axis=0)]
    rows = np.concatenate([packed.T, keys[table.any(axis=0), None].astype("<u2").view(np.uint8)], axis=1)
    return len(set(map(bytes, rows)))


def near(address: int, depth: int) -> int:
    """Address below ``depth`` that differs in one bit or few: what a LUT holds where nothing is ever read."""
    while address >= depth:
        below = address & ~(1 << address.bit_length() - 1)
        address ^= 1 << below.bit_length() - 1
    return address


def distinct_columns(table: NDArray[Any]) -> int:
    """Columns of a table (depth, columns) that stay where each must be there as it is: not 0, nor equal to another."""
    return np.unique(table[:, table.any(axis=0)], axis=1).shape[1]


class Rom(wiring.Component):
    """Constant memory with a registered read.

    ``data`` holds ``init[address]`` of the cycle before.

    Parameters
    ----------
    width : int
        Bits of a word.
    init : sequence of int
        All words.
    in_lut : bool
        Whether it is made of LUTs however deep it is; otherwise it is up to `LUT_DEPTH`.

    Members
    -------
    address : In(ceil_log2(len(init)))
    data : Out(width)
    """

    def __init__(self, width: int, init: Sequence[int], in_lut: bool = False):
        self.width = width
        self.in_lut = in_lut or len(init) <= LUT_DEPTH
        self.init = list(init)
        self.banks = Banks.choose(len(self.init), width)
        super().__init__({"address": In(ceil_log2(len(self.init))), "data": Out(width)})

    @property
    def bits(self) -> NDArray[np.bool_]:
        """All bits (depth, width)."""
        return unpack_words(self.init, self.width, 1).astype(bool)

    @property
    def cost(self) -> Resources:
        """LUTs for each column that varies, or EBR and their multiplexers."""
        if not self.in_lut:
            return memory_cost(len(self.init), self.width)
        return lut_memory_cost(len(self.init), varying_columns(self.bits))

    def elaborate(self, platform: object) -> Module:
        """LUTs, or EBR banks whose outputs the registered high address bits select."""
        m = Module()
        if self.in_lut:
            words = [self.init[near(address, len(self.init))] for address in range(1 << len(self.address))]
            # the attribute keeps yosys from making a block memory of it
            memory = Memory(shape=unsigned(self.width), depth=len(words), init=words, attrs={"logic_block": 1})
            m.submodules.memory = memory
            port = memory.read_port(domain="sync")
            m.d.comb += [port.addr.eq(self.address), self.data.eq(port.data)]
        else:
            words = [self._row(m, row) for row in range(self.banks.rows)]
            m.d.comb += self.data.eq(selected(m, words, self.address[self.banks.low_bits :], Const(1)))
        return m

    def _row(self, m: Module, row: int) -> Cat:
        """One row of banks; returns its word."""
        banks = self.banks
        words = self.init[row * banks.bank_depth : (row + 1) * banks.bank_depth]
        parts = []
        for column, (start, width) in enumerate(banks.slices):
            init = [(word >> start) & ((1 << width) - 1) for word in words]
            memory = Memory(shape=unsigned(width), depth=len(init), init=init, attrs={"rom_block": 1})
            m.submodules[f"bank_{row}_{column}"] = memory
            port = memory.read_port(domain="sync")
            m.d.comb += port.addr.eq(self.address[: banks.low_bits])
            parts.append(port.data)
        return Cat(parts)


class Ram(wiring.Component):
    """Memory with one write and one registered read port, in EBR.

    What is read while the same word is written is undefined, as in an EBR; synthesis relies on that.

    Parameters
    ----------
    width : int
        Bits of a word.
    depth : int
        Words.

    Members
    -------
    write_address : In(ceil_log2(depth))
    write_data : In(width)
    write_en : In(1)
    address : In(ceil_log2(depth))
    en : In(1)
    data : Out(width)
    """

    def __init__(self, width: int, depth: int):
        self.banks = Banks.choose(depth, width)
        address = ceil_log2(depth)
        super().__init__(
            {
                "write_address": In(address),
                "write_data": In(width),
                "write_en": In(1),
                "address": In(address),
                "en": In(1),
                "data": Out(width),
            }
        )

    @property
    def cost(self) -> Resources:
        """EBR and their multiplexers."""
        return memory_cost(self.banks.depth, self.banks.width)

    def elaborate(self, platform: object) -> Module:
        """Banks, of which the high address bits select a row."""
        m = Module()
        words = [self._row(m, row) for row in range(self.banks.rows)]
        m.d.comb += self.data.eq(selected(m, words, self.address[self.banks.low_bits :], self.en))
        return m

    def _row(self, m: Module, row: int) -> Cat:
        """One row of banks; returns its word."""
        banks = self.banks
        low, high = self.write_address[: banks.low_bits], self.write_address[banks.low_bits :]
        parts = []
        for column, (start, width) in enumerate(banks.slices):
            depth = min(banks.bank_depth, banks.depth)
            memory = Memory(shape=unsigned(width), depth=depth, init=[], attrs={"ram_block": 1})
            m.submodules[f"bank_{row}_{column}"] = memory
            write, read = memory.write_port(), memory.read_port(domain="sync")
            m.d.comb += [
                write.addr.eq(low),
                write.data.eq(self.write_data[start : start + width]),
                write.en.eq(self.write_en & (high == row)),
                read.addr.eq(self.address[: banks.low_bits]),
                read.en.eq(self.en),
            ]
            parts.append(read.data)
        return Cat(parts)


def selected(m: Module, words: Sequence[Value], row: Value, en: Value) -> Value:
    """Word of the row that was addressed the cycle before."""
    if len(words) == 1:
        return words[0]
    select = Signal(ceil_log2(len(words)))
    with m.If(en):
        m.d.sync += select.eq(row)
    return Array(words)[select]
