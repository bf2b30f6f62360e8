# amaranth: UnusedElaboratable=no
"""The command line: the one file that sees every room. Each verb imports what it needs when it runs.

Exit codes: 0 if all went well and, where something is compared, all is bit-exact; 1 on a mismatch; 2 on an error;
130 if interrupted.
"""

import sys
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from shutil import copyfile
from time import monotonic
from typing import Annotated, Any

import numpy as np
import typer

from icepop.compiler.announce import say_accuracy, say_build, say_simulation
from icepop.compiler.console import Output, progress
from icepop.compiler.errors import IcepopError
from icepop.compiler.explain import ENDLESS, NAMES, explain
from icepop.compiler.files import replacing, write_text
from icepop.compiler.options import (
    Backend,
    BoardName,
    ClockMhz,
    Codes,
    Data,
    Folder,
    Fps,
    Input,
    Interval,
    Json,
    Limit,
    MaxLut,
    Model,
    PlanFile,
)
from icepop.compiler.plan import Plan
from icepop.compiler.project import MODEL, PLAN, Network, load_network, make_plan
from icepop.compiler.samples import read_samples

CORE = "accelerator.v"
"""The accelerator alone, for somebody's own design."""

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Binarized PyTorch networks to iCE40 bitstreams, proven bit-exact at every step.",
)


@app.command()
def train(
    output: Annotated[Path, typer.Option("-o", "--output", help="QONNX file to write")],
    data: Annotated[str, typer.Option(help="digits, mnist, or an npz")] = "digits",
    save_test: Annotated[Path | None, typer.Option(help="npz to write the test samples to")] = None,
    net: Annotated[str, typer.Option(help="mlp, or lut4:VOTERS for look-up tables that vote")] = "mlp",
    hidden: Annotated[list[int], typer.Option(min=1, help="width of a hidden layer; repeat for more layers")] = [128],  # noqa: B006
    epochs: Annotated[int | None, typer.Option(min=1, help="passes over the training data")] = None,
    seed: Annotated[int, typer.Option(help="of weights, order and augmentation")] = 0,
    json: Json = False,
) -> int:
    """Train a network, binarized or of look-up tables, and write it as ONNX."""
    out = Output(json)
    result: Any
    with progress() as report:
        if net == "mlp":
            from icepop.trainer.export import save
            from icepop.trainer.train import TrainConfig
            from icepop.trainer.train import train as fit

            config = TrainConfig(data=data, hidden=tuple(hidden), seed=seed)
            if epochs is not None:
                config = replace(config, epochs=epochs)
            result = fit(config, lambda epoch: report("training epochs", epoch.number, epoch.count))
            save(result.model, output)
        else:
            from icepop.trainer.lut4_export import save as save_net
            from icepop.trainer.lut4_train import Lut4Config
            from icepop.trainer.lut4_train import train as descend

            result = descend(
                Lut4Config.named(net, data=data, seed=seed, sweeps=epochs),
                lambda done, count: report("training sweeps", done, count),
            )
            save_net(result.model, output)
    if save_test is not None:
        result.data.save_test(save_test)
    who = "torch" if net == "mlp" else "numpy"
    out.say(f"{who}: validation accuracy {result.val_accuracy:.2%}, test accuracy {result.test_accuracy:.2%}")
    out.say(f"wrote {output}" + (f" and {save_test}" if save_test else ""))
    out.result(val_accuracy=result.val_accuracy, test_accuracy=result.test_accuracy, model=str(output))
    return out.finish()


