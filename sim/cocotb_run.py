"""Run a design with cocotb on any simulator that its runner knows; shared by the backends that do."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from amaranth.lib import wiring

from icepop.compiler.errors import ToolError
from icepop.sim.bench import BenchError, Progress, Stimulus
from icepop.sim.harness import TOP, Harness
from icepop.sim.records import Layout, Run, observe
from icepop.sim.verilog import verilog

BENCH = "icepop.sim.cocotb_bench"
"""The bench for streams."""

POLL_S = 0.1
"""Time between two looks at a running simulation."""

SILENCE_S = 600
"""A build or a simulation that adds nothing to any file for so long hangs."""


def run(
    simulator: str,
    design: wiring.Component,
    stimuli: Sequence[Stimulus],
    progress: Progress,
    build_args: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    files: Mapping[str, str] | None = None,
    convert: Callable[[Harness, str], str] | None = None,
) -> list[Run]:
    """Simulate ``design`` from reset with each stimulus, built once.

    Parameters
    ----------
    simulator : str
        Name that cocotb's runner knows.
    design : Component
        What is simulated.
    stimuli : sequence of Stimulus
        One run each.
    progress : callable
        Told of the build, then of the output beats of each run.
    build_args : sequence of str
        Further arguments of the simulator's compiler.
    environment : mapping of str to str
        Variables that differ from this process's.
    files : mapping of str to str
        Names and texts of further sources.
    convert : callable
        Turns a component into Verilog with this top module; None gives RTL.

    Raises
    ------
    ToolError
        The build or the simulator failed or hangs.
    BenchError
        The design broke a stream rule, stands still, or has an unknown bit.
    """
    harness = Harness(design, registered=True)
    names = [f"run{k}" for k in range(len(stimuli))]
    building = f"building for {simulator}"
    progress(building, 0, 1)
    with TemporaryDirectory(prefix="icepop-") as temporary:
        folder = Path(temporary).resolve()
        sources = {**(files or {}), "design.v": (convert or verilog)(harness, TOP)}
        write_job(folder, Job(simulator, TOP, BENCH, tuple(build_args), tuple(names)), sources)
        for name, stimulus in zip(names, stimuli, strict=True):
            write_run(folder / name, harness, stimulus)
        watch = Watch(folder, harness, stimuli, progress, building)
        work(simulator, folder, clean_environment() | dict(environment or {}), watch)
        return [read_run(folder / name, harness, each) for name, each in zip(names, stimuli, strict=True)]


@dataclass(frozen=True)
class Job:
    """What the process that builds and simulates has to do.

    Parameters
    ----------
    simulator : str
        Name that cocotb's runner knows.
    top, bench : str
        Verilog module that is simulated, and Python module that drives it.
    build_args : tuple of str
        Further arguments of the simulator's compiler.
    runs : tuple of str
        Folders of the runs.
    precision : str
        Simulator time step.
    """

    simulator: str
    top: str
    bench: str
    build_args: tuple[str, ...]
    runs: tuple[str, ...]
    precision: str = "1ns"


def write_job(folder: Path, job: Job, sources: Mapping[str, str]) -> None:
    """Leave a job and its sources, texts by file name, for `work`."""
    for name, text in sources.items():
        (folder / name).write_text(text)
    (folder / "job.json").write_text(json.dumps({**asdict(job), "sources": list(sources)}))


def write_run(folder: Path, harness: Harness, stimulus: Stimulus) -> None:
    """Leave what the bench inside the simulator reads."""
    folder.mkdir()
    streams = [astuple(stream) for stream in harness.layout.streams]
    job = {"stimulus": stimulus.to_json(), "streams": streams, "width": harness.width}
    (folder / "run.json").write_text(json.dumps(job))


def read_run(folder: Path, harness: Harness, stimulus: Stimulus) -> Run:
    """Judge what the bench inside the simulator saw."""
    end = json.loads((folder / "end.json").read_text())
    if end["unknown"] is not None:
        cycle = end["unknown"]
        raise BenchError(f"a watched stream has an unknown bit (X or Z) at cycle {cycle}", stimulus, cycle)
    rows = np.fromfile(folder / "rows", np.uint8).reshape(-1, harness.layout.size)
    return observe(harness.layout, rows, stimulus, end["seconds"])


class Growth:
    """Whether a simulation is alive, seen from the files that it writes.

    Parameters
    ----------
    files : sequence of Path
        Those files; they need not exist yet.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self._watched = files
        self._size = 0
        self._grown = time.monotonic()

    @property
    def silent(self) -> float:
        """Seconds since a file last grew."""
        return time.monotonic() - self._grown

    def look(self) -> bool:
        """Whether a file has grown since the last look."""
        size = sum(file.stat().st_size for file in self._watched if file.exists())
        if size == self._size:
            return False
        self._size, self._grown = size, time.monotonic()
        return True


