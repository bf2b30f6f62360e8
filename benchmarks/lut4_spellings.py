"""Spellings of a count of votes, by synthesis: the tree of adders with carry inputs, and ``sum()``.

    python benchmarks/lut4_spellings.py --bits 7 --bits 15 --bits 26

Look-up tables (yosys) and logic cells (nextpnr) of one unregistered count, with what the tree's cost is planned as.
"""

from typing import Annotated

import typer
from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from icepop.boards.synthesis import synthesize
from icepop.hdl.arithmetic.vote_count import count_cost, counted


class Count(wiring.Component):
    """Number of ones in ``i``, in one of two spellings."""

    def __init__(self, bits: int, tree: bool):
        self.tree = tree
        super().__init__({"i": In(bits), "o": Out(bits.bit_length())})

    def elaborate(self, platform: object) -> Module:
        """Count."""
        m = Module()
        m.d.comb += self.o.eq(counted(m, list(self.i)) if self.tree else sum(self.i))
        return m


def main(bits: Annotated[list[int], typer.Option(help="bits to count; repeat for more rows")]) -> None:
    """Print a row for each number of bits."""
    print("bits  tree LUT4 planned/real  cells planned/real  sum() LUT4  cells")
    for count in bits:
        tree, plain = (synthesize(Count(count, kind), "count") for kind in (True, False))
        cost = count_cost(count)
        row = f"{cost.lut4:7d}/{tree.lut4:<13d}  {cost.cells:7d}/{tree.cells:<9d}  {plain.lut4:10d}  {plain.cells:5d}"
        print(f"{count:4d}  {row}", flush=True)


if __name__ == "__main__":
    typer.run(main)
