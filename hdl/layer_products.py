"""What a dense layer or a convolution multiplies, and the products that can do it."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from icepop.compiler.ops.conv import Conv
from icepop.compiler.ops.dense import Dense
from icepop.compiler.plan import Resources
from icepop.compiler.types import Domain
from icepop.hdl.bit_sum import PITCH
from icepop.hdl.memory import distinct, lut_memory_cost, varying_columns
from icepop.hdl.processing import known_sum
from icepop.hdl.products.base import Operands, Product
from icepop.hdl.products.registry import matching
from icepop.hdl.tiling import Tiling
from icepop.hdl.units.base import registered_cells


@lru_cache(maxsize=256)
def products(op: Dense | Conv, shape: tuple[int, ...], domain: Domain, lanes: int) -> Sequence[Product]:
    """Products that can compute a layer on a tensor of this shape and domain with so many lanes, the best first."""
    padded = isinstance(op, Conv) and op.window.padded
    return matching(Operands(Tiling.of(op, shape, 1, lanes).weights(op), domain, lanes, padded))


def worthwhile(found: Sequence[Product]) -> list[Product]:
    """Of products in order of preference those that need fewer weight bits, or fewer cells, than all before."""
    kept: list[tuple[int, int, Product]] = []
    for product in found:
        cells = product.cost.cells + known_sum(product.shifts, PITCH)[1].cells
        if not any(bits <= product.bits and fewer <= cells for bits, fewer, _ in kept):
            kept.append((product.bits, cells, product))
    return [product for _, _, product in kept]


def shared_cost(table: NDArray[np.bool_], product: Product, rows: int) -> Resources:
    """Memory in LUTs and products of so many rows, whose weight bits are a table (words, rows * product.bits).

    It is so shallow that synthesis finds equal columns, and equal products of a lane.
    """
    columns = table ^ table[:1]
    memory = lut_memory_cost(len(table), varying_columns(table))
    if product.bits != product.lanes:
        return memory + product.cost * rows
    lanes = np.tile(np.arange(product.lanes), rows)
    gates = min(distinct(lanes, columns) + product.lanes, table.shape[1])
    return memory + registered_cells(product.cost.cells // product.lanes) * gates
