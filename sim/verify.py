# amaranth: UnusedElaboratable=no
"""`verify`: a built bitstream and everything it was made from give the golden model's results."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from icepop.boards.build import check_packed
from icepop.compiler.errors import ToolError
from icepop.compiler.planner.plan import Plan
from icepop.compiler.project import Network
from icepop.compiler.raster import to_stream
from icepop.compiler.types import IntArray
from icepop.hdl.accelerator import Accelerator
from icepop.sim.backends import Sight, find, sees
from icepop.sim.bench import Progress
from icepop.sim.chip import ask
from icepop.sim.compare import compare
from icepop.sim.design import watched
from icepop.sim.prove import UNSTALLED, simulate, stimulus

RTL = ("verilator_cpp", "cxxrtl", "verilator", "amaranth")
"""Simulators of the RTL, the one to prefer first; the last can always run."""


@dataclass(frozen=True)
class Step:
    """One thing that was compared with the golden model.

    Parameters
    ----------
    name : str
        What: ``golden``, ``rtl``, ``netlist`` or ``bitstream``.
    exact, total : int
        Samples that agree, and samples.
    how : str
        In which simulator, how driven.
    mismatch : str or None
        The first one.
    """

    name: str
    exact: int
    total: int
    how: str
    mismatch: str | None = None

    def __str__(self) -> str:
        return f"{self.name}: bit-exact {self.exact}/{self.total} ({self.how})"


def verify(folder: Path, network: Network, plan: Plan, values: IntArray, progress: Progress) -> Iterator[Step]:
    """Compare in turn, from the network down to the bitstream.

    Parameters
    ----------
    folder : Path
        What `build` left.
    network : Network
        The network that was built.
    plan : Plan
        As it was built.
    values : int64 array (samples, *shape)
        Values of op ``network.start``.
    progress : callable
        Told what is being done.

    Raises
    ------
    ToolError
        A tool is missing or fails, or the bitstream cannot be simulated.
    BenchError
        A design stands still or breaks a rule.
    """
    for name in ("netlist", "bitstream"):
        find(name)
    yield golden_step(network, values)
    for name, backend in (("rtl", rtl()), ("netlist", "netlist")):
        design = Accelerator(network.lowered, plan, taps=sees(find(backend)) is Sight.TAPS)
        found = simulate(design, values, backend, progress=progress)
        how = ", then ".join(str(trial.stall) for trial in found.trials)
        how = how if name == backend else f"{backend}, {how}"
        yield Step(name, found.exact, found.total, how, found.message)
    yield bitstream_step(folder, Accelerator(network.lowered, plan), values, progress)


def rtl() -> str:
    """First simulator of `RTL` that can run here."""
    for name in RTL[:-1]:
        with suppress(ToolError):
            find(name)
            return name
    return RTL[-1]


def golden_step(network: Network, values: IntArray) -> Step:
    """The network as it was read, against the one that hardware computes."""
    lowered = network.lowered.run_from(network.start, values)[network.lowered.output.name]
    same = (lowered.reshape(len(values), -1) == network.answer(values)).all(axis=1)
    mismatch = None if same.all() else f"sample {int(same.argmin())} differs once the network is lowered"
    return Step("golden", int(same.sum()), len(same), "as read and as lowered", mismatch)


def bitstream_step(folder: Path, design: Accelerator, values: IntArray, progress: Progress) -> Step:
    """The bitstream in ``folder``, against the golden model."""
    check_packed(folder)
    golden = design.graph.run_from(design.input_op, values)
    driven = stimulus(design, values, UNSTALLED)
    run = ask(folder, to_stream(values), design.input, design.output, driven.patience, progress)
    verdict = compare(watched(design), run.records, golden)
    message = None if verdict.mismatch is None else str(verdict.mismatch)
    return Step("bitstream", verdict.exact, verdict.samples, "at its pins", message)
