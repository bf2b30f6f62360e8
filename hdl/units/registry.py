"""All layer units."""

from typing import Protocol, cast

from icepop.compiler.planner.layers import LayerKind, UnitLibrary
from icepop.compiler.planner.plan import Folding, Span
from icepop.compiler.registry import subclasses
from icepop.hdl import units
from icepop.hdl.fork import Fork
from icepop.hdl.shared_rom import shared_cost
from icepop.hdl.units.base import LayerUnit, StreamUnit
from icepop.hdl.units.gearbox import gearboxes


class ComponentKind(LayerKind, Protocol):
    """A layer unit's class."""

    def __call__(self, span: Span, folding: Folding) -> StreamUnit:
        """Bind the unit; the object is its component too."""


def layer_units() -> list[ComponentKind]:
    """Every `LayerUnit` in this folder."""
    return cast(list[ComponentKind], subclasses(units, LayerUnit))


def unit_library() -> UnitLibrary:
    """Everything that plans are made of."""
    return UnitLibrary(layer_units(), gearboxes, Fork, shared_cost)