@app.command()
def golden(
    model: Model,
    data: Data,
    output: Annotated[Path, typer.Option("-o", "--output", help="npz to write")],
    taps: Annotated[bool, typer.Option("--taps", help="add acc<i> and act<i> of every layer")] = False,
    input: Input = None,
    codes: Codes = False,
    limit: Limit = None,
    json: Json = False,
) -> int:
    """Run the exact integer model: acc (int64) and label, and every layer's accumulators and codes with --taps."""
    from icepop.compiler.taps import outputs

    out = Output(json)
    network = load_network(model, input)
    samples = read_samples(data).limited(limit)
    results = network.graph.run_from(network.start, samples.codes(network.graph, network.start, codes, network.format))
    arrays = outputs(network.graph, results, taps)
    with replacing(output) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # its stub takes arrays for flags
    out.say(f"golden: {len(samples.x)} samples, {', '.join(arrays)} written to {output}")
    say_accuracy(out, "golden", arrays["label"], samples.y)
    return out.finish()


@app.command("compile")
def compile_(
    model: Model,
    output: Annotated[Path, typer.Option("-o", "--output", help="folder to write plan.json and Verilog to")],
    board: BoardName = "icebreaker",
    interval: Interval = None,
    fps: Fps = None,
    max_lut: MaxLut = None,
    plan: PlanFile = None,
    clock: ClockMhz = None,
    why: Annotated[bool, typer.Option("--explain", help="say what bounds the rate")] = False,
    input: Input = None,
    json: Json = False,
) -> int:
    """Plan the hardware: the plan as a table, plan.json, and the accelerator's Verilog."""
    from icepop.hdl.accelerator import Accelerator
    from icepop.sim.core import core

    out = Output(json)
    network = load_network(model, input, plan)
    wishes = Wishes(interval, fps, max_lut, plan, clock)
    made = planned(network, board, wishes)
    out.plan(made)
    if why:
        for line in reasons(network, board, made, wishes):
            out.say(line)
    write_text(output / CORE, core(Accelerator(network.lowered, made)))
    write_text(output / "plan.json", made.to_json())
    out.say(f"wrote {output / 'plan.json'} and {output / CORE}")
    out.result(interval=made.interval, latency=made.latency, cells=made.cost.cells, ebr=made.cost.ebr)
    return out.finish()


@app.command()
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
    network = load_network(model, input, plan)
    samples = read_samples(data).limited(limit)
    values = samples.codes(network.graph, network.start, codes, network.format)
    made = planned(network, board, Wishes(interval, fps, max_lut, plan, clock))
    with progress() as report:
        found = simulate(Accelerator(network.lowered, made, taps=taps), values, backend, progress=report, vcd=vcd)
    say_accuracy(out, "golden", network.answer(values), samples.y)
    say_accuracy(out, "hardware", found.output, samples.y)
    say_simulation(out, found)
    return out.finish(found.exact == found.total and found.as_planned)


@app.command()
def bitstream(
    model: Model,
    output: Annotated[Path, typer.Option("-o", "--output", help="folder to write the bitstream and reports to")],
    board: BoardName = "icebreaker",
    interval: Interval = None,
    fps: Fps = None,
    max_lut: MaxLut = None,
    plan: PlanFile = None,
    clock: ClockMhz = None,
    baud: Annotated[int | None, typer.Option(help="bits a second on the serial link; default: the board's")] = None,
    seed: Annotated[int, typer.Option(help="of place and route")] = 1,
    data: Annotated[Path | None, typer.Option(help="npz whose first sample goes through the simulated pins")] = None,
    input: Input = None,
    json: Json = False,
) -> int:
    """Build the bitstream with a serial link around the accelerator; fails if the clock is not met.

    Before that, one sample goes bit by bit through the simulated serial pins of the same top: the first of --data, or a
    random one.
    """
    from icepop.boards.build import BITSTREAM, build
    from icepop.boards.clock import choose_baud, choose_clock
    from icepop.boards.registry import find
    from icepop.hdl.accelerator import Accelerator
    from icepop.sim.pins import through_pins

    out = Output(json)
    target = find(board)
    chosen_clock = choose_clock(target, None if clock is None else clock * 1e6)
    chosen_baud = choose_baud(target, chosen_clock, baud)
    network = load_network(model, input, plan)
    made = planned(network, board, Wishes(interval, fps, max_lut, plan, clock))
    out.plan(made)
    out.say(f"clock: {chosen_clock}")
    out.say(f"link: {chosen_baud}")
    sample = first_sample(network, data)
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
        built = build(accelerator, target, output, chosen_clock, chosen_baud, seed=seed, progress=report)
    say_build(out, made, built)
    write_text(output / PLAN, made.to_json())
    with replacing(output / MODEL) as temporary:
        copyfile(model, temporary)
    out.say(f"wrote {output / BITSTREAM}; 'icepop flash {output}' programs the board")
    return out.finish()


