"""Planned beside real: LUT4, logic cells, EBR and Fmax of a network's accelerator at several intervals.

    python benchmarks/footprint.py out/model.onnx --interval 2000 --interval 1024 --interval 100

The accelerator is synthesised and placed alone on a UP5K (yowasp or native tools, one seed), streams and argmax
included, the serial link not.
"""

from pathlib import Path
from typing import Annotated

import typer

from icepop.boards.registry import find
from icepop.boards.synthesis import synthesize
from icepop.compiler.project import load_network, make_plan
from icepop.hdl.accelerator import Accelerator
from icepop.hdl.units.registry import unit_library


def main(
    model: Path,
    interval: Annotated[list[int], typer.Option(help="interval to plan for; repeat for more rows")],
    board: str = "icebreaker",
    seed: int = 1,
) -> None:
    """Print a row for each interval."""
    target = find(board)
    network = load_network(model)
    print("interval  latency  LUT4 planned/real  cells planned/real  error  EBR planned/real  Fmax MHz")
    for wanted in interval:
        plan = make_plan(network, unit_library(), target.name, target.for_accelerator(network.ends()[0]), wanted)
        real = synthesize(Accelerator(network.lowered, plan), "accelerator", seed=seed)
        error = plan.cost.cells / real.cells - 1
        print(
            f"{plan.interval:8d} {plan.latency:8d}  {plan.cost.lut4:7d}/{real.lut4:<9d}  {plan.cost.cells:7d}/"
            f"{real.cells:<10d}  {error:+5.1%}  {plan.cost.ebr:6d}/{real.ebr:<9d}  {real.fmax_mhz:8.1f}",
            flush=True,
        )


if __name__ == "__main__":
    typer.run(main)