class Watch(Growth):
    """Progress of a simulation with streams.

    Parameters
    ----------
    folder : Path
        Where the runs are.
    harness : Harness
        What is simulated.
    stimuli : sequence of Stimulus
        What each run drives.
    progress : callable
        Who is told.
    building : str
        What the build is called.
    """

    def __init__(
        self, folder: Path, harness: Harness, stimuli: Sequence[Stimulus], progress: Progress, building: str
    ) -> None:
        self._files = [folder / f"run{k}" / "rows" for k in range(len(stimuli))]
        super().__init__([folder / "job.log", *self._files])
        self._layout: Layout = harness.layout
        self._stimuli = stimuli
        self._progress = progress
        self._building = building
        self._taken = [0] * len(stimuli)
        self._read = [0] * len(stimuli)

    def look(self) -> bool:
        """Report what is new."""
        grown = super().look()
        for k, file in enumerate(self._files):
            if grown and file.exists() and file.stat().st_size - self._read[k] >= self._layout.size:
                self._count(k)
        return grown

    def _count(self, k: int) -> None:
        raw = np.fromfile(self._files[k], np.uint8, offset=self._read[k])
        rows = raw[: len(raw) // self._layout.size * self._layout.size].reshape(-1, self._layout.size)
        valid, ready = self._layout.handshake(rows, len(self._layout.streams) - 1)
        self._read[k] += rows.size
        self._taken[k] += int((valid & ready).sum())
        if k == 0:
            self._progress(self._building, 1, 1)
        self._progress(str(self._stimuli[k].accept), self._taken[k], self._stimuli[k].outputs)


def clean_environment() -> dict[str, str]:
    """Environment of this process without what steers cocotb, and without an outer make's closed jobserver."""
    steering = re.compile(r"COCOTB_|(WAVES|MAKEFLAGS|MFLAGS|MAKELEVEL)$")
    return {name: value for name, value in os.environ.items() if not steering.match(name)}


def work(simulator: str, folder: Path, environment: dict[str, str], watch: Growth) -> None:
    """Build and simulate in a process of its own, and see to its end.

    Raises
    ------
    ToolError
        It failed (the end of its log is told) or hangs.
    """
    with (folder / "job.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "icepop.sim.cocotb_job", str(folder)],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            while process.poll() is None:
                time.sleep(POLL_S)
                watch.look()
                if watch.silent > SILENCE_S:
                    raise ToolError(f"{simulator} hangs: nothing new in {SILENCE_S} s")
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    watch.look()
    unfinished = [run for run in sorted(folder.glob("run*")) if not (run / "end.json").exists()]
    if process.returncode or unfinished:
        raise ToolError(f"{simulator} failed: {reason((folder / 'job.log').read_text(errors='replace'))}")


def reason(log: str) -> str:
    """What the log of a failed run says in one line: its first error, else its last line."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if re.search(r"%Error|\berror: |\bERROR\b|[Ss]yntax error", line)]
    return (errors or lines[-1:] or ["it printed nothing"])[0]
