"""`SimReport`: what the trials of a design showed, beside what its plan promises."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from icepop.compiler.raster import from_stream
from icepop.compiler.types import Beats, IntArray
from icepop.sim.bench import Stall
from icepop.sim.compare import Mismatch, Verdict
from icepop.sim.design import Design, Timing
from icepop.sim.records import Run


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
    on_time : bool
        Whether samples of the unstalled trial came at the intervals that the plan promises.
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
    on_time: bool
    trials: tuple[Trial, ...]

    @property
    def as_planned(self) -> bool:
        """Whether nothing that was measured differs from the plan."""
        return self.on_time and self.latency in (None, self.planned_latency)

    @property
    def cycles(self) -> int:
        """Cycles of all trials."""
        return sum(trial.cycles for trial in self.trials)

    @property
    def seconds(self) -> float:
        """Wall time of all trials, without building the simulation."""
        return sum(trial.seconds for trial in self.trials)


def report(
    design: Design, backend: str, trials: tuple[Trial, ...], runs: Sequence[Run], message: str | None
) -> SimReport:
    """Sum up trials and their runs; ``message`` tells of the mismatch."""
    streams = [(trial.stall, run) for trial, run in zip(trials, runs, strict=True) if "i" in run.records]
    unstalled = next((run for stall, run in streams if stall.kind == "none"), None)
    measured = between_samples(design.output, unstalled)
    intervals = tuple(sorted(set(second_half(measured))))
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
        on_time=on_time(measured, design.plan),
        trials=trials,
    )


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


def between_samples(output: Beats, run: Run | None) -> tuple[int, ...]:
    """Cycles between the ends of successive samples."""
    ends = [] if run is None else run.records["o"].cycles[output.count - 1 :: output.count]
    return tuple(after - before for before, after in pairwise(ends))


def second_half(intervals: Sequence[int]) -> Sequence[int]:
    """Those that have to be steady."""
    return intervals[len(intervals) // 2 :]


def on_time(measured: Sequence[int], plan: Timing) -> bool:
    """Whether samples came as planned: each of the first ones, and the longest interval of the second half of many.

    That one may still be shorter than planned where the plan's first ones are.
    """
    first, interval = plan.first_intervals, plan.interval
    if any(real != wanted for real, wanted in zip(measured, first, strict=False)):
        return False
    if len(measured) <= len(first):
        return True
    longest, shown = max(second_half(measured)), max(second_half(first), default=interval)
    return longest == interval or shown < interval > longest
