"""The compiler's golden run against exact arithmetic and against qonnx's executor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from operator import mul

import numpy as np
import onnx
from exact_onnx import LINEAR, QUANTIZERS, ExactRun, attribute_value, input_name
from exact_ops import OPERATORS, Array, Call, elementwise
from onnx import numpy_helper
from qonnx_file import executed

from icepop.compiler.graph import Graph
from icepop.compiler.taps import outputs

ROUNDING_ERROR = 1e-5
"""In code steps: how far float32 may be from an exact value in networks of a few layers with up to 8-bit codes."""


def exact_runs(model: onnx.ModelProto, x: Array) -> list[ExactRun]:
    """One run a sample, as the file's own batch is 1."""
    return [ExactRun(model, {input_name(model): sample[None]}) for sample in x]


def judge(graph: Graph, model: onnx.ModelProto, x: Array) -> list[ExactRun]:
    """Compare accumulators and codes of every linear layer, and the class, with exact arithmetic."""
    runs = exact_runs(model, x)
    arrays = outputs(graph, graph.run(x), taps=True)
    linear = {node.name: node for node in model.graph.node if node.op_type in LINEAR}
    layers = [linear[op.name] for op in graph.ops if op.name in linear]
    assert len(layers) == len(linear) == sum(name[3:].isdigit() for name in arrays if name.startswith("acc"))
    for number, node in enumerate(layers):
        acts, accs = arrays[f"act{number}"], arrays[f"acc{number}"]
        inside = inside_of_pad(runs[0], node.input[0])
        unit = activation_unit(inside, runs, acts)
        for k, run in enumerate(runs):
            assert equal(np.asarray(run[inside] / unit, object), acts[k]), f"{node.name}: codes of sample {k}"
            codes = np.asarray(run[node.input[0]] / unit, object)
            assert equal(accumulators(run, node, codes), accs[k]), f"{node.name}: accumulators of sample {k}"
    labels = [label(run, model) for run in runs]
    assert arrays["label"].tolist() == labels
    return runs


def inside_of_pad(run: ExactRun, tensor: str) -> str:
    """What a Pad before a layer pads: the layer's codes do not hold its zeros."""
    node = run.producers.get(tensor)
    return node.input[0] if node is not None and node.op_type == "Pad" else tensor


def activation_unit(tensor: str, runs: Sequence[ExactRun], acts: Array) -> Fraction:
    """Real value of one code of a layer's input: its quantizer's scale, or the ratio where branches have met."""
    quantizer = runs[0].quantizer(tensor)
    if quantizer is not None and runs[0][quantizer.input[1]].size == 1:
        return runs[0][quantizer.input[1]].reshape(-1)[0]
    values = np.stack([run[tensor].reshape(-1) for run in runs]).reshape(-1)
    for value, code in zip(values, acts.reshape(-1), strict=True):
        if code:
            assert value / Fraction(int(code)) > 0
            return value / Fraction(int(code))
    return Fraction(1)  # all are 0


def accumulators(run: ExactRun, node: onnx.NodeProto, codes: Array) -> Array:
    """Sums of weight code times activation code."""
    weights = run[node.input[1]] / run.scale(node.input[1])
    attributes = {a.name: attribute_value(a) for a in node.attribute if a.name != "alpha"}
    result = OPERATORS[node.op_type](Call([codes, weights], attributes, 13))
    assert not isinstance(result, tuple)
    return result


def equal(exact: Array, golden: Array) -> bool:
    return bool((exact.reshape(-1) == golden.reshape(-1)).all())


def label(run: ExactRun, model: onnx.ModelProto) -> int:
    """The class: what the file's ArgMax gives, or the first of the largest scores."""
    scores = run[model.graph.output[0].name].reshape(-1)
    return int(scores[0]) if scores.dtype != object else list(scores).index(max(scores))


