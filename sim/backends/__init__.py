"""One simulator a file, found by walking this folder.

A file provides ``missing()``, the reason why the simulator cannot run here with its remedy, or None; and
``run(design, stimuli, progress)``, which simulates each stimulus from reset and returns one `Run` each. One that does
not see all streams says so in ``SEES``.
"""

import pkgutil
from collections.abc import Sequence
from enum import Enum
from importlib import import_module
from typing import Protocol, cast

from amaranth.lib import wiring

from icepop.compiler.errors import ToolError
from icepop.sim.bench import Progress, Stimulus
from icepop.sim.records import Run


class Sight(Enum):
    """What a simulator sees of a design."""

    TAPS = "every stream"
    STREAMS = "the streams at its ends"
    PINS = "results at a board's pins, without stalls and cycles"


class Backend(Protocol):
    """What a file of this folder provides."""

    def missing(self) -> str | None:
        """Why this simulator cannot run here, and how to get it; None if it can."""

    def run(self, design: wiring.Component, stimuli: Sequence[Stimulus], progress: Progress) -> list[Run]:
        """Simulate ``design`` from reset with each stimulus."""


def names() -> list[str]:
    """Every simulator, whether it can run here or not."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def sees(backend: Backend) -> Sight:
    """What ``backend`` sees: all, unless it says otherwise."""
    return getattr(backend, "SEES", Sight.TAPS)


def find(name: str) -> Backend:
    """Simulator ``name``, known to be able to run here.

    Raises
    ------
    ToolError
        There is no such simulator, or something it needs is missing.
    """
    if name not in names():
        raise ToolError(f"no simulator '{name}': there are {', '.join(names())}")
    backend = cast(Backend, import_module(f"{__name__}.{name}"))
    if reason := backend.missing():
        raise ToolError(f"no simulator '{name}': {reason}")
    return backend
