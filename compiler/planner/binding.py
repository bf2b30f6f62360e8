# amaranth: UnusedElaboratable=no
"""Units for every layer: all that there are, or those that a given folding fixes; and what a folding cannot be."""

from collections.abc import Iterable, Mapping, Sequence

from icepop.compiler.errors import PlanError
from icepop.compiler.planner.layers import Layer, Unit, UnitLibrary
from icepop.compiler.planner.plan import Folding
from icepop.compiler.planner.sharing import LEAST, most_spacing, spacing


def bind(layer: Layer, pins: Mapping[str, Folding], units: Mapping[str, str]) -> list[Unit]:
    """Units for a layer: of the pinned kind and folding, or of every kind and every folding that it offers."""
    span, kinds = layer.span, layer.kinds
    if unit := units.get(span.name):
        kinds = tuple(kind for kind in kinds if kind.__name__ == unit)
        if not kinds:
            able = " or ".join(kind.__name__ for kind in layer.kinds)
            raise PlanError(f"layer '{span.name}' cannot be computed by {unit} but by {able}; change the plan's unit")
    if span.name not in pins:
        return [kind(span, folding) for kind in kinds for folding in kind.foldings(span)]
    folding = pins[span.name]
    outputs, inputs = span.results[0].shape[0], span.inputs[0].shape[0]
    if not (1 <= folding.pe <= outputs and 1 <= folding.simd <= inputs):
        raise PlanError(
            f"layer '{span.name}' cannot be folded {folding}: pe must be 1 to {outputs} and simd 1 to {inputs}"
        )
    bound = [kind(span, folding) for kind in kinds]
    lanes = folding.pe * folding.pixels, folding.simd
    fitting = [unit for unit in bound if (unit.output.lanes, unit.inputs[0].lanes) == lanes]
    if not fitting:
        names = " or ".join(kind.__name__ for kind in kinds)
        near = nearest(folding, [each for kind in kinds for each in kind.foldings(span)])
        raise PlanError(f"layer '{span.name}' cannot be folded {folding}: {names} takes no such folding; try {near}")
    return check_spacing(span.name, folding, fitting)


def nearest(folding: Folding, offered: Iterable[Folding]) -> Folding:
    """Of foldings the one with the fewest lanes and pixels more or less; only these of it."""

    def distance(other: Folding) -> int:
        return sum(abs(getattr(folding, name) - getattr(other, name)) for name in ("pe", "simd", "pixels"))

    found = min(offered, key=distance)
    return Folding(found.pe, found.simd, pixels=found.pixels)


def check_spacing(name: str, folding: Folding, units: Sequence[Unit]) -> list[Unit]:
    """Units that can share their constants as a folding asks; raises `PlanError` where none can."""
    if not folding.spacing:
        return list(units)
    able = [unit for unit in units if LEAST <= folding.spacing <= most_spacing(unit)]
    if able:
        return able
    kinds = " or ".join(type(unit).__name__ for unit in units)
    most = max(most_spacing(unit) for unit in units)
    if most < LEAST:
        raise PlanError(f"layer '{name}': {kinds} has no constants here that can be shared; set its spacing to 0")
    raise PlanError(
        f"layer '{name}': spacing must be {LEAST} to {most} cycles, not {folding.spacing}, or 0 for a memory of its own"
    )


def check_slots(layers: Sequence[Layer], choices: Sequence[Sequence[Unit]], library: UnitLibrary) -> None:
    """Refuse given spacings that are too small for one memory; raises `PlanError`."""
    readers = {layer.span.name: units[0] for layer, units in zip(layers, choices, strict=True) if spacing(units[0])}
    if readers and library.share is not None and library.share(list(readers.values())) is None:
        wanted = ", ".join(f"'{name}' one in {spacing(unit)}" for name, unit in readers.items())
        raise PlanError(
            f"one memory cannot give so many words of constants in so few cycles: {wanted}; "
            "raise a spacing, or set one to 0 for a memory of its own"
        )
