"""Convolutional networks from training to bitstream: exact, as planned, and planned beside real.

    python benchmarks/convolutional.py
    python benchmarks/convolutional.py --network resnet --steps 300 --keep /tmp/resnet

Each network of tests/support/convolutional_networks.py is trained for a minute or two on one core, exported as
QONNX, planned with the bytes of its images as input, simulated on real images (Verilator in C++, with random stalls and
without) and built for the board. Images are those of ../shared/data/mnist.npz, else scikit-learn's digits, enlarged.
The model in ../shared/cases is taken as it is.
"""

import contextlib
import io
import logging
import sys
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Annotated

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from torch import nn

from icepop.boards.base import Board
from icepop.boards.build import build
from icepop.boards.clock import choose_baud, choose_clock
from icepop.boards.registry import find
from icepop.compiler.errors import PlanError
from icepop.compiler.planner.plan import Plan
from icepop.compiler.project import Network, load_network, make_plan
from icepop.hdl.accelerator import Accelerator
from icepop.hdl.units.registry import unit_library
from icepop.sim.prove import simulate

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from convolutional_networks import KINDS
from efficiency import convolution, efficiency

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Brevitas' own deprecations
    from brevitas.export import export_qonnx

SHARED = Path(__file__).parents[2] / "shared"
CASES = {"dwsep_1w1a": (SHARED / "cases" / "dwsep_1w1a.onnx", 28)}
INPUT = "uint8/255"
COLUMNS = (
    "network  accuracy  LUT4  cells  EBR planned/real  interval  latency  Fmax MHz  seed  inferences/s  planning s"
)

Images = tuple[NDArray[np.uint8], NDArray[np.int64]]


def images(side: int) -> tuple[Images, Images]:
    """Bytes (n, 1, side, side) and labels, for training and for tests."""
    path = SHARED / "data" / "mnist.npz"
    if path.is_file():
        with np.load(path) as file:
            parts = [(file[f"x_{part}"], file[f"y_{part}"]) for part in ("train", "test")]
    else:
        from sklearn.datasets import load_digits

        digits = load_digits()
        x = np.kron(digits.images * 255 / 16, np.ones((3, 3))).astype(np.uint8)
        parts = [(x[:1200], digits.target[:1200]), (x[1200:], digits.target[1200:])]
    pad = (side - parts[0][0].shape[1]) // 2
    train, test = ((np.pad(x, ((0, 0), (pad, pad), (pad, pad)))[:, None], y.astype(np.int64)) for x, y in parts)
    return train, test


def floats(x: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What bytes mean."""
    return x.astype(np.float32) / np.float32(255)


def train(name: str, data: Images, steps: int) -> nn.Module:
    """A network after so many steps of 64 images."""
    torch.manual_seed(1)
    torch.set_num_threads(1)
    module = KINDS[name].make()
    x, y = torch.tensor(floats(data[0])), torch.tensor(data[1])
    optimizer = torch.optim.Adam(module.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=steps)
    for _ in range(steps):
        some = torch.randint(0, len(x), (64,))
        scores = module(x[some])
        scores = 3 * scores / (scores.detach().std() + 1e-6)  # those of binary layers are large
        optimizer.zero_grad()
        nn.functional.cross_entropy(scores, y[some]).backward()
        optimizer.step()
        schedule.step()
    return module.eval()


def export(module: nn.Module, side: int, path: Path) -> None:
    """Write a network as Brevitas exports it."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        export_qonnx(module, torch.zeros(1, 1, side, side), str(path), dynamo=False, opset_version=13)


def say_stages(network: Network, plan: Plan) -> None:
    """A line for each convolution."""
    for stage in plan.stages:
        if convolution(network.lowered, stage) is not None:
            share = efficiency(network.lowered, stage)
            text = f"{stage.unit} {stage.folding}"
            print(f"    {stage.name:32s} {text:48s} {stage.interval:6d} cycles, efficiency {share:6.1%}")


def proved(network: Network, plan: Plan, test: Images, samples: int) -> float | None:
    """Accuracy of the hardware on test images; None after saying what is wrong."""
    codes = test[0][:samples].astype(np.int64)
    found = simulate(Accelerator(network.lowered, plan, taps=True), codes, "verilator_cpp")
    if found.exact < found.total or not found.as_planned:
        print(f"    bit-exact {found.exact}/{found.total}: {found.message}")
        print(f"    interval {found.intervals} of {plan.interval}, latency {found.latency} of {plan.latency} cycles")
        return None
    return float((found.output.reshape(-1) == test[1][: found.total]).mean())


def row(name: str, model: Path, test: Images, samples: int, board: Board, folder: Path) -> bool:
    """Plan, prove, build and print one network."""
    network = load_network(model, INPUT)
    started = process_time()
    plan = make_plan(network, unit_library(), board.name, board.for_accelerator(network.ends()[0]))
    seconds = process_time() - started
    accuracy = proved(network, plan, test, samples)
    clock, planned = choose_clock(board, None), plan.cost
    try:
        built = build(Accelerator(network.lowered, plan), board, folder, clock, choose_baud(board, clock, None))
    except PlanError as error:
        print(f"{name}: {planned}: {error}", flush=True)
        return False
    real = built.accelerator
    pairs = (f"{getattr(planned, key)}/{getattr(real, key)}" for key in ("lut4", "cells", "ebr"))
    print(
        f"{name:11s} {'wrong' if accuracy is None else f'{accuracy:.1%}':>6s}  {'  '.join(pairs)}  {plan.interval}  "
        f"{plan.latency}  {built.fmax_hz / 1e6:.1f}  {built.seed}  {built.clock_hz / plan.interval:.0f}  {seconds:.1f}",
        flush=True,
    )
    say_stages(network, plan)
    return accuracy is not None


def main(
    network: Annotated[list[str] | None, typer.Option(help="network to take; repeat for more; default: all")] = None,
    steps: Annotated[int, typer.Option(help="of training")] = 1200,
    samples: Annotated[int, typer.Option(help="images to simulate")] = 100,
    keep: Annotated[Path | None, typer.Option(help="folder for models and bitstreams; models there are reused")] = None,
    board: str = "icebreaker",
) -> None:
    """Print a row for each network, and one for each of its convolutions; fail if anything is wrong."""
    logging.disable(logging.WARNING)  # the exporter talks
    target, right = find(board), True
    print(COLUMNS)
    with TemporaryDirectory(prefix="icepop-") as scratch:
        for name in network or [*CASES, *KINDS]:
            folder = (keep or Path(scratch)) / name
            folder.mkdir(parents=True, exist_ok=True)
            model, side = CASES.get(name) or (folder / f"{name}.onnx", KINDS[name].side)
            if name in CASES and not model.is_file():
                print(f"{name}: no {model}")
                continue
            data, test = images(side)
            if not model.is_file():
                export(train(name, data, steps), side, model)
            right &= row(name, model, test, samples, target, folder)
    sys.exit(not right)


if __name__ == "__main__":
    typer.run(main)
