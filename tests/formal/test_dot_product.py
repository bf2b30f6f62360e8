# amaranth: UnusedElaboratable=no
"""A processing element's result is the integer dot product, for all weights, activations and pauses between beats."""

from itertools import product as every

import numpy as np
import pytest
from amaranth import Cat, Module, Signal
from maps import window

from icepop.compiler.ops.conv import Conv
from icepop.compiler.types import BIPOLAR, Domain, TensorType
from icepop.hdl.matrix.processing import ProcessingElement, Row
from icepop.hdl.matrix.row_sums import RowSums
from icepop.hdl.products.base import Operands, Product
from icepop.hdl.products.registry import product_kinds
from icepop.sim.datapath_specifications import DotProductSpec
from icepop.sim.formal import counterexample

pytestmark = pytest.mark.formal

TWO_BITS, SIGNED = Domain(0, 3), Domain(-2, 1)

OPERANDS: dict[str, tuple[str, Domain, Domain, bool, int, int]] = {
    "signs": ("BinaryProduct", BIPOLAR, BIPOLAR, False, 2, 2),
    "binary": ("BinaryProduct", BIPOLAR, SIGNED, False, 2, 2),
    "binary, padded signs": ("BalancedProduct", BIPOLAR, BIPOLAR, True, 2, 2),
    "ternary": ("TernaryProduct", Domain(-1, 1), TWO_BITS, False, 2, 2),
    "ternary, padded": ("TernaryProduct", Domain(-1, 1), BIPOLAR, True, 2, 2),
    "2 bits, a beat": ("IntegerProduct", SIGNED, SIGNED, False, 2, 1),
    "2 bits, beats": ("IntegerProduct", SIGNED, SIGNED, False, 1, 2),
}
"""Product, weights, activations, whether there is padding, lanes, and beats of a row."""


class Late(ProcessingElement):
    """An element of which one input is late by a cycle."""

    def __init__(self, row: Row, port: str):
        self.port = port
        super().__init__(row)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.right = right = ProcessingElement(self.row)
        for name in self.signature.members:
            value = getattr(self, name)
            if name == "o":
                m.d.comb += value.eq(right.o)
                continue
            late = Signal(len(value))
            m.d.sync += late.eq(Cat(value))
            m.d.comb += getattr(right, name).eq(late if name == self.port else value)
        return m


def described(name: str, starts: bool) -> tuple[Row, RowSums]:
    """A row with all weights that there are, and what its sums mean."""
    kind_name, weights, domain, padded, lanes, beats = OPERANDS[name]
    (kind,) = [kind for kind in product_kinds() if kind.__name__ == kind_name]
    values = range(weights.lo, weights.hi + 1, weights.step)
    rows = np.array(list(every(values, repeat=beats * lanes)))
    product: Product = kind(Operands(rows.reshape(-1, beats, lanes), domain, lanes, padded))
    kernel = rows.reshape(-1, beats, lanes).transpose(0, 2, 1)
    op = Conv("conv", ("x",), kernel, window((beats,), 1, int(padded)))
    sums = RowSums(product.gain, product.bias, op.infer(TensorType((lanes, beats), domain)).integers)
    bits = sums.bits if starts else sums.largest.bit_length()
    return Row(product, lanes * domain.bits, bits, beats > 1, starts, sums.shift if starts else 0), sums


@pytest.mark.parametrize("starts", [False, True], ids=["sums", "accumulators"])
@pytest.mark.parametrize("name", OPERANDS)
def test_an_element_computes_the_dot_product_of_any_weights(name: str, starts: bool) -> None:
    row, sums = described(name, starts)
    spec = DotProductSpec(ProcessingElement(row), sums)
    assert counterexample(spec, spec.depth) is None


@pytest.mark.parametrize(
    ("name", "port"),
    [
        ("signs", "word"),
        ("binary", "x"),
        ("binary, padded signs", "inside"),
        ("ternary", "summed"),
        ("ternary, padded", "first"),
        ("2 bits, beats", "start"),
        ("2 bits, a beat", "x"),
    ],
)
def test_an_element_with_a_late_input_fails(name: str, port: str) -> None:
    row, sums = described(name, port == "start")
    spec = DotProductSpec(Late(row, port), sums)
    assert counterexample(spec, spec.depth) is not None
