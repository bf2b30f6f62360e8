"""`icepop sim`: hardware against the golden model."""

from pathlib import Path
from typing import Annotated

import typer

from icepop.compiler.cli.announce import say_accuracy, say_simulation
from icepop.compiler.cli.console import Output, progress
from icepop.compiler.cli.options import (
    Backend,
    BoardName,
    ClockMhz,
    Codes,
    Data,
    Fps,
    Input,
    Interval,
    Json,
    Limit,
    MaxLut,
    Model,
    PlanFile,
    Raw,
)
from icepop.compiler.cli.wishes import Wishes, planned
from icepop.compiler.project import load_network
from icepop.compiler.samples import read_samples


def sim(
    model: Model,
    data: Data,
    backend: Backend = "verilator",
    board: BoardName = "icebreaker",
    interval: Interval = None,
    fps: Fps = None,
    max_lut: MaxLut = None,
    plan: PlanFile = None,
    clock: ClockMhz = None,
    input: Input = None,
    raw: Raw = None,
    codes: Codes = False,
    limit: Limit = None,
    vcd: Annotated[Path, typer.Option(help="where a mismatch leaves its waves")] = Path("mismatch.vcd"),
    json: Json = False,
) -> int:
    """Simulate the hardware with random stalls and without, and compare every layer with the golden model."""
    from icepop.hdl.accelerator import Accelerator
    from icepop.sim.backends import Sight, find, sees
    from icepop.sim.prove import simulate

    out = Output(json)
    taps = sees(find(backend)) is Sight.TAPS
    network = load_network(model, input, plan, raw)
    samples = read_samples(data).limited(limit)
    values = samples.codes(network.graph, network.start, codes, network.format)
    made = planned(network, board, Wishes(interval, fps, max_lut, plan, clock).with_plan_of(model))
    with progress() as report:
        found = simulate(Accelerator(network.lowered, made, taps=taps), values, backend, progress=report, vcd=vcd)
    say_accuracy(out, "golden", network.labels(network.answer(values)), samples.y)
    say_accuracy(out, "hardware", network.labels(found.output), samples.y)
    say_simulation(out, found)
    return out.finish(found.exact == found.total and found.as_planned)
