"""`simulate`: prove that a design equals its golden model in a simulator, and that it is as fast as planned."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from amaranth.lib import wiring

from icepop.compiler.errors import DataError
from icepop.compiler.raster import to_stream
from icepop.compiler.types import IntArray
from icepop.sim.backends import Sight, amaranth, find, sees
from icepop.sim.bench import TAIL, BenchError, Progress, Stall, Stimulus, silent
from icepop.sim.compare import Mismatch, compare, compare_tap
from icepop.sim.design import Design, planned, watched
from icepop.sim.report import SimReport, Trial, report
from icepop.sim.waves import capture

UNSTALLED = Stall()
SLOWER = 8
"""How many times slower than planned a run may be."""

FAR = 20_000
"""Cycles beyond which the samples before a mismatch are left out when its waves are made, if it shows without them."""


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


def stimulus(design: Design, values: IntArray, stall: Stall) -> Stimulus:
    """Samples (samples, *shape) as input beats; stalls long enough, and patience, for a design as slow as planned."""
    accept = replace(stall, length=max(stall.length, design.plan.interval))
    offer = replace(accept, seed=stall.seed + 1)
    patience = 1000 + 10 * (design.plan.latency + design.plan.interval) + accept.longest + offer.longest
    limit = patience + round(SLOWER * slowdown(offer) * slowdown(accept) * (len(values) + 1) * planned(design))
    payloads = tuple(design.input.pack(to_stream(values)))
    tail = TAIL + (design.plan.interval + offer.longest if design.taps else 0)
    return Stimulus(payloads, len(values) * design.output.count, offer, accept, patience, limit, tail)


def slowdown(stall: Stall) -> float:
    """Factor by which a stall makes a run longer on average."""
    return 1.0 if stall.kind == "none" else 1 / (1 - stall.rate)


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
