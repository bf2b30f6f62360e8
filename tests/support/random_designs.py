"""Random hardware for a graph, and what has to be true of it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from icepop.compiler.errors import PlanError
from icepop.compiler.graph import Graph
from icepop.compiler.planner.layers import Layer, LayerKind, cut
from icepop.compiler.planner.plan import Folding, Pin, Plan, Resources, Span
from icepop.compiler.planner.search import search
from icepop.hdl.accelerator import Accelerator
from icepop.hdl.units.registry import unit_library
from icepop.sim.bench import Stall
from icepop.sim.prove import UNSTALLED, simulate

UNBOUNDED = Resources(cells=10**9, ebr=10**9)

MOST = 48
"""Largest ``pe * simd`` that is chosen where there is a choice: larger ones only take longer to compile."""

LARGEST = 1000
"""Logic cells of a unit that is looked for in a few draws: some of several bits take minutes to compile."""

PATIENCE = 4
"""Choices for the whole network that are tried, before the search may fold one layer more by itself; and draws for a
layer, before one is taken that is large."""


def random_plan(rng: np.random.Generator, graph: Graph, sharing: bool = False) -> Plan:
    """Plan in which as many layers as possible have a random unit at a random folding.

    With ``sharing`` most constants are in one memory. Not all can be had: at the ends of a pipeline lanes divide a
    pixel, and a convolution's groups divide evenly.
    """
    layers = cut(graph, graph.input.name, unit_library())
    free, tries = 0, 0
    while True:
        pinned = rng.permutation(len(layers))[free:]
        pins = {layers[k].span.name: random_pin(rng, layers[k]) for k in pinned}
        if sharing:
            pins |= {layers[k].span.name: spaced(rng, layers[k], pins[layers[k].span.name]) for k in pinned}
        foldings = {name: pin.folding for name, pin in pins.items()}
        units = {name: pin.unit for name, pin in pins.items()}
        try:
            return search(graph, graph.input.name, unit_library(), "test", UNBOUNDED, pins=foldings, units=units)
        except PlanError:
            if free == len(layers):
                raise
            tries += 1
            free += tries % PATIENCE == 0


def random_pin(rng: np.random.Generator, layer: Layer) -> Pin:
    """One of the units and foldings that are offered for a layer; at times one that divides nothing."""
    kind, span = layer.kinds[rng.integers(len(layer.kinds))], layer.span
    foldings = list(kind.foldings(span))
    if rng.random() < 0.2:
        channels = span.results[0].shape[0], span.inputs[0].shape[0]
        foldings += [Folding(*rng.integers(1, np.add(channels, 1)).tolist()) for _ in range(len(foldings))]
    least = min(folding.pe * folding.simd for folding in foldings)
    few = [folding for folding in foldings if folding.pe * folding.simd <= max(MOST, least)]
    for _ in range(PATIENCE):
        folding = few[rng.integers(len(few))]
        if rng.random() < 0.5:
            folding = abreast(rng, kind, span, folding)
        if small(kind, span, folding):
            break
    return Pin(folding, kind.__name__)


def small(kind: LayerKind, span: Span, folding: Folding) -> bool:
    """Whether a unit is no larger than `LARGEST`; what cannot be folded so is."""
    try:
        return kind(span, folding).cost.cells <= LARGEST
    except PlanError:
        return True


def abreast(rng: np.random.Generator, kind: LayerKind, span: Span, folding: Folding) -> Folding:
    """The same with all rows and several pixels at once, where the unit takes that, be it worthwhile or not."""
    shape = span.results[0].shape
    several = replace(folding, pe=shape[0], pixels=int(rng.integers(2, max(2, shape[-1]) + 1)))
    try:
        lanes = kind(span, several).output.lanes
    except PlanError:
        return folding
    return several if lanes == several.pe * several.pixels else folding


def spaced(rng: np.random.Generator, layer: Layer, pin: Pin) -> Pin:
    """The same with constants that are shared, if it has some and can be folded so."""
    (kind,) = [kind for kind in layer.kinds if kind.__name__ == pin.unit]
    try:
        most = kind(layer.span, pin.folding).most_spacing
    except PlanError:
        return pin
    if most < 2 or rng.random() < 0.2:
        return pin
    return replace(pin, folding=replace(pin.folding, spacing=int(rng.integers(2, min(most, 20) + 1))))


def random_codes(rng: np.random.Generator, graph: Graph, samples: int) -> np.ndarray:
    """Values (samples, *shape) of a graph's input."""
    type = graph.types[graph.input.name]
    domain = type.integers
    return domain.lo + domain.step * rng.integers(0, domain.size, (samples, *type.shape))


def check(
    design: Accelerator, rng: np.random.Generator, backend: str, samples: int, stalls: Sequence[Stall] = (UNSTALLED,)
) -> None:
    """Every layer of a design is exact, and as fast as planned."""
    report = simulate(design, random_codes(rng, design.graph, samples), backend, stalls)
    assert report.mismatch is None, report.message
    assert report.exact == samples
    assert report.latency == design.plan.latency
    assert report.as_planned, (report.intervals, design.plan.interval)
