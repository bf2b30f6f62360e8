"""Speed of the simulators on a whole test set: building, cycles a second, and how much faster than Amaranth's.

    python benchmarks/simulators.py ../shared/cases/TFC_1W1A.onnx ../shared/data/mnist.npz

Each simulator runs the accelerator that `icepop compile` plans, taps included, with random stalls and then without;
everything watched is compared with the golden model. Amaranth's simulator runs the first few of the same images.
Nothing comes from the cache of compiled simulators; ``all s`` is from the planned network to the verdict.
"""

import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import typer

from icepop.boards.registry import find
from icepop.compiler.project import Network, load_network, make_plan
from icepop.compiler.types import IntArray
from icepop.hdl.accelerator import Accelerator
from icepop.hdl.units.registry import unit_library
from icepop.sim.native.cache import VARIABLE
from icepop.sim.prove import simulate
from icepop.sim.report import SimReport

ALWAYS_THERE = "amaranth"


class Clock:
    """When each phase of a simulation began, as its progress tells."""

    def __init__(self) -> None:
        self.started = time.perf_counter()
        self.built = self.started

    def __call__(self, what: str, done: int, total: int) -> None:
        """Take note of the end of the build."""
        if what.startswith("building") and done == total:
            self.built = time.perf_counter()


def images(network: Network, path: Path, limit: int) -> IntArray:
    """What the hardware takes in for the test images of an npz in Keras' layout, scaled to [0, 1]."""
    with np.load(path, allow_pickle=False) as file:
        x = (file["x_test"][:limit] / 255).astype(np.float32)
    graph = network.graph
    shape = graph.types[graph.input.name].shape
    return graph.run(x.reshape(-1, *shape))[network.start]


def measure(design: Accelerator, codes: IntArray, backend: str) -> tuple[SimReport, float, float]:
    """Simulate; returns what was found, and the seconds of the build and of everything."""
    clock = Clock()
    found = simulate(design, codes, backend, progress=clock)
    return found, clock.built - clock.started, time.perf_counter() - clock.started


def main(
    model: Path,
    data: Path,
    limit: Annotated[int, typer.Option(help="images for each simulator")] = 10_000,
    few: Annotated[int, typer.Option(help="images for Amaranth's")] = 20,
    backend: Annotated[list[str], typer.Option(help="simulator; repeat for more")] = ["cxxrtl", "verilator_cpp"],  # noqa: B006
    board: str = "icebreaker",
    interval: Annotated[int | None, typer.Option(help="cycles an inference")] = None,
) -> None:
    """Print a row for each simulator."""
    target = find(board)
    network = load_network(model)
    plan = make_plan(network, unit_library(), target.name, target.for_accelerator(network.ends()[0]), interval)
    codes = images(network, data, limit)
    print(f"interval {plan.interval}, latency {plan.latency} cycles")
    print("simulator      images   exact     cycles  build s   run s  all s   cycles/s  times Amaranth's")
    slow = None
    for name, count in [(ALWAYS_THERE, few), *((name, limit) for name in backend)]:
        with TemporaryDirectory() as folder:
            os.environ[VARIABLE] = folder
            found, build, seconds = measure(Accelerator(network.lowered, plan, taps=True), codes[:count], name)
        rate = found.cycles / found.seconds
        slow = slow or rate
        print(
            f"{name:13} {found.total:7d} {found.exact:7d} {found.cycles:10d} {build:8.1f} {found.seconds:7.1f} "
            f"{seconds:6.1f} {rate:10.0f} {rate / slow:8.0f}",
            flush=True,
        )


if __name__ == "__main__":
    typer.run(main)
