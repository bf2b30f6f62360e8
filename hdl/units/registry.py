"""All layer units."""

from icepop.compiler.registry import subclasses
from icepop.compiler.search import UnitLibrary
from icepop.hdl import units
from icepop.hdl.units.base import LayerUnit
from icepop.hdl.units.gearbox import gearboxes


def layer_units() -> list[type[LayerUnit]]:
    """Every `LayerUnit` in this folder."""
    return subclasses(units, LayerUnit)


def unit_library() -> UnitLibrary:
    """Everything that plans are made of."""
    return UnitLibrary(layer_units(), gearboxes)
