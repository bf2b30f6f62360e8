"""`simulate`: prove that a design equals its golden model in a simulator, and that it is as fast as planned."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import numpy as np
from amaranth.lib import wiring

from icepop.compiler.errors import DataError
from icepop.compiler.graph import Graph
from icepop.compiler.raster import from_stream, to_stream
from icepop.compiler.types import Beats, IntArray
from icepop.hdl.accelerator import Tap
from icepop.sim.backends import Sight, amaranth, find, sees
from icepop.sim.bench import TAIL, BenchError, Progress, Stall, Stimulus, silent
from icepop.sim.compare import Mismatch, Verdict, compare, compare_tap
from icepop.sim.records import Run
from icepop.sim.waves import capture

UNSTALLED = Stall()
SLOWER = 8
"""How many times slower than planned a run may be."""

FAR = 20_000
"""Cycles beyond which the samples before a mismatch are left out when its waves are made, if it shows without them."""


class Timing(Protocol):
    """What a plan promises."""

    @property
    def interval(self) -> int:
        """Cycles between samples."""

    @property
    def latency(self) -> int:
        """Cycles from the first input beat to the last output beat of a sample."""


class Design(Protocol):
    """What is proved: an `Accelerator`, or any component with its surface."""

    @property
    def graph(self) -> Graph:
        """The golden model."""

    @property
    def plan(self) -> Timing:
        """The promised timing."""

    @property
    def input_op(self) -> str:
        """Op whose values the input stream carries."""

    @property
    def input(self) -> Beats:
        """Layout of the input stream."""

    @property
    def output(self) -> Beats:
        """Layout of the output stream."""

    @property
    def taps(self) -> tuple[Tap, ...]:
        """What is watched in between, in pipeline order."""


@dataclass(frozen=True)
class Trial:
    """One run, compared.

    Parameters
    ----------
    stall : Stall
        Of the output; the input's is of the same kind.
    verdict : Verdict
        Against the golden model.
    cycles : int
        Simulated.
    seconds : float
        Wall time of these cycles.
    """

    stall: Stall
    verdict: Verdict
    cycles: int
    seconds: float


@dataclass(frozen=True, eq=False)
class SimReport:
    """What `simulate` found.

    Parameters
    ----------
    backend : str
        Simulator.
    total, exact : int
        Samples, and those that equal golden in every trial, taps included.
    mismatch : Mismatch or None
        First mismatch of the first trial that has one.
    message : str or None
        The mismatch in one sentence, with where its waves are.
    output : int64 array (samples that came, *shape)
        What the hardware gave in the last trial, as the graph's output.
    latency : int or None
        Of sample 0, in cycles; None without an unstalled trial.
    interval : int or None
        Steady one in cycles; None without an unstalled trial, with less than two samples, or if it is not steady.
    intervals : tuple of int
        Distinct intervals that were measured where it has to be steady, the second half of the samples.
    planned_latency, planned_interval : int
        What the plan promises.
    trials : tuple of Trial
        One for each stall.
    """

    backend: str
    total: int
    exact: int
    mismatch: Mismatch | None
    message: str | None
    output: IntArray
    latency: int | None
    interval: int | None
    intervals: tuple[int, ...]
    planned_latency: int
    planned_interval: int
    trials: tuple[Trial, ...]

    @property
    def as_planned(self) -> bool:
        """Whether nothing that was measured differs from the plan; of intervals that alternate it tells the longest."""
        longest = max(self.intervals, default=self.planned_interval)
        return longest == self.planned_interval and self.latency in (None, self.planned_latency)

    @property
    def cycles(self) -> int:
        """Cycles of all trials."""
        return sum(trial.cycles for trial in self.trials)

    @property
    def seconds(self) -> float:
        """Wall time of all trials, without building the simulation."""
        return sum(trial.seconds for trial in self.trials)


def simulate(
    design: wiring.Component,
    codes: IntArray,
    backend: str = "amaranth",
    stalls: Sequence[Stall] | None = None,
    progress: Progress = silent,
    vcd: Path | None = None,
) -> SimReport:
    """Run samples through a design and compare all that is watched with the golden model.

    Parameters
    ----------
    design : Component
        With the surface of `Design`.
    codes : int64 array (samples, *shape)
        Values of ``design.input_op``.
    backend : str
        Name of a simulator.
    stalls : sequence of Stall, optional
        One trial from reset for each; the input stalls in the same way with another seed. By default random stalls,
        then none; at a board's pins, where there are no streams to stall, only the latter.
    progress : callable
        Told of the build, and of the output beats of each trial.
    vcd : Path or None
        Where to leave waves if something is wrong with a stream.

    Raises
    ------
    ToolError
        The simulator is missing or fails.
    DataError
        The codes do not fit the input, or there are none.
    BenchError
        The design breaks a stream rule or stands still.
    """
    surface: Design = design
    simulator = find(backend)
    if len(codes) == 0:
        raise DataError("there must be at least one sample to simulate")
    golden = surface.graph.run_from(surface.input_op, codes)
    pins = sees(simulator) is Sight.PINS
    stalls = stalls or ((UNSTALLED,) if pins else (Stall("random"), UNSTALLED))
    vcd = None if pins else vcd  # their cycles are not those of the accelerator alone
    stimuli = [stimulus(surface, golden[surface.input_op], stall) for stall in stalls]
    try:
        runs = simulator.run(design, stimuli, progress)
    except BenchError as error:
        raise with_waves(error, design, vcd, progress) from error
    trials = tuple(
        Trial(stall, compare(watched(surface), run.records, golden), run.cycles, run.seconds)
        for stall, run in zip(stalls, runs, strict=True)
    )
    message = None
    for trial, driven in zip(trials, stimuli, strict=True):
        if (mismatch := trial.verdict.mismatch) and message is None:
            message = f"{mismatch} ({backend}, {trial.stall})"
            if vcd:
                message += f"; {explain(design, golden, driven, mismatch, vcd, progress)}"
    return report(surface, backend, trials, runs, message)


def report(
    design: Design, backend: str, trials: tuple[Trial, ...], runs: Sequence[Run], message: str | None
) -> SimReport:
    """Sum up trials and their runs; ``message`` tells of the mismatch."""
    streams = [(trial.stall, run) for trial, run in zip(trials, runs, strict=True) if "i" in run.records]
    unstalled = next((run for stall, run in streams if stall.kind == "none"), None)
    intervals = steady(design.output, unstalled)
    return SimReport(
        backend=backend,
        total=trials[0].verdict.samples,
        exact=min(trial.verdict.exact for trial in trials),
        mismatch=next((trial.verdict.mismatch for trial in trials if trial.verdict.mismatch), None),
        message=message,
        output=results(design, runs[-1]),
        latency=latency(design.output, unstalled),
        interval=intervals[0] if len(intervals) == 1 else None,
        intervals=intervals,
        planned_latency=design.plan.latency,
        planned_interval=design.plan.interval,
        trials=trials,
    )


def watched(design: Design) -> tuple[Tap, ...]:
    """Everything that is compared, in pipeline order."""
    return (*design.taps, Tap("o", design.graph.output.name, design.output))


def stimulus(design: Design, values: IntArray, stall: Stall) -> Stimulus:
    """Samples (samples, *shape) as input beats; stalls long enough, and patience, for a design as slow as planned."""
    accept = replace(stall, length=max(stall.length, design.plan.interval))
    offer = replace(accept, seed=stall.seed + 1)
    patience = 1000 + 10 * (design.plan.latency + design.plan.interval) + accept.longest + offer.longest
    limit = patience + round(SLOWER * slowdown(offer) * slowdown(accept) * (len(values) + 1) * planned(design))
    payloads = tuple(design.input.pack(to_stream(values)))
    tail = TAIL + (design.plan.interval + offer.longest if design.taps else 0)
    return Stimulus(payloads, len(values) * design.output.count, offer, accept, patience, limit, tail)


def planned(design: Design) -> int:
    """Cycles in which a sample must have gone through a design, even alone."""
    return max(design.plan.interval, design.plan.latency, design.input.count, design.output.count)


def slowdown(stall: Stall) -> float:
    """Factor by which a stall makes a run longer on average."""
    return 1.0 if stall.kind == "none" else 1 / (1 - stall.rate)


def results(design: Design, run: Run) -> IntArray:
    """Values (samples, *shape) of the samples that came out whole."""
    payloads, beats = run.records["o"].payloads, design.output.count
    rows = design.output.unpack(payloads[: len(payloads) // beats * beats])
    return from_stream(rows, design.graph.types[design.graph.output.name].shape)


def latency(output: Beats, run: Run | None) -> int | None:
    """Cycles from the first input transfer to the last output transfer of sample 0."""
    if run is None or not run.records["i"].cycles or len(run.records["o"].cycles) < output.count:
        return None
    return run.records["o"].cycles[output.count - 1] - run.records["i"].cycles[0]


def steady(output: Beats, run: Run | None) -> tuple[int, ...]:
    """Distinct intervals between the ends of successive samples in the second half of a run."""
    if run is None:
        return ()
    ends = run.records["o"].cycles[output.count - 1 :: output.count]
    intervals = [after - before for before, after in pairwise(ends)]
    return tuple(sorted(set(intervals[len(intervals) // 2 :])))


def with_waves(error: BenchError, design: wiring.Component, vcd: Path | None, progress: Progress) -> BenchError:
    """Tell where the waves around a broken rule are."""
    if vcd is None or error.stimulus is None or error.cycle is None:
        return error
    waves, _ = capture(design, error.stimulus, error.cycle, vcd, progress)
    return BenchError(f"{error}; {waves}", error.stimulus, error.cycle)


def explain(
    design: wiring.Component,
    golden: dict[str, np.ndarray],
    driven: Stimulus,
    mismatch: Mismatch,
    vcd: Path,
    progress: Progress,
) -> str:
    """Leave waves around a mismatch, and say what they show.

    A late mismatch is first tried with its own sample and the one before, which is much faster than repeating all.
    """
    surface: Design = design
    tap = next(tap for tap in watched(surface) if tap.name == mismatch.port)
    if mismatch.cycle > FAR:
        first = max(0, mismatch.sample - 1)
        few = {op: values[first : mismatch.sample + 1] for op, values in golden.items()}
        again = stimulus(surface, few[surface.input_op], driven.accept)
        (run,) = amaranth.run(design, [again], progress)
        found = compare((tap,), run.records, few).mismatch
        if found and (found.index, found.got) == (mismatch.index, mismatch.got):
            waves, _ = capture(design, again, found.cycle, vcd, progress)
            return f"repeated with samples {first} to {mismatch.sample} alone, it is at cycle {found.cycle}: {waves}"
    waves, records = capture(design, driven, mismatch.cycle, vcd, progress)
    if compare_tap(tap, records[tap.name], golden[tap.op])[1] != mismatch:
        return f"Amaranth's simulator does not show it: {waves}"
    return str(waves)
