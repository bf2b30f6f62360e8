"""`icepop flash` and `icepop run`: the board itself."""

from contextlib import ExitStack
from time import monotonic
from typing import Annotated

import typer

from icepop.compiler.cli.announce import say_accuracy
from icepop.compiler.cli.console import Output, progress
from icepop.compiler.cli.options import Baud, BoardName, Codes, Data, Folder, Input, Json, Limit, Model, Raw
from icepop.compiler.errors import IcepopError
from icepop.compiler.project import load_network
from icepop.compiler.samples import read_samples


def flash(folder: Folder, json: Json = False) -> int:
    """Program the board's flash with a built bitstream."""
    from icepop.boards.build import read_report
    from icepop.boards.flash import flash as program
    from icepop.boards.registry import find

    out = Output(json)
    report = read_report(folder)
    out.say(program(find(report.board), folder / report.bitstream).strip())
    out.result(board=report.board, bitstream=report.bitstream)
    return out.finish()


def run_(
    model: Model,
    data: Data,
    port: Annotated[str | None, typer.Option(help="serial port of the board, such as /dev/ttyUSB1")] = None,
    virtual: Annotated[bool, typer.Option("--virtual", help="answer with the golden model instead of a board")] = False,
    board: BoardName = "icebreaker",
    baud: Baud = None,
    input: Input = None,
    raw: Raw = None,
    codes: Codes = False,
    limit: Limit = None,
    json: Json = False,
) -> int:
    """Send samples to the board and compare its answers with the golden model."""
    from icepop.boards.build import read_report
    from icepop.boards.host import Client
    from icepop.boards.registry import find
    from icepop.boards.virtual import VirtualBoard

    out = Output(json)
    if (port is None) != virtual:
        raise IcepopError("give either --port with the board's serial port, or --virtual")
    target = find(board)
    network = load_network(model, input, raw=raw)
    samples = read_samples(data).limited(limit)
    values = samples.codes(network.graph, network.start, codes, network.format)
    expected = network.answer(values)
    ends = network.ends()
    built = read_report(model).baud if model.is_dir() and not virtual else None
    with ExitStack() as stack:
        if port is None:
            port = stack.enter_context(VirtualBoard(network.answer, *ends)).port
        client = stack.enter_context(Client(port, *ends, baud or built or target.baud))
        report = stack.enter_context(progress())
        started = monotonic()
        answers = client.infer(values, lambda done, total: report("inferences", done, total))
        seconds = monotonic() - started
    exact = int((answers == expected).all(axis=1).sum())
    say_accuracy(out, "golden", network.labels(expected), samples.y)
    say_accuracy(out, "board", network.labels(answers), samples.y)
    out.say(f"{len(values)} inferences in {seconds:.1f} s, {client.repeated} requests repeated")
    if exact < len(values):
        wrong = int((answers != expected).any(axis=1).argmax())
        out.say(f"mismatch: sample {wrong}: expected {expected[wrong].tolist()}, got {answers[wrong].tolist()}")
    out.say(f"bit-exact {exact}/{len(values)}")
    out.result(exact=exact, total=len(values), repeated=client.repeated)
    return out.finish(exact == len(values))