@app.command()
def verify(
    folder: Folder,
    data: Data,
    input: Input = None,
    codes: Codes = False,
    limit: Limit = None,
    json: Json = False,
) -> int:
    """Prove a built bitstream: golden, RTL, netlist and the bitstream at its pins give the same results."""
    from icepop.boards.build import read_report
    from icepop.sim.verify import verify as steps

    out = Output(json)
    report = read_report(folder)
    network = load_network(folder, input)
    made = planned(network, report.board, Wishes(saved=folder / PLAN))
    values = read_samples(data).limited(limit).codes(network.graph, network.start, codes, network.format)
    ok = True
    with progress() as told:
        for step in steps(folder, network, made, values, told):
            out.say(str(step))
            if step.mismatch is not None:
                out.say(f"mismatch: {step.mismatch}")
            out.result(**{step.name: asdict(step)})
            ok &= step.exact == step.total
    return out.finish(ok)


@app.command()
def flash(folder: Folder) -> int:
    """Program the board's flash with a built bitstream."""
    from icepop.boards.build import read_report
    from icepop.boards.flash import flash as program
    from icepop.boards.registry import find

    out = Output(as_json=False)
    report = read_report(folder)
    out.say(program(find(report.board), folder / report.bitstream).strip())
    return out.finish()


@app.command("run")
def run_(
    model: Model,
    data: Data,
    port: Annotated[str | None, typer.Option(help="serial port of the board")] = None,
    virtual: Annotated[bool, typer.Option("--virtual", help="answer with the golden model instead of a board")] = False,
    board: BoardName = "icebreaker",
    baud: Annotated[int | None, typer.Option(help="bits a second; default: the board's")] = None,
    input: Input = None,
    codes: Codes = False,
    limit: Limit = None,
    json: Json = False,
) -> int:
    """Send samples to the board and compare its answers with the golden model."""
    from icepop.boards.host import Client
    from icepop.boards.registry import find
    from icepop.boards.virtual import VirtualBoard

    out = Output(json)
    if (port is None) != virtual:
        raise IcepopError("give either --port with the board's serial port, or --virtual")
    target = find(board)
    network = load_network(model, input)
    samples = read_samples(data).limited(limit)
    values = samples.codes(network.graph, network.start, codes, network.format)
    expected = network.answer(values)
    ends = network.ends()
    with ExitStack() as stack:
        if port is None:
            port = stack.enter_context(VirtualBoard(network.answer, *ends)).port
        client = stack.enter_context(Client(port, *ends, baud or target.baud))
        report = stack.enter_context(progress())
        started = monotonic()
        answers = client.infer(values, lambda done, total: report("inferences", done, total))
        seconds = monotonic() - started
    exact = int((answers == expected).all(axis=1).sum())
    say_accuracy(out, "golden", expected, samples.y)
    say_accuracy(out, "board", answers, samples.y)
    out.say(f"{len(values)} inferences in {seconds:.1f} s, {client.repeated} requests repeated")
    if exact < len(values):
        wrong = int((answers != expected).any(axis=1).argmax())
        out.say(f"mismatch: sample {wrong}: expected {expected[wrong].tolist()}, got {answers[wrong].tolist()}")
    out.say(f"bit-exact {exact}/{len(values)}")
    out.result(exact=exact, total=len(values), repeated=client.repeated)
    return out.finish(exact == len(values))


