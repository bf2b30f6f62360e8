# amaranth: UnusedElaboratable=no
"""`Accelerator`: a plan as one component."""

from dataclasses import dataclass

from amaranth import Module, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from icepop.compiler.graph import Graph
from icepop.compiler.planner.plan import Feed, Plan, Span
from icepop.compiler.types import Beats
from icepop.hdl.fork import Fork
from icepop.hdl.shared_rom import SharedRom, readers_of
from icepop.hdl.units.base import StreamUnit
from icepop.hdl.units.gearbox import GEARBOXES
from icepop.hdl.units.registry import layer_units


@dataclass(frozen=True)
class Tap:
    """A stage boundary that can be watched.

    Parameters
    ----------
    name : str
        Port of the accelerator that shows it: a signature with members ``payload``, ``valid``, ``ready``, all outputs.
    op : str
        Op whose result flows there.
    beats : Beats
        How the result is laid out.
    """

    name: str
    op: str
    beats: Beats


class Accelerator(wiring.Component):
    """The units of a plan, joined by streams.

    Parameters
    ----------
    graph : Graph
        Lowered graph.
    plan : Plan
        The plan; with the graph it fixes the hardware.
    taps : bool
        Whether every stage boundary is shown at a port.

    Attributes
    ----------
    input, output : Beats
        Layout of the streams ``i`` and ``o``.
    taps : tuple of Tap
        What can be watched, in pipeline order.

    Members
    -------
    i : In(stream.Signature(unsigned(input.width)))
        Samples in.
    o : Out(stream.Signature(unsigned(output.width)))
        Results out, one sample after the other.
    tap0, tap1, … : Out
        Payload, valid and ready of each stage's output, with ``taps``.
    """

    def __init__(self, graph: Graph, plan: Plan, taps: bool = False):
        self.graph, self.input_op, self.plan = graph, plan.start, plan
        self.units = build_units(graph, plan)
        self.input, self.output = self.units[0].input, self.units[-1].output
        self.taps = self._taps() if taps else ()
        super().__init__(
            {
                "i": In(stream.Signature(unsigned(self.input.width))),
                "o": Out(stream.Signature(unsigned(self.output.width))),
                **{tap.name: Out(watch_signature(tap.beats.width)) for tap in self.taps},
            }
        )

    def _taps(self) -> tuple[Tap, ...]:
        """Boundaries behind every stage that computes an op."""
        stages = zip(self.plan.stages, self.units, strict=True)
        results = [(stage.ops[-1], unit.output) for stage, unit in stages if stage.ops]
        return tuple(Tap(f"tap{k}", op, beats) for k, (op, beats) in enumerate(results))

    def elaborate(self, platform: object) -> Module:
        """Connect every input to what feeds it, and the ends to the ports."""
        m = Module()
        outputs: dict[Feed, object] = {Feed(): self._supplied(m)}
        for position, (stage, unit) in enumerate(zip(self.plan.stages, self.units, strict=True)):
            m.submodules[f"{position}_{stage.name}".replace(" ", "_")] = unit
            for feed, name in zip(stage.feeds, unit.input_names, strict=True):
                connect(m, outputs[feed], getattr(unit, name))
            ports = ["o"] if not stage.depths else [f"o{port}" for port in range(len(stage.depths))]
            outputs |= {Feed(stage.name, port): getattr(unit, name) for port, name in enumerate(ports)}
        connect(m, outputs[Feed(self.plan.stages[-1].name)], flipped(self.o))
        watched = [unit for stage, unit in zip(self.plan.stages, self.units, strict=True) if stage.ops]
        for tap, unit in zip(self.taps, watched, strict=False):
            port = getattr(self, tap.name)
            m.d.comb += [getattr(port, member).eq(getattr(unit.o, member)) for member in ("payload", "valid", "ready")]
        return m

    def _supplied(self, m: Module) -> object:
        """The input; where units share a memory of constants, from when these are there."""
        readers = readers_of(self.units)
        if not readers:
            return flipped(self.i)
        m.submodules.constants = rom = SharedRom(readers)
        for k, constants in enumerate(readers):
            connect(m, constants, getattr(rom, f"r{k}"))
        opened = self.i.signature.flip().create()
        m.d.comb += [
            opened.payload.eq(self.i.payload),
            opened.valid.eq(self.i.valid & rom.ready),
            self.i.ready.eq(opened.ready & rom.ready),
        ]
        return opened


def build_units(graph: Graph, plan: Plan) -> list[StreamUnit]:
    """Units of a plan, in order."""
    kinds = {kind.__name__: kind for kind in layer_units()}
    ops = {op.name: op for op in graph.ops}
    units: list[StreamUnit] = []
    layouts: dict[str, Beats] = {}
    for stage in plan.stages:
        if stage.ops:
            run = tuple(ops[name] for name in stage.ops)
            inputs = tuple(graph.types[name] for name in run[0].inputs)
            span = Span(run, inputs, tuple(graph.types[op.name] for op in run))
            unit = kinds[stage.unit](span, stage.folding)
            unit.supplied = True
        else:
            beats = layouts.get(stage.feeds[0].stage) or source_layout(graph, plan, stage.folding.simd)
            unit = Fork(beats, stage.depths) if stage.depths else GEARBOXES[stage.unit](beats, stage.folding.pe)
        units.append(unit)
        layouts[stage.name] = unit.output
    return units


def source_layout(graph: Graph, plan: Plan, lanes: int) -> Beats:
    """Layout of the pipeline's input where it does not go to a layer at once."""
    return Beats.of(graph.types[plan.start], lanes)


def watch_signature(width: int) -> wiring.Signature:
    """Signature of a tap: a stream that is only looked at."""
    return wiring.Signature({"payload": Out(width), "valid": Out(1), "ready": Out(1)})
