"""Run a compiled simulator and judge what it sees while it runs."""

import fcntl
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from select import select
from tempfile import TemporaryFile
from typing import IO, cast

import numpy as np
from amaranth.lib import wiring

from icepop.compiler.errors import ToolError
from icepop.sim.bench import PERIOD, POLITE, Progress, Stimulus, silent
from icepop.sim.cocotb_run import reason
from icepop.sim.harness import Harness
from icepop.sim.native.build import Flow, build
from icepop.sim.records import Observer, Rows, Run

PIECE, PIPE = 1 << 18, 1 << 20
"""Bytes of rows that are judged at once, and that may wait for it: the simulator goes on meanwhile."""

SILENCE_S = 600
"""A simulator that writes nothing for so long hangs."""


def run(flow: Flow, design: wiring.Component, stimuli: Sequence[Stimulus], progress: Progress) -> list[Run]:
    """Simulate ``design`` from reset with each stimulus.

    Raises
    ------
    ToolError
        The build or the simulator failed or hangs.
    BenchError
        The design broke a stream rule or stands still.
    """
    harness = Harness(design, registered=False)
    (executable,) = prepare(flow, [harness], progress)
    return [simulate(flow, executable, harness, stimulus, progress) for stimulus in stimuli]


def prepare(flow: Flow, harnesses: Sequence[Harness], progress: Progress = silent) -> list[Path]:
    """Executable for each harness, all built at once."""
    building = f"building for {flow.name}"
    progress(building, 0, len(harnesses))
    executables = build(flow, harnesses)
    progress(building, len(harnesses), len(harnesses))
    return executables


def simulate(flow: Flow, executable: Path, harness: Harness, stimulus: Stimulus, progress: Progress) -> Run:
    """Run one stimulus; its rows are judged as they come, so that memory does not limit their number."""
    observer = Observer(harness.layout, stimulus)
    command = [str(executable), executable.name]
    with TemporaryFile() as driven, TemporaryFile() as told:
        driven.write(packed(stimulus, harness))
        driven.seek(0)
        with subprocess.Popen(command, stdin=driven, stdout=subprocess.PIPE, stderr=told) as process:
            try:
                for rows in pieces(cast(IO[bytes], process.stdout), harness.layout.size, flow.name):
                    observer.take(rows)
                    progress(str(stimulus.accept), observer.taken, stimulus.outputs)
                process.wait(SILENCE_S)
            finally:
                process.kill()
        told.seek(0)
        text = told.read().decode(errors="replace")
    if process.returncode:
        raise ToolError(f"{flow.name} failed with exit code {process.returncode}: {reason(text)}")
    return observer.run(float(text))


def pieces(file: IO[bytes], size: int, simulator: str) -> Iterator[Rows]:
    """Whole rows of ``size`` bytes, some `PIECE` bytes at once."""
    rest = bytearray()
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):  # the system may allow less
            fcntl.fcntl(file, fcntl.F_SETPIPE_SZ, PIPE)
    while True:
        if not select([file], [], [], SILENCE_S)[0]:
            raise ToolError(f"{simulator} hangs: nothing new in {SILENCE_S} s")
        read = os.read(file.fileno(), PIECE)
        rest += read
        if len(rest) >= PIECE or not read:
            whole = len(rest) // size * size
            if whole:
                yield np.frombuffer(bytes(rest[:whole]), np.uint8).reshape(-1, size)
            rest = rest[whole:]
        if not read:
            return


def packed(stimulus: Stimulus, harness: Harness) -> bytes:
    """A stimulus as ``bench.cpp`` reads it: a header, the stalls of both sides, and the inputs of every beat.

    Inputs are those of `Harness`, in little-endian words of 64 bits: ready, valid, payload.
    """
    words = -(-(2 + harness.width) // 64)
    mask = (1 << harness.width) - 1
    polite = 0 if stimulus.accept.kind == "none" else POLITE
    counts = [words, len(stimulus.payloads), stimulus.outputs]
    ends = [stimulus.patience, stimulus.limit, stimulus.tail]
    header = np.array([*counts, *ends, polite, PERIOD, len(harness.layout.streams), harness.layout.size], "<u8")
    retract, idle = 2 | mask << 2, mask << 2
    inputs = (retract, idle, *(2 | payload << 2 for payload in stimulus.payloads))
    return b"".join(
        [
            header.tobytes(),
            stimulus.offer.moves.tobytes(),
            stimulus.accept.moves.tobytes(),
            *(word.to_bytes(8 * words, "little") for word in inputs),
        ]
    )