def first_sample(network: Network, data: Path | None) -> Any:
    """The first sample of a file, or a random one: values (1, *shape) of the hardware's input."""
    if data is not None:
        return read_samples(data).limited(1).codes(network.graph, network.start, False, network.format)
    type = network.graph.types[network.start]
    codes = np.random.default_rng(0).integers(0, type.integers.size, (1, *type.shape))
    return type.integers.lo + type.integers.step * codes


@dataclass(frozen=True)
class Wishes:
    """What the user asks of a plan.

    Parameters
    ----------
    interval : int or None
        Cycles an inference.
    fps : float or None
        Inferences a second, instead.
    max_lut : int or None
        LUT4 that the accelerator may use.
    saved : Path or None
        A plan to take over.
    clock_mhz : float or None
        Clock; the board's without it.
    """

    interval: int | None = None
    fps: float | None = None
    max_lut: int | None = None
    saved: Path | None = None
    clock_mhz: float | None = None


def planned(network: Network, board: str, wishes: Wishes, unbounded: str = "") -> Plan:
    """Plan for a board, what its link takes set aside; of one resource there may be as much as one likes."""
    from icepop.boards.clock import choose_clock
    from icepop.boards.registry import find as find_board
    from icepop.hdl.units.registry import unit_library

    target = find_board(board)
    interval = wishes.interval
    if wishes.fps is not None:
        if interval is not None:
            raise IcepopError("give either --interval or --fps, not both")
        hz = choose_clock(target, None if wishes.clock_mhz is None else wishes.clock_mhz * 1e6).actual_hz
        if not 0 < wishes.fps <= hz:
            raise IcepopError(f"--fps must be above 0 and at most {hz:g}, the clock in Hz, not {wishes.fps:g}")
        interval = int(hz // wishes.fps)
    budget = target.for_accelerator(network.ends()[0])
    if unbounded:
        budget = replace(budget, **{unbounded: ENDLESS})
    clock_hz = None if wishes.clock_mhz is None else wishes.clock_mhz * 1e6
    return make_plan(network, unit_library(), target.name, budget, interval, wishes.saved, wishes.max_lut, clock_hz)


def reasons(network: Network, board: str, plan: Plan, wishes: Wishes) -> list[str]:
    """What bounds a plan's rate, from the fastest plans with what there is and with more than that."""
    from icepop.boards.clock import choose_clock
    from icepop.boards.link import line_order, link_rate
    from icepop.boards.registry import find as find_board

    target = find_board(board)
    free = Wishes(max_lut=wishes.max_lut)
    fastest = planned(network, board, free).interval
    relaxed = {name: planned(network, board, free, unbounded=name).interval for name in NAMES}
    hz = choose_clock(target, None if wishes.clock_mhz is None else wishes.clock_mhz * 1e6).actual_hz
    source, result = (line_order(type) for type in network.ends())
    rates = hz / plan.interval, link_rate(source, result, target.baud)
    return explain(plan, target.for_accelerator(network.ends()[0]), fastest, relaxed, *rates)


def run(arguments: list[str]) -> int:
    """Run one command; errors become one line on stderr and exit code 2."""
    try:
        return int(app(arguments, standalone_mode=False) or 0)
    except IcepopError as error:
        return fail(str(error))
    except typer.Exit as leave:
        return leave.exit_code
    except Exception as error:
        if hasattr(error, "format_message"):  # a usage error of the option parser
            return fail(error.format_message())
        raise


def fail(message: str) -> int:
    """Print an error as one plain line."""
    print(f"icepop: {' '.join(message.split())}", file=sys.stderr)
    return 2


def main() -> None:
    """Entry point of the ``icepop`` script."""
    sys.exit(run(sys.argv[1:]))
