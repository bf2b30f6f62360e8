"""The C++ compiler, and how it is called."""

import os
import platform
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from shutil import which

from icepop.boards import tools
from icepop.compiler.errors import ToolError
from icepop.sim.cocotb_run import reason

COMPILERS = ("c++", "g++", "clang++")

FEW = 4
"""Small designs that take about as long to compile as the headers that they need."""

STANDARD = "-std=c++20"

HERE = Path(__file__).parent
"""Folder of the C++ that every simulator shares."""


@dataclass(frozen=True)
class Unit:
    """A translation unit.

    Parameters
    ----------
    text : str
        C++.
    options : tuple of str
        Of the compiler.
    """

    text: str
    options: tuple[str, ...]


def compiler() -> str | None:
    """C++ compiler: $CXX, else the first of `COMPILERS` on PATH."""
    candidates = filter(None, (os.environ.get("CXX"), *COMPILERS))
    return next((name for name in candidates if which(name)), None)


def no_compiler() -> str | None:
    """Why nothing can be compiled here, and what to do about it."""
    if compiler() is None:
        return "no C++ compiler is on PATH; install g++ or set CXX, or use --backend amaranth"
    return None


def identity() -> str:
    """What decides, besides source and options, what an executable is."""
    command = (str(compiler()), "--version")
    return "\n".join([platform.machine(), *command, call(command, HERE)])


def shared_sources() -> str:
    """Text of all that is in this folder."""
    paths = sorted(path for path in HERE.iterdir() if path.suffix in (".cpp", ".h", ".py"))
    return "\n".join(path.read_text() for path in paths)


def compile_units(units: Sequence[Unit], folder: Path) -> list[Path]:
    """Compile units, as many at once as there are processors.

    Parameters
    ----------
    units : sequence of Unit
        What is compiled; ``#include`` starts in ``folder`` and in this one.
    folder : Path
        Where sources and objects go.

    Returns
    -------
    list of Path
        An object for each.

    Raises
    ------
    ToolError
        The compiler refuses one.
    """

    def compile_one(k: int) -> Path:
        unit, source, target = units[k], folder / f"unit{k}.cpp", folder / f"unit{k}.o"
        source.write_text(unit.text)
        options = [STANDARD, "-w", *unit.options, f"-I{HERE}", "-c", source.name, "-o", target.name]
        call((str(compiler()), *options), folder)
        return target

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(compile_one, range(len(units))))


def groups(names: Sequence[str]) -> list[list[tuple[int, str]]]:
    """Names with their numbers, dealt out to as many groups as can be compiled at once, none of them too small."""
    count = min(-(-len(names) // FEW), os.cpu_count() or 1)
    return [list(enumerate(names))[first::count] for first in range(count)]


def link(objects: Sequence[Path], target: Path) -> None:
    """Make an executable of objects."""
    call((str(compiler()), *map(str, objects), "-pthread", "-o", str(target)), target.parent)


def call(command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> str:
    """Run a tool in ``folder`` and return what it printed.

    Raises
    ------
    ToolError
        It cannot be started, fails (its first error is told), or takes longer than an hour.
    """
    name = Path(command[0]).name
    try:
        code, text = tools.call(command, folder, name, environment)
    except OSError as error:
        raise ToolError(f"cannot start {name}: {error.strerror}") from error
    if code:
        raise ToolError(f"{name} failed with exit code {code}: {reason(text)}")
    return text
