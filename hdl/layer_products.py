# amaranth: UnusedElaboratable=no
"""What a dense layer or a convolution multiplies, and the products that can do it."""

from collections.abc import Sequence
from functools import lru_cache

from icepop.compiler.ops.conv import Conv
from icepop.compiler.ops.dense import Dense
from icepop.compiler.types import Domain
from icepop.hdl.bit_sum import BitSum
from icepop.hdl.products.base import Operands, Product
from icepop.hdl.products.registry import matching
from icepop.hdl.tiling import Tiling


@lru_cache(maxsize=256)
def products(op: Dense | Conv, shape: tuple[int, ...], domain: Domain, lanes: int) -> Sequence[Product]:
    """Products that can compute a layer on a tensor of this shape and domain with so many lanes, the best first."""
    padded = isinstance(op, Conv) and op.window.padded
    return matching(Operands(Tiling.of(op, shape, 1, lanes).weights(op), domain, lanes, padded))


def worthwhile(found: Sequence[Product]) -> list[Product]:
    """Of products in order of preference those that need fewer weight bits, or fewer cells, than all before."""
    kept: list[tuple[int, int, Product]] = []
    for product in found:
        cells = product.cost.cells + BitSum(product.shifts).cost.cells
        if not any(bits <= product.bits and fewer <= cells for bits, fewer, _ in kept):
            kept.append((product.bits, cells, product))
    return [product for _, _, product in kept]
