"""How near a plan comes to what the chip's memories, its clock and its link allow.

    python benchmarks/roofline.py model.onnx --interval 128 [--plan plan.json] [--clock 48] [--no-place]

A UP5K reads 16 bits a cycle from each of 30 EBR and 4 SPRAM. A network whose weights are all read once a sample from
EBR cannot take fewer cycles than its weight bits over 480; weights in LUTs are read beside that, so that a plan may
even be below this bound.
"""

from math import ceil
from pathlib import Path
from typing import Annotated

import typer

from icepop.boards.clock import choose_clock
from icepop.boards.link import line_order, link_rate
from icepop.boards.registry import find
from icepop.boards.synthesis import synthesize
from icepop.compiler.planner.plan import Plan
from icepop.compiler.project import load_network, make_plan
from icepop.hdl.accelerator import Accelerator
from icepop.hdl.units.base import StreamUnit
from icepop.hdl.units.matrix_vector import MatrixVector
from icepop.hdl.units.registry import unit_library
from icepop.sim.chip import round_trip

EBR_BITS, SPRAM_BITS = 16, 16
"""Bits that a memory's port reads a cycle."""


def weight_bits(unit: StreamUnit) -> float:
    """Bits of a unit's weights in their encoding, without fillers; 0 of a unit without weights."""
    if not isinstance(unit, MatrixVector):
        return 0
    return unit.op.weights.size * unit.arithmetic.product.bits / unit.folding.simd


def word_bits(unit: StreamUnit) -> int:
    """Weight bits that a unit reads in each of its busy cycles."""
    return unit.folding.pe * unit.arithmetic.product.bits if isinstance(unit, MatrixVector) else 0


def lines(plan: Plan, accelerator: Accelerator, fmax_mhz: float | None, clock_hz: float, baud: int) -> list[str]:
    """The figures, one a line."""
    board = find(plan.board)
    ebr, spram = board.budget.ebr * EBR_BITS, board.budget.spram * SPRAM_BITS
    stored = sum(weight_bits(unit) for unit in accelerator.units)
    port = sum(word_bits(unit) for unit in accelerator.units)
    read = stored / plan.interval
    bound = ceil(stored / ebr)
    source, result = (line_order(accelerator.graph.types[name]) for name in (plan.start, accelerator.graph.output.name))
    trip = round_trip(source, result)
    return [
        f"weights                 {stored:.0f} bits, words of {port} bits in all",
        f"read a cycle            {read:.1f} bits: {read / (ebr + spram):.1%} of {ebr + spram} in EBR and SPRAM, "
        f"{read / ebr:.1%} of {ebr} in EBR",
        f"interval                {plan.interval} cycles, {plan.interval / bound:.2f} of the bound {bound}",
        f"Fmax                    {'not placed' if fmax_mhz is None else f'{fmax_mhz:.1f} MHz'}",
        f"core                    {clock_hz / plan.interval:.0f} inferences/s at {clock_hz / 1e6:g} MHz",
        f"link                    {link_rate(source, result, baud):.0f} inferences/s at {baud} baud, "
        f"{baud / trip:.0f} one by one",
    ]


def main(
    model: Path,
    interval: int | None = None,
    plan: Annotated[Path | None, typer.Option(help="saved plan")] = None,
    board: str = "icebreaker",
    clock: Annotated[float | None, typer.Option(help="MHz")] = None,
    place: bool = True,
    seed: int = 1,
) -> None:
    """Print the figures of a network's plan."""
    target = find(board)
    network = load_network(model, None, plan)
    made = make_plan(network, unit_library(), target.name, target.for_accelerator(network.ends()[0]), interval, plan)
    chosen = choose_clock(target, None if clock is None else clock * 1e6)
    accelerator = Accelerator(network.lowered, made)
    fmax = None
    if place:
        fmax = synthesize(Accelerator(network.lowered, made), "accelerator", freq_mhz=chosen.actual_hz / 1e6, seed=seed)
    print("\n".join(lines(made, accelerator, fmax and fmax.fmax_mhz, chosen.actual_hz, target.baud)))


if __name__ == "__main__":
    typer.run(main)
