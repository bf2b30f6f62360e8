"""`icepop verify`: every proof of a built bitstream."""

from dataclasses import asdict

from icepop.compiler.cli.console import Output, progress
from icepop.compiler.cli.options import Codes, Data, Folder, Input, Json, Limit
from icepop.compiler.cli.wishes import Wishes, planned
from icepop.compiler.project import PLAN, load_network
from icepop.compiler.samples import read_samples


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
