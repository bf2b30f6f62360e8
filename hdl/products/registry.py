# amaranth: UnusedElaboratable=no
"""All products, and which one to take."""

from icepop.compiler.errors import PlanError
from icepop.compiler.registry import subclasses
from icepop.hdl import products
from icepop.hdl.arithmetic.bit_sum import PITCH, BitSum
from icepop.hdl.products.base import Operands, Product

WEIGHT_BIT_CELLS = 9
"""What a weight bit read every cycle is worth: a UP5K has 4488 cells (85 %) for the 480 bits of its block memories."""


def product_kinds() -> list[type[Product]]:
    """Every product in this folder."""
    return subclasses(products, Product)  # type: ignore[type-abstract]


def matching(operands: Operands) -> list[Product]:
    """Every product that takes these operands, the cheapest first."""
    found = [kind(operands) for kind in product_kinds() if kind.matches(operands)]
    return sorted(found, key=price)


def price(product: Product, pitch: int = PITCH) -> int:
    """Cells of a processing element: terms, their sum, and the weights' memory in proportion."""
    sum_cells = BitSum(product.shifts, pitch).cost.cells
    return product.cost.cells + sum_cells + WEIGHT_BIT_CELLS * product.bits


def choose(operands: Operands, encoding: str = "") -> Product:
    """The cheapest product, or the one that a folding names.

    Raises
    ------
    PlanError
        No product of that name takes these operands.
    """
    found = matching(operands)
    names = [product.name for product in found]
    if encoding and encoding not in names:
        raise PlanError(f"no product '{encoding}' for these weights; use {', '.join(names) or 'another padding'}")
    return found[names.index(encoding) if encoding else 0]
