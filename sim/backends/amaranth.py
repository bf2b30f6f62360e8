"""Amaranth's own simulator, in Python: always there, and the one that writes waves."""

import time
from collections.abc import Sequence
from contextlib import nullcontext
from functools import cache

import numpy as np
from amaranth import ClockDomain
from amaranth.lib import wiring
from amaranth.sim import Simulator, SimulatorContext

from icepop.sim.bench import Driver, Progress, Stimulus
from icepop.sim.harness import Harness
from icepop.sim.records import Rows, Run, observe
from icepop.sim.vcd import Window
from icepop.sim.verilog import behavioural

PERIOD_NS = 10
"""Clock period, so that cycle ``c`` begins at ``10 c`` ns in the waves."""

REPORT = 1024
"""Cycles between two calls of the progress callback."""


def missing() -> str | None:
    """Never missing: it is a dependency of the package."""
    return None


def run(design: wiring.Component, stimuli: Sequence[Stimulus], progress: Progress) -> list[Run]:
    """Simulate ``design`` from reset with each stimulus."""
    harness = Harness(design, registered=False)
    runs = []
    for stimulus in stimuli:
        rows, seconds = simulate(harness, stimulus, progress)
        runs.append(observe(harness.layout, rows, stimulus, seconds))
    return runs


def simulate(
    harness: Harness,
    stimulus: Stimulus,
    progress: Progress,
    waves: Window | None = None,
    stop: int | None = None,
) -> tuple[Rows, float]:
    """Run one stimulus, or its first ``stop`` cycles, with its waves written to ``waves``.

    Returns
    -------
    rows : uint8 array (cycles, layout.size)
        What `observe` takes.
    seconds : float
        Wall time of these cycles.
    """
    layout = harness.layout
    mask = (1 << layout.flags) - 1
    events = cache(layout.events)
    driver = Driver(stimulus, harness.width)
    rows = bytearray()
    what = str(stimulus.accept)

    async def bench(ctx: SimulatorContext) -> None:
        # a process, not a testbench: it is sampled at the edge and writes without settling the design each time
        with ctx.critical():
            ctx.set(harness.drive, driver.word)
            cycle = 0
            async for _, _, seen in ctx.tick().sample(harness.seen):
                rows.extend(seen.to_bytes(layout.size, "little"))
                cycle += 1
                if not driver.step(*events(seen & mask)) or cycle == stop:
                    return
                ctx.set(harness.drive, driver.word)
                if cycle % REPORT == 0:
                    progress(what, driver.taken, stimulus.outputs)

    fragment = behavioural(harness)
    fragment.add_domains(ClockDomain("sync"))  # a design of nothing but wires has none
    simulator = Simulator(fragment)
    simulator.add_clock(PERIOD_NS * 1e-9, phase=PERIOD_NS * 1e-9)
    simulator.add_process(bench)
    started = time.perf_counter()
    with simulator.write_vcd(waves) if waves else nullcontext():
        simulator.run()
    seconds = time.perf_counter() - started
    progress(what, driver.taken, stimulus.outputs)
    return np.frombuffer(rows, np.uint8).reshape(-1, layout.size), seconds
