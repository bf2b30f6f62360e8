"""Real hardware of voter networks, and the proof that it computes the golden model.

    python benchmarks/lut4_hardware.py out/lut4/digits_70_seed0.onnx … [--scan 4] [--input uint5@1]

For each file, with its test data beside it as .npz: look-up tables (yosys), logic cells and EBR (nextpnr) with the
streams and the argmax, the input's comparisons planned on their own where ``--input`` puts them in hardware, Fmax
(UP5K, one seed of the placer), and how many of all test samples the RTL and the synthesised netlist (Verilator, twice,
with random stalls and without) classify as the golden model does. Of several models, such as a network's seeds, the
mean and extremes follow.
"""

from pathlib import Path
from statistics import mean
from typing import Annotated

import numpy as np
import typer

from icepop.boards.synthesis import synthesize
from icepop.compiler.planner.plan import Folding, Resources
from icepop.compiler.planner.search import search
from icepop.compiler.project import load_network
from icepop.compiler.samples import read_samples
from icepop.hdl.accelerator import Accelerator
from icepop.hdl.units.registry import unit_library
from icepop.hdl.units.voter_array import VoterArray
from icepop.hdl.units.voter_scan import VoterScan
from icepop.sim.prove import simulate

UNBOUNDED = Resources(cells=10**9, ebr=10**9)


def main(
    models: list[Path],
    scan: Annotated[int, typer.Option(help="elements a beat of the folded unit; 0 for all voters at once")] = 0,
    input: Annotated[str | None, typer.Option(help="format of integers that the hardware compares itself")] = None,
    netlist: Annotated[bool, typer.Option(help="whether to simulate the netlist with all test samples")] = True,
    rtl: Annotated[bool, typer.Option(help="whether to simulate the RTL with all test samples")] = True,
    place: Annotated[bool, typer.Option(help="whether to place and route")] = True,
) -> None:
    """Print a line for each model, and one for all."""
    rights, lut4s, clocks = [], [], []
    for path in models:
        network = load_network(path, input)
        samples = read_samples(path.with_suffix(".npz"))
        values = samples.codes(network.graph, network.start, False, network.format)
        length = network.graph.types[network.start].length
        names = [op.name for op in network.lowered.ops]
        first = names[names.index(network.start) + 1]
        pins = {first: Folding(1, scan or length)}
        plan = search(network.lowered, network.start, unit_library(), "up5k", UNBOUNDED, pins=pins)
        design = Accelerator(network.lowered, plan)
        (unit,) = (unit for unit in design.units if isinstance(unit, VoterArray | VoterScan))
        real = synthesize(design, "accelerator", place=place)
        right = float((network.answer(values).reshape(-1) == np.asarray(samples.y)).mean())
        fmax = f"{real.fmax_mhz:.1f} MHz" if real.fmax_mhz else "not placed"
        print(
            f"{path.stem}: {right:.2%}; LUT4 {real.lut4} (planned {plan.cost.lut4}, of these the input's comparisons "
            f"{unit.encoder_cost.lut4}), cells {real.cells} (planned {plan.cost.cells}), EBR {real.ebr}, {fmax}, "
            f"interval {plan.interval}, latency {plan.latency}",
            flush=True,
        )
        rights.append(right)
        lut4s.append(real.lut4)
        clocks.append(real.fmax_mhz or 0.0)
        for backend, wanted in (("verilator_cpp", rtl), ("netlist_cpp", netlist)):
            if wanted:
                found = simulate(design, values, backend)
                text = f"bit-exact {found.exact}/{found.total}, as planned: {found.as_planned}"
                print(f"    {backend}: {text}{'' if found.message is None else '; ' + found.message}", flush=True)
    if len(models) > 1:
        print(
            f"{len(models)} models: mean accuracy {mean(rights):.2%}, least {min(rights):.2%}; LUT4 {mean(lut4s):.1f}, "
            f"{min(lut4s)} to {max(lut4s)}; Fmax from {min(clocks):.1f} MHz"
        )


if __name__ == "__main__":
    typer.run(main)
