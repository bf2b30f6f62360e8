"""`TernaryProduct`: weights in {-1, 0, +1}."""

from collections.abc import Sequence
from functools import cached_property

from amaranth import Module, Value

from icepop.compiler.encodings.ternary import Ternary
from icepop.compiler.planner.plan import Resources
from icepop.compiler.types import IntArray
from icepop.hdl.products.base import Operands, Product
from icepop.hdl.products.registers import lanes_of, registered
from icepop.hdl.units.base import registered_cells


class TernaryProduct(Product):
    """A plane's bit, complemented where the weight is -1, and masked where it is 0."""

    name = "ternary"

    @staticmethod
    def matches(operands: Operands) -> bool:
        """Ternary weights."""
        return operands.activation.matches and Ternary.matches(operands.weights)

    @property
    def bits(self) -> int:
        """Two a lane."""
        return 2 * self.lanes

    @cached_property
    def shifts(self) -> tuple[int, ...]:
        """Every plane of every lane."""
        return tuple(range(self.activation.bits)) * self.lanes

    def pack(self, weights: IntArray) -> list[int]:
        """Two bits a lane: that it is not 0, and above that it is negative."""
        return Ternary().pack(weights)

    def complements(self, weights: IntArray) -> IntArray:
        """All planes of negative weights are complemented."""
        return (weights < 0) * ((1 << self.activation.bits) - 1)

    def terms(self, m: Module, word: Value, x: Value, inside: Value | None) -> Sequence[Value]:
        """One LUT a plane and lane."""
        bits = [
            (plane ^ weight[1]) & weight[0]
            for weight, code in zip(lanes_of(word, self.lanes), lanes_of(x, self.lanes), strict=True)
            for plane in self.activation.planes(code, inside)
        ]
        return registered(m, bits)

    @property
    def cost(self) -> Resources:
        """One cell a term."""
        return registered_cells(len(self.shifts))
