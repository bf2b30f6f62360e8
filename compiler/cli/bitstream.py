"""`icepop bitstream`: from a model file to what is flashed."""

from pathlib import Path
from shutil import copyfile
from typing import Annotated, Any

import numpy as np
import typer

from icepop.compiler.cli.announce import say_build
from icepop.compiler.cli.console import Output, progress
from icepop.compiler.cli.options import (
    Baud,
    BoardName,
    ClockMhz,
    Fps,
    Input,
    Interval,
    Json,
    MaxLut,
    Model,
    PlanFile,
    Raw,
)
from icepop.compiler.cli.wishes import Wishes, planned
from icepop.compiler.files import check_writable, replacing, write_text
from icepop.compiler.project import MODEL, PLAN, Network, load_network
from icepop.compiler.samples import read_samples


def bitstream(
    model: Model,
    output: Annotated[Path, typer.Option("-o", "--output", help="folder to write the bitstream and reports to")],
    board: BoardName = "icebreaker",
    interval: Interval = None,
    fps: Fps = None,
    max_lut: MaxLut = None,
    plan: PlanFile = None,
    clock: ClockMhz = None,
    baud: Baud = None,
    seed: Annotated[int | None, typer.Option(help="of place and route; default: the first to meet the clock")] = None,
    data: Annotated[Path | None, typer.Option(help="npz whose first sample goes through the simulated pins")] = None,
    input: Input = None,
    raw: Raw = None,
    json: Json = False,
) -> int:
    """Build the bitstream with a serial link around the accelerator; fails if the clock is not met.

    Before that, one sample goes bit by bit through the simulated serial pins of the same top: the first of --data, or a
    random one.
    """
    from icepop.boards.build import BITSTREAM, build
    from icepop.boards.clock import choose_baud, choose_clock
    from icepop.boards.implement import SEEDS
    from icepop.boards.registry import find
    from icepop.hdl.accelerator import Accelerator
    from icepop.sim.pins import through_pins

    out = Output(json)
    check_writable(output / PLAN)
    target = find(board)
    wishes = Wishes(interval, fps, max_lut, plan, clock)
    chosen_clock = choose_clock(target, wishes.clock_hz)
    chosen_baud = choose_baud(target, chosen_clock, baud)
    network = load_network(model, input, plan, raw)
    sample = first_sample(network, data)
    made = planned(network, board, wishes)
    out.plan(made)
    out.say(f"clock: {chosen_clock}")
    out.say(f"link: {chosen_baud}")
    accelerator = Accelerator(network.lowered, made)
    with progress() as report:
        report("simulating the serial pins", 0, 1)
        answer = through_pins(accelerator, sample, chosen_clock.actual_hz, chosen_baud.requested)
        report("simulating the serial pins", 1, 1)
    exact = int((answer.reshape(1, -1) == network.answer(sample)).all())
    out.say(f"serial pins: bit-exact {exact}/1")
    if not exact:
        return out.finish(ok=False)
    with progress() as report:
        seeds = SEEDS if seed is None else (seed,)
        built = build(accelerator, target, output, chosen_clock, chosen_baud, seeds=seeds, progress=report)
    say_build(out, made, built)
    write_text(output / PLAN, made.to_json())
    with replacing(output / MODEL) as temporary:
        copyfile(model, temporary)
    out.say(f"wrote {output / BITSTREAM}; 'icepop flash {output}' programs the board")
    return out.finish()


def first_sample(network: Network, data: Path | None) -> Any:
    """The first sample of a file, or a random one: values (1, *shape) of the hardware's input."""
    if data is not None:
        return read_samples(data).limited(1).codes(network.graph, network.start, False, network.format)
    type = network.graph.types[network.start]
    codes = np.random.default_rng(0).integers(0, type.integers.size, (1, *type.shape))
    return type.integers.lo + type.integers.step * codes
