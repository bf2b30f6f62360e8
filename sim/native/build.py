"""Designs to executables: RTLIL to C++ by one of several flows, then compiled and kept."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from icepop.boards.tools import Tool, run
from icepop.sim.harness import TOP, Harness
from icepop.sim.native import cache as kept
from icepop.sim.native.compiler import HERE, Unit, compile_units, identity, link, shared_sources
from icepop.sim.verilog import intermediate, translate

AFTER_RESET = (f"cd {TOP}", "delete -input w:rst", "connect -set rst 1'0", "cd ..")
"""Yosys' commands that leave out reset: a design starts as it leaves it. Verilator would look at it in every cycle, and
then runs half as fast."""


@dataclass(frozen=True)
class Flow:
    """What differs between the simulators that compile a design.

    Parameters
    ----------
    name : str
        Of the simulator.
    yosys : Tool
        Which yosys translates RTLIL.
    passes : tuple of str
        Its commands; the last one writes the file that is named behind it.
    suffix : str
        Of that file.
    version : callable
        Which other tools there are, as a text.
    runtime : callable
        Unit with the bench's main function and what all designs share.
    units : callable
        From the translated designs, by name, and a folder, to the units that define a `Design` for each.
    file : Path
        Where the flow is written down; its text counts too.
    """

    name: str
    yosys: Tool
    passes: tuple[str, ...]
    suffix: str
    version: Callable[[], str]
    runtime: Callable[[], Unit]
    units: Callable[[Mapping[str, str], Path], list[Unit]]
    file: Path


def build(flow: Flow, harnesses: Sequence[Harness]) -> list[Path]:
    """Executable for each harness, called with its own name as the design; those that are new come from one build.

    Raises
    ------
    ToolError
        A tool is missing or fails.
    BenchError
        A design holds an `Instance`.
    """
    sources = [intermediate(harness, TOP) for harness in harnesses]
    common = base(flow)
    names = [digest(common, source) for source in sources]
    if any(kept.find(name) is None for name in names):
        with kept.alone(digest(*names)):
            make(flow, {name: source for name, source in zip(names, sources, strict=True) if kept.find(name) is None})
    return [kept.folder() / name for name in names]


def make(flow: Flow, sources: Mapping[str, str]) -> None:
    """Make one executable of RTLIL, by name, and keep it under every name."""
    if not sources:
        return
    with kept.scratch() as folder:
        texts = translate(list(sources.values()), flow.passes, flow.suffix, flow.yosys)
        units = flow.units(dict(zip(sources, texts, strict=True)), folder)
        bench = folder / "bench"
        link([*compile_units(units, folder), runtime(flow)], bench)
        kept.keep(bench, list(sources))


def runtime(flow: Flow) -> Path:
    """Object of what all designs of a flow share."""
    name = f"{digest(base(flow), 'runtime')}.o"
    with kept.alone(name):
        if kept.find(name) is None:
            with kept.scratch() as folder:
                (made,) = compile_units([flow.runtime()], folder)
                kept.keep(made, [name])
    return kept.folder() / name


def base(flow: Flow) -> str:
    """What all executables of a flow depend on."""
    tools = (yosys_version(flow.yosys), flow.version(), identity())
    return digest(flow.name, *tools, *flow.passes, flow.file.read_text(), shared_sources())


@cache
def yosys_version(yosys: Tool) -> str:
    """What yosys says it is; asking takes as long as a small design."""
    return run(yosys, ["-V"], HERE)


def digest(*parts: str) -> str:
    """Name of what these texts determine."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
