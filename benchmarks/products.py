"""Cells of every product and of its sum, planned beside real, for the main kinds of weights and activations.

    python benchmarks/products.py --lanes 8 [--only integer]

One processing element is synthesised and placed alone on a UP5K: the registered terms of one weight word and one beat,
then their `BitSum`. Cells and weight bits are given per lane; ``price`` is what products are ranked by.
"""

from typing import Annotated

import numpy as np
import typer
from amaranth import Cat, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from icepop.boards.synthesis import synthesize
from icepop.compiler.types import BIPOLAR, Domain, IntArray
from icepop.hdl.arithmetic.bit_sum import BitSum
from icepop.hdl.products.base import Operands, Product
from icepop.hdl.products.registry import matching, price

WEIGHTS: dict[str, list[int]] = {
    "-1 +1": [-1, 1],
    "-1 0 +1": [-1, 0, 1],
    "2 bits": [-2, -1, 0, 1],
    "4 bits": list(range(-8, 8)),
    "6 bits": list(range(-32, 32)),
    "8 bits": list(range(-128, 128)),
    "2**0..1": [-2, -1, 1, 2],
    "2**0..3": [-8, -4, -2, -1, 1, 2, 4, 8],
    "0, 2**0..2": [-4, -2, -1, 0, 1, 2, 4],
    "4 values": [-21, -6, 5, 19],
    "16 values": [-101, -83, -64, -47, -30, -22, -11, -3, 2, 9, 18, 33, 50, 71, 92, 117],
}
ACTIVATIONS = {
    "bipolar": BIPOLAR,
    "ternary": Domain(-1, 1),
    "1 bit": Domain(0, 1),
    "2 bits": Domain(0, 3),
    "4 bits": Domain(0, 15),
    "8 bits": Domain(0, 255),
}


class TermsAndSum(wiring.Component):
    """A product of one word and one beat, with or without its sum."""

    def __init__(self, product: Product, summed: bool):
        self.product = product
        self.sum = BitSum(product.shifts) if summed else None
        beat = product.lanes * product.operands.domain.bits
        ports = {
            "word": In(product.bits),
            "x": In(beat),
            "o": Out(len(self.sum.o) if self.sum else len(product.shifts)),
        }
        super().__init__({**ports, "inside": In(1)} if product.operands.padded else ports)

    def elaborate(self, platform: object) -> Module:
        """Wire both."""
        m = Module()
        terms = Cat(self.product.terms(m, self.word, self.x, self.inside if self.product.operands.padded else None))
        if self.sum is None:
            m.d.comb += self.o.eq(terms)
        else:
            m.submodules.sum = self.sum
            m.d.comb += [self.sum.i.eq(terms), self.o.eq(self.sum.o)]
        return m


def operands(codes: list[int], domain: Domain, lanes: int, padded: bool) -> Operands:
    """One row in which every code occurs."""
    weights: IntArray = np.resize(np.array(codes, np.int64), (1, -(-len(codes) // lanes), lanes))
    return Operands(weights, domain, lanes, padded)


def main(
    lanes: int = 8,
    padded: bool = False,
    weights: Annotated[list[str] | None, typer.Option(help="only these kinds of weights")] = None,
    activations: Annotated[list[str] | None, typer.Option(help="only these kinds of activations")] = None,
    only: Annotated[str, typer.Option(help="only this product")] = "",
    place: bool = True,
) -> None:
    """Print a row for each product of each combination."""
    print(
        f"{'weights':11s} {'activations':12s} {'product':13s} bits/lane  terms planned/real  with sum  per lane    MHz"
        " price"
    )
    for kind in weights or WEIGHTS:
        for name in activations or ACTIVATIONS:
            for product in matching(operands(WEIGHTS[kind], ACTIVATIONS[name], lanes, padded)):
                if only in ("", product.name):
                    row(kind, name, product, place)


def row(kind: str, name: str, product: Product, place: bool) -> None:
    """Measure a product."""
    terms, whole = product.cost.cells, (product.cost + BitSum(product.shifts).cost).cells
    shared, real_terms, real, mhz = product.shared.cells, 0, 0, 0.0
    if place:
        real_terms = synthesize(TermsAndSum(product, False), "terms").cells - shared
        measured = synthesize(TermsAndSum(product, True), "terms")
        real, mhz = measured.cells - shared, measured.fmax_mhz or 0.0
    print(
        f"{kind:11s} {name:12s} {product.name:13s} {product.bits / product.lanes:9.2f}  {terms:7d}/{real_terms:<10d}"
        f"  {whole:4d}/{real:<5d} {(real or whole) / product.lanes:8.2f} {mhz:6.1f} {price(product):5d}",
        flush=True,
    )


if __name__ == "__main__":
    typer.run(main)
