"""`core`: an accelerator as one Verilog file for somebody's own design; how it is used stands at its head."""

from icepop.compiler.ops.base import Op
from icepop.compiler.types import BIPOLAR, Beats, Domain, TensorType
from icepop.hdl.accelerator import Accelerator
from icepop.sim.verilog import verilog

LINT = {
    "DECLFILENAME": "more than one module in a file",
    "UNUSED": "bits of a signal that nothing reads",
    "WIDTH": "operands of different widths, and ! of a number",
}
"""Classes of Verilator's warnings that the writer causes, by the names that every version knows, and by what."""

USE = """\
clk       in   every register takes its rising edge
rst       in   synchronous, 1 starts anew: samples on their way are lost
i__*           samples: i__valid and i__payload in, i__ready out
o__*           their results in the same order: o__valid and o__payload out, o__ready in

A beat moves at a rising edge of clk at which valid and ready are 1. Until then valid has to stay 1 and the payload
the same, and valid must not wait for ready. The core keeps these rules at o and relies on them at i.
An iCE40's block memories read 0 for some 3 us after configuration: hold rst at 1 that long."""


def core(design: Accelerator, name: str = "accelerator") -> str:
    """Verilog-2001 of an accelerator as module ``name``, with ports, layouts and timing told in comments at the head.

    Raises
    ------
    BenchError
        The design holds an `Instance`.
    ToolError
        There is no yosys, or it fails.
    """
    text = verilog(design, name)
    off = [f"// verilator lint_off {warning}" for warning in LINT]
    on = [f"// verilator lint_on {warning}" for warning in LINT]
    return "\n".join([*(f"// {line}".rstrip() for line in head(design, name)), *off, text.rstrip("\n"), *on, ""])


def head(design: Accelerator, name: str) -> list[str]:
    """Lines that say how the module is used."""
    graph, plan = design.graph, design.plan
    source = next(op for op in graph.ops if op.name == design.input_op)
    means = f"integers of the format {plan.input}" if plan.input else "integer codes"
    return [
        f"{name}: a network of {len(plan.pins)} layers, as Verilog-2001. Written by icepop.",
        "",
        *USE.splitlines(),
        "",
        f"i: {described(source, means)}",
        *layout("i__payload", graph.types[source.name], design.input, "to be 0"),
        "",
        f"o: {described(graph.output, 'integers')}",
        *layout("o__payload", graph.types[graph.output.name], design.output, "0"),
        "",
        f"interval: {plan.interval} cycles between samples where neither side waits",
        f"latency:  {plan.latency} cycles from a sample's first beat to the last one of its result",
        "",
        "What follows was written by yosys. It causes these warnings of Verilator:",
        *(f"  {warning}: {cause}" for warning, cause in LINT.items()),
    ]


def described(op: Op, means: str) -> str:
    """Which result a stream carries; a name from a model file may hold anything."""
    return f"{means}, the values of {type(op).__name__} {op.name!a}"


def layout(payload: str, type: TensorType, beats: Beats, padding: str) -> list[str]:
    """Lines that say where each element of a sample is, and how it is written.

    Parameters
    ----------
    payload : str
        Name of the port.
    type : TensorType
        What a sample is.
    beats : Beats
        How it is laid out.
    padding : str
        What stands in lanes that hold no element.
    """
    channels, *sizes = type.shape
    lines = [f"a sample is a vector of {counted(channels, 'element')}, in {counted(beats.count, 'beat')}"]
    if sizes:
        size = "x".join(map(str, sizes))
        lines = [
            f"a sample is a map of {size} pixels of {counted(channels, 'channel')}, in {counted(beats.count, 'beat')}:",
            f"row by row, each pixel in {counted(beats.pixel_beats, 'beat')} of its own, its channels in order",
        ]
    bits = beats.domain.bits
    where = "[k]" if bits == 1 else f"[{bits}*k +: {bits}]"
    lines.append(f"a beat has {counted(beats.lanes, 'lane')}; lane k, from 0, is {payload}{where}")
    if fillers := beats.pixel_beats * beats.lanes - beats.channels:
        owner = "pixel" if sizes else "sample"
        lines.append(f"{counted(fillers, 'upper lane')} of a {owner}'s last beat hold no element: {padding}")
    lines.append(f"a lane holds {written(beats.domain)}")
    return [f"   {line}" for line in lines]


def counted(number: int, noun: str) -> str:
    """So many of something."""
    return f"{number} {noun}" + "s" * (number != 1)


def written(domain: Domain) -> str:
    """How a value is written in bits."""
    bits = counted(domain.bits, "bit")
    if domain == BIPOLAR:
        return f"-1 or +1, in {bits}: 0 is -1, 1 is +1"
    if domain.step > 1:
        return (
            f"{domain.lo}, {domain.lo + domain.step}, .. {domain.hi}, in {bits}: n means {domain.lo} + {domain.step}*n"
        )
    return f"{domain.lo} .. {domain.hi}, in {bits}, " + ("two's complement" if domain.signed else "unsigned")
