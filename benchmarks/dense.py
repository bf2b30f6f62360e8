"""The README's rows for dense networks: planned, simulated on all given samples, and placed.

    python benchmarks/dense.py TFC_1W1A model.onnx test.npz --interval 128 --clock 48

The accuracy is what the simulated hardware answers; a network that is not bit-exact has no row. LUT4, cells, EBR and
Fmax are the accelerator's alone on a UP5K, after place and route, with one seed.
"""

from pathlib import Path
from typing import Annotated

import typer

from icepop.boards.clock import choose_clock
from icepop.boards.registry import find
from icepop.boards.synthesis import synthesize
from icepop.compiler.errors import IcepopError
from icepop.compiler.project import load_network, make_plan
from icepop.compiler.samples import read_samples
from icepop.hdl.accelerator import Accelerator
from icepop.hdl.units.registry import unit_library
from icepop.sim.prove import simulate

HEADER = "| network | accuracy | LUT4 | cells planned/real | EBR planned/real | interval | Fmax | core rate |"


def main(
    name: str,
    model: Path,
    data: Path,
    interval: Annotated[int | None, typer.Option(help="cycles; as few as fit without it")] = None,
    clock: Annotated[float | None, typer.Option(help="MHz; the board's without it")] = None,
    board: str = "icebreaker",
    limit: int | None = None,
    seed: int = 1,
) -> None:
    """Print the header and a network's row."""
    target = find(board)
    hz = choose_clock(target, None if clock is None else clock * 1e6).actual_hz
    network = load_network(model)
    plan = make_plan(network, unit_library(), target.name, target.for_accelerator(network.ends()[0]), interval)
    samples = read_samples(data).limited(limit)
    values = samples.codes(network.graph, network.start, False, network.format)
    found = simulate(Accelerator(network.lowered, plan), values, "verilator_cpp")
    if found.exact < found.total or not found.as_planned:
        raise IcepopError(f"{name} is exact on {found.exact} of {found.total} samples; {found.message}")
    right = "" if samples.y is None else f"{float((found.output.reshape(-1) == samples.y).mean()):.2%} of {found.total}"
    real = synthesize(Accelerator(network.lowered, plan), "accelerator", freq_mhz=hz / 1e6, seed=seed)
    cost = plan.cost
    print(HEADER)
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    print(
        f"| {name} | {right} | {real.lut4} | {cost.cells}/{real.cells} | {cost.ebr}/{real.ebr} | {plan.interval} | "
        f"{real.fmax_mhz:.1f} MHz | {hz / plan.interval:.0f}/s at {hz / 1e6:g} MHz |"
    )


if __name__ == "__main__":
    typer.run(main)