@dataclass(frozen=True)
class Tie:
    """A value between two codes or classes, which float32 decided otherwise.

    Parameters
    ----------
    node : str
        The quantizer or comparison, or ``label``.
    sample, element : int
        Which value.
    distance : float
        Between the exact value and the edge, in code steps; 0 is an exact tie.
    """

    node: str
    sample: int
    element: int
    distance: float


def ties(model: onnx.ModelProto, runs: Sequence[ExactRun], x: Array) -> list[Tie]:
    """First differences between exact arithmetic and qonnx's executor, in each sample.

    The executor's tensors are float32. What it gets wrong is passed on, so only a sample's first wrong tensor counts.
    """
    expected = executed(for_executor(model, len(x)), x)
    stored = {tensor.name for tensor in model.graph.initializer}
    kinds = (*QUANTIZERS, "Trunc", "Sign", "GreaterOrEqual")
    quantizers = [node for node in model.graph.node if node.op_type in kinds and node.input[0] not in stored]
    found: list[Tie] = []
    for sample, run in enumerate(runs):
        for node in quantizers:
            exact, single = run[node.output[0]], expected[node.output[0]][sample]
            scale = np.broadcast_to(scale_of(run, node), exact.shape).reshape(-1)
            off = [
                k
                for k, (a, b) in enumerate(zip(exact.reshape(-1), single.reshape(-1), strict=True))
                if abs(a - Fraction(float(b))) > scale[k] / 2
            ]
            found += [Tie(node.name, sample, k, distance(run, node, k)) for k in off]
            if off:
                break
        else:
            found += wrong_label(model, run, expected, sample)
    return found


def wrong_label(model: onnx.ModelProto, run: ExactRun, single: Mapping[str, Array], sample: int) -> list[Tie]:
    """Tie of two scores, relative to the larger one, if the executor takes another class."""
    tensor = model.graph.output[0].name
    if run[tensor].dtype != object:
        tensor = run.producers[tensor].input[0]
    scores, chosen = run[tensor].reshape(-1), int(single[tensor][sample].argmax())
    best = max(scores)
    if list(scores).index(best) == chosen:
        return []
    return [Tie("label", sample, chosen, float(best - scores[chosen]) / (float(abs(best)) or 1.0))]


def scale_of(run: ExactRun, node: onnx.NodeProto) -> Array:
    """Step of a quantizer's values."""
    if node.op_type in ("Sign", "GreaterOrEqual"):
        return np.asarray(Fraction(1), object)
    return run[node.input[4 if len(node.input) == 6 else 1]]


def distance(run: ExactRun, node: onnx.NodeProto, element: int) -> float:
    """How far a quantizer's exact input is from the nearest edge between two codes.

    Edges lie at whole numbers of half a step, or of a part of it where low bits are dropped.
    """
    shape = run[node.input[0]].shape
    if node.op_type == "GreaterOrEqual":
        return abs(float((run[node.input[0]] - run[node.input[1]]).reshape(-1)[element]))
    value = run[node.input[0]].reshape(-1)[element] / np.broadcast_to(scale_of(run, node), shape).reshape(-1)[element]
    if node.op_type in ("BipolarQuant", "Sign"):
        return abs(float(value))
    halves = 2 * value + 2 * np.broadcast_to(run[node.input[2]], shape).reshape(-1)[element]
    return min(float(halves - floor(halves)), float(ceil(halves) - halves)) / 2


