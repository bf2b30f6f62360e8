# amaranth: UnusedElaboratable=no
"""What a dense layer or a convolution multiplies, and the products that can do it."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from icepop.compiler.errors import PlanError
from icepop.compiler.ops.conv import Conv
from icepop.compiler.ops.dense import Dense
from icepop.compiler.planner.plan import Resources
from icepop.compiler.types import Domain, IntArray
from icepop.hdl.arithmetic.bit_sum import PITCH, BitSum
from icepop.hdl.matrix.processing import known_sum
from icepop.hdl.matrix.tiling import Tiling
from icepop.hdl.memory import distinct, lut_memory_cost, varying_columns
from icepop.hdl.products.base import Operands, Product
from icepop.hdl.products.registry import matching
from icepop.hdl.units.base import registered_cells


@lru_cache(maxsize=256)
def products(op: Dense | Conv, shape: tuple[int, ...], domain: Domain, lanes: int) -> Sequence[Product]:
    """Products that can compute a layer on a tensor of this shape and domain with so many lanes, the best first."""
    padded = isinstance(op, Conv) and op.window.padded
    return matching(Operands(Tiling.of(op, shape, 1, lanes).weights(op), domain, lanes, padded))


def chosen(found: Sequence[Product], encoding: str, layer: str) -> Product:
    """Product that a folding names for a layer, else the best.

    Raises
    ------
    PlanError
        No product of that name can hold the weights.
    """
    named = [product for product in found if encoding in ("", product.name)]
    if not named:
        raise PlanError(
            f"layer '{layer}' cannot have its weights encoded '{encoding}'; "
            f"choose one of {', '.join(product.name for product in found)}"
        )
    return named[0]


def worthwhile(found: Sequence[Product]) -> list[Product]:
    """Of products in order of preference those that need fewer weight bits, or fewer cells, than all before."""
    kept: list[tuple[int, int, Product]] = []
    for product in found:
        cells = product.cost.cells + known_sum(product.shifts, PITCH)[1].cells
        if not any(bits <= product.bits and fewer <= cells for bits, fewer, _ in kept):
            kept.append((product.bits, cells, product))
    return [product for _, _, product in kept]


def shallow_cost(
    product: Product, table: NDArray[np.bool_], weights: IntArray, inputs: IntArray, pitch: int
) -> Resources:
    """Cost of memory in LUTs, products and sums of some rows whose memory is so shallow that synthesis sees through it.

    It finds equal columns, products of a lane that are always equal, and terms that are always 0.

    Parameters
    ----------
    product : Product
        Of each row.
    table : bool array (words, rows * product.bits)
        The memory.
    weights : int64 array (words, rows, lanes)
        What it holds.
    inputs : int64 array (rows, lanes)
        Number of the activation that each lane reads.
    pitch : int
        Bits that are summed between two registers.
    """
    rows = weights.shape[1]
    memory = lut_memory_cost(len(table), varying_columns(table))
    if product.bits == product.lanes:
        gates = min(distinct(inputs.reshape(-1), table ^ table[:1]) + len(np.unique(inputs)), table.shape[1])
        products = registered_cells(product.cost.cells // product.lanes) * gates
        return Resources.total([memory, products, known_sum(product.shifts, pitch)[1] * rows])
    literals = product.literals(weights).reshape(*weights.shape, -1)
    live = literals.any(axis=0).reshape(rows, -1)
    keys = np.broadcast_to(inputs[..., None], literals.shape[1:])
    gates = len(np.unique(np.concatenate([keys[None], literals])[:, literals.any(axis=0)], axis=1).T)
    products = registered_cells(round(product.cost.cells * gates / len(product.shifts)))
    adder = BitSum(product.shifts, pitch)
    sums = [adder.cost_without(np.flatnonzero(~row).tolist()) for row in live]
    return Resources.total([memory, products, *sums])
