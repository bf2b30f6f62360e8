"""From a model file and the user's wishes to a lowered graph and its plan."""

from dataclasses import dataclass
from pathlib import Path

from icepop.compiler.frontend import load_graph
from icepop.compiler.graph import Graph
from icepop.compiler.input_format import InputFormat, parse_format
from icepop.compiler.layers import UnitLibrary
from icepop.compiler.ops.encode import Encode
from icepop.compiler.passes.bind_input import bind_input
from icepop.compiler.passes.lower import lower
from icepop.compiler.plan import Folding, Plan, Resources, read_foldings
from icepop.compiler.search import search
from icepop.compiler.types import IntArray, TensorType


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
    """

    graph: Graph
    lowered: Graph
    start: str
    format: InputFormat | None = None

    def ends(self) -> tuple[TensorType, TensorType]:
        """Types of what the hardware takes in and gives out."""
        return self.graph.types[self.start], self.graph.types[self.graph.output.name]

    def answer(self, values: IntArray) -> IntArray:
        """Golden results (samples, length) for values of op ``start``."""
        results = self.graph.run_from(self.start, values)
        return results[self.graph.output.name].reshape(len(values), -1)


def load_network(path: Path, input: str | None = None) -> Network:
    """Read a model file.

    Parameters
    ----------
    path : Path
        The file.
    input : str, optional
        Format of the hardware's input, such as ``uint8/255``; without it the host applies the model's first quantizer.
    """
    graph, format = load_graph(path), None
    if input is not None:
        format = parse_format(input)
        graph = bind_input(graph, format)
    encodes = [op.name for op in graph.ops if isinstance(op, Encode)]
    start = encodes[0] if len(encodes) == 1 and format is None else graph.input.name
    return Network(graph, lower(graph), start, format)


def make_plan(
    network: Network,
    library: UnitLibrary,
    board: str,
    budget: Resources,
    interval: int | None = None,
    saved: Path | None = None,
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
        A plan file, whose foldings are taken over.
    """
    pins: dict[str, Folding] = {} if saved is None else read_foldings(saved)
    return search(network.lowered, network.start, library, board, budget, interval, pins)