def for_executor(model: onnx.ModelProto, batch: int) -> onnx.ModelProto:
    """Model for a whole batch, in the words of qonnx's executor."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    stored = {tensor.name: tensor for tensor in copy.graph.initializer}
    inputs = [info for info in copy.graph.input if info.name not in stored]
    del copy.graph.input[:]
    copy.graph.input.extend(inputs)
    for info in (*copy.graph.input, *copy.graph.output):
        for batch_axis in info.type.tensor_type.shape.dim[:1]:
            batch_axis.dim_value = batch
    del copy.graph.value_info[:]
    for node in copy.graph.node:
        for attribute in node.attribute:
            if attribute.s.upper() == b"ROUND_TO_ZERO":
                attribute.s = b"DOWN"
    for name in {node.input[1] for node in copy.graph.node if node.op_type == "Reshape"} & set(stored):
        target = numpy_helper.to_array(stored[name]).copy()
        target[0] = batch
        stored[name].CopyFrom(numpy_helper.from_array(target, name))
    return copy


MANY = 60_000
"""Comparisons of a threshold above which sums between its changes are left out."""

ELEMENTWISE = ("BatchNormalization", "Add", "Sub", "Mul", "Div", "Relu", "Clip", "Sign", "Identity", "Dropout")


def check_thresholds(graph: Graph, model: onnx.ModelProto, name: str) -> int:
    """Compare a threshold with its quantizer, fed every sum that its layer can give.

    Where these are very many, only those next to a change of the threshold's own result, and the ends: both functions
    are monotone, so these decide all.

    Returns
    -------
    int
        Number of comparisons.
    """
    op = next(op for op in graph.ops if op.name == name)
    layer = next(node for node in model.graph.node if node.name == op.inputs[0])
    quantizer = next(node for node in model.graph.node if node.name == name)
    reach, shape = graph.types[layer.name].integers, graph.types[layer.name].shape
    sums = np.arange(reach.lo, reach.hi + 1, reach.step)
    sums = np.broadcast_to(sums[:, None], (len(sums), shape[0]))
    spatial = (1,) * (len(shape) - 1)
    if sums.size > MANY:
        result = op.golden(sums.reshape(*sums.shape, *spatial)).reshape(sums.shape)
        changes = [np.flatnonzero(np.diff(column)) for column in result.T]
        places = [np.unique([0, *place, *(place + 1), len(sums) - 1]) for place in changes]
        longest = max(map(len, places))
        sums = np.stack([sums[np.resize(place, longest), k] for k, place in enumerate(places)], axis=1)
    run = ExactRun(model, {})
    values = elementwise(mul, sums, result_scale(run, layer)) + bias(run, layer, shape[0])
    run = ExactRun(model, {layer.output[0]: values.reshape(*sums.shape, *spatial)})
    codes = run[quantizer.output[0]] / run.scale(quantizer.output[0])
    assert equal(codes, op.golden(sums.reshape(codes.shape))), name
    return sums.size


def follows(graph: Graph, model: onnx.ModelProto, name: str) -> bool:
    """Whether an op is a quantizer with nothing but functions of single elements between it and a linear layer."""
    nodes = {node.name: node for node in model.graph.node}
    producers = {output: node for node in model.graph.node for output in node.output}
    op = next(op for op in graph.ops if op.name == name)
    if name not in nodes or len(op.inputs) != 1 or op.inputs[0] not in nodes:
        return False
    node = producers.get(nodes[name].input[0])
    while node is not None and node.op_type in ELEMENTWISE:
        node = producers.get(node.input[0])
    return node is not None and node.op_type in LINEAR and node.name == op.inputs[0]


def result_scale(run: ExactRun, node: onnx.NodeProto) -> Array:
    """Real value of one unit of each channel's accumulator."""
    quantizer = run.quantizer(node.input[0])
    assert quantizer is not None, node.name
    unit = run[quantizer.input[1]].reshape(-1)[0]
    scale = run.scale(node.input[1])
    transposed = {a.name: attribute_value(a) for a in node.attribute}.get("transB", 0)
    rows = scale if node.op_type == "Conv" or transposed else scale.T
    alpha = {a.name: attribute_value(a) for a in node.attribute}.get("alpha", 1.0)
    return rows.reshape(len(rows), -1)[:, 0] * unit * Fraction(alpha)


def bias(run: ExactRun, node: onnx.NodeProto, channels: int) -> Array:
    """What a layer adds to each channel."""
    if len(node.input) < 3:
        return np.full(channels, Fraction(0))
    beta = {a.name: attribute_value(a) for a in node.attribute}.get("beta", 1.0)
    return np.broadcast_to(run[node.input[2]].reshape(-1) * Fraction(beta), (channels,))
