"""From a model file and the user's wishes to a lowered graph and its plan."""

from dataclasses import dataclass, replace
from pathlib import Path

from icepop.compiler.errors import ModelError, PlanError
from icepop.compiler.frontend.load import load_graph
from icepop.compiler.graph import Graph
from icepop.compiler.head import without_head
from icepop.compiler.input_format import InputFormat, parse_format
from icepop.compiler.ops.argmax import ArgMax
from icepop.compiler.ops.base import Op
from icepop.compiler.ops.encode import Encode
from icepop.compiler.passes.bind_input import bind_input
from icepop.compiler.passes.join_encodes import join_encodes
from icepop.compiler.passes.lower import lower
from icepop.compiler.planner.layers import UnitLibrary
from icepop.compiler.planner.pipeline import ready_units
from icepop.compiler.planner.plan import Pin, Plan, Resources
from icepop.compiler.planner.saved import read_plan
from icepop.compiler.planner.search import search
from icepop.compiler.types import IntArray, TensorType

MODEL, PLAN = "icepop.onnx", "plan.json"
"""What was built, kept in its folder so that it can be verified and run."""


@dataclass(frozen=True)
class Network:
    """A network in the three forms that the tools need.

    Parameters
    ----------
    graph : Graph
        As the front end read it: names and signs of the model file.
    lowered : Graph
        What hardware computes.
    start : str
        Op whose result is streamed into the hardware; what is before it runs on the host.
    format : InputFormat or None
        What integers of the input mean, where the hardware takes the model's input itself.
    head : tuple of Op
        What makes classes of the results, where neither graph does.
    """

    graph: Graph
    lowered: Graph
    start: str
    format: InputFormat | None = None
    head: tuple[Op, ...] = ()

    def ends(self) -> tuple[TensorType, TensorType]:
        """Types of what the hardware takes in and gives out."""
        return self.graph.types[self.start], self.graph.types[self.graph.output.name]

    def answer(self, values: IntArray) -> IntArray:
        """Golden results (samples, length) for values of op ``start``."""
        results = self.graph.run_from(self.start, values)
        return results[self.graph.output.name].reshape(len(values), -1)

    def labels(self, answers: IntArray) -> IntArray:
        """Classes (samples,) that results (samples, …) of hardware or `answer` stand for."""
        values = answers.reshape(len(answers), *self.graph.types[self.graph.output.name].shape)
        for op in self.head:
            values = op.golden(values)
        return values.reshape(-1)


def load_network(path: Path, input: str | None = None, plan: Path | None = None, raw: bool | None = None) -> Network:
    """Read a model file.

    Parameters
    ----------
    path : Path
        The file, or the folder of a built bitstream: its model and plan are read.
    input : str, optional
        Format of the hardware's input, such as ``uint8/255``; without it the host applies the model's first quantizer.
    plan : Path, optional
        A saved plan, whose input format and ``raw`` are taken where none is given.
    raw : bool, optional
        Whether hardware gives what the last layer gives instead of the class.

    Raises
    ------
    ModelError
        The file is missing, broken or holds what is not supported, or nothing was built in the folder.
    PlanError
        The plan is none.
    """
    if path.is_dir():
        if not (path / MODEL).is_file():
            raise ModelError(f"no {MODEL} in '{path}'; 'icepop bitstream' writes one, or name a model file")
        path, plan = path / MODEL, plan or path / PLAN
    if plan is not None:
        saved = read_plan(plan)
        input = input if input is not None else saved.input or None
        raw = saved.raw if raw is None else raw
    graph, format = load_graph(path), None
    if input is None:
        graph = join_encodes(graph)
        start = next((op.name for op in graph.ops if isinstance(op, Encode)), graph.input.name)
    else:
        format = parse_format(input)
        graph = bind_input(graph, format)
        start = graph.input.name
    graph, head = without_head(graph) if raw else (graph, ())
    return Network(graph, lower(graph), start, format, head)


def make_plan(
    network: Network,
    library: UnitLibrary,
    board: str,
    budget: Resources,
    interval: int | None = None,
    saved: Path | None = None,
    max_lut: int | None = None,
    clock_hz: float | None = None,
) -> Plan:
    """Plan a network's hardware.

    Parameters
    ----------
    network : Network
        The network.
    library : UnitLibrary
        The units there are.
    board : str
        Name of the board.
    budget : Resources
        What it has for the accelerator.
    interval : int, optional
        Cycles a sample that must be reached.
    saved : Path, optional
        A plan file, whose units and foldings are taken over.
    max_lut : int, optional
        LUT4 that may be used.
    clock_hz : float, optional
        Clock that the hardware has to reach, in Hz; a saved plan is for the one it was made for.

    Raises
    ------
    PlanError
        There is no such plan, or the network would always give the same class.
    """
    run, even = ready_units(clock_hz), None
    pins: dict[str, Pin] = {}
    if saved is not None:
        kept = read_plan(saved)
        pins, run, even = kept.pins, kept.ready_units, kept.even
    foldings, units = {name: pin.folding for name, pin in pins.items()}, {name: pin.unit for name, pin in pins.items()}
    graph = network.lowered
    if isinstance(graph.output, ArgMax) and network.ends()[1].integers.size == 1:
        raise PlanError("the network gives one score, so that its class is always 0; take the score itself with --raw")
    plan = search(graph, network.start, library, board, budget, interval, foldings, units, max_lut, run, even)
    return replace(plan, input="" if network.format is None else str(network.format), raw=bool(network.head))
