"""Broken and hostile files end in one `ModelError`, soon and without much memory."""

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from limited import refusal
from onnx import AttributeProto, GraphProto, NodeProto, TensorProto, helper
from qonnx_file import QonnxFile

from icepop.compiler.errors import ModelError
from icepop.compiler.frontend.load import load_graph
from icepop.compiler.ops.dense import Dense


def model() -> onnx.ModelProto:
    """A network with layers, normalizations, layouts, constants and a head."""
    rng = np.random.default_rng(0)
    m = QonnxFile((2, 4, 4))
    x = m.quant(m.node("Mul", "x", m.tensor(0.5)), 3, 0.25, name="q0")
    x = m.node("Conv", x, m.quant(m.tensor(rng.integers(-2, 2, (3, 2, 3, 3))), 2), name="conv", kernel_shape=[3, 3])
    x = m.node("MaxPool", m.quant(m.node("Relu", x), 2, 4.0, signed=0), kernel_shape=[2, 2])
    x = m.node("Concat", m.node("Flatten", x), m.node("Reshape", x, m.tensor([0, -1], dtype=np.int64)), axis=1)
    x = m.node("Gemm", x, m.quant(m.tensor(rng.integers(-2, 2, (6, 5))), 2), m.tensor(np.ones(5)), name="fc1")
    x = m.bipolar(m.normalize(x, np.ones(5), np.zeros(5), np.ones(5), np.ones(5), 1e-5), name="q1")
    x = m.dense(m.node("Clip", x, m.tensor(-1.0), m.tensor(1.0)), rng.choice([-1, 1], (5, 3)), "fc2")
    return m.proto(m.node("Softmax", m.node("Add", x, m.tensor(rng.normal(size=3)))))


def changed(proto: onnx.ModelProto, rng: random.Random) -> None:
    """One change that keeps the file a protocol buffer."""
    nodes, tensors = proto.graph.node, proto.graph.initializer
    node, tensor = rng.choice(nodes), rng.choice(tensors)
    names = [name for other in nodes for name in (*other.input, *other.output)]
    numbers = [0, 1, 2, -1, 3, 1 << 20, 1 << 40, -(1 << 63), (1 << 63) - 1]

    def attribute() -> None:
        if node.attribute:
            one = rng.choice(node.attribute)
            one.i, one.f = rng.choice(numbers), rng.choice([0.0, -1.0, 1e38, float("nan"), float("inf")])
            one.ints[:] = [rng.choice(numbers) for _ in range(rng.randrange(6))]
            one.s = rng.choice([b"", b"FLOOR", b"\xff", b"same_upper"])
            one.type = rng.choice([one.type, *AttributeProto.AttributeType.values()])

    def dims() -> None:
        tensor.dims[:] = [rng.choice(numbers) for _ in range(rng.randrange(5))]

    def kind() -> None:
        tensor.data_type = rng.choice(TensorProto.DataType.values())

    def values() -> None:
        raw = bytearray(tensor.raw_data)
        for _ in range(rng.randrange(1, 5)):
            if raw:
                raw[rng.randrange(len(raw))] = rng.choice([0, 127, 128, 255, rng.randrange(256)])
        tensor.raw_data = bytes(raw)

    def edge() -> None:
        if node.input:
            node.input[rng.randrange(len(node.input))] = rng.choice([*names, "", "nowhere"])

    def fewer_inputs() -> None:
        del node.input[rng.randrange(len(node.input)) :]

    def op() -> None:
        others = ["Slice", "Split", "Gather", "TopK", "Trunc", "Pow", "Sign"]
        node.op_type = rng.choice([rng.choice(nodes).op_type, *others])

    def order() -> None:
        swapped = list(nodes)
        rng.shuffle(swapped)
        del nodes[:]
        nodes.extend(swapped)

    def shape() -> None:
        for dim in proto.graph.input[0].type.tensor_type.shape.dim:
            dim.dim_value = rng.choice([dim.dim_value, *numbers[:7]])

    def output() -> None:
        proto.graph.output[0].name = rng.choice(names)

    rng.choice([attribute, attribute, dims, kind, values, edge, edge, fewer_inputs, op, op, order, shape, output])()


def test_changed_files_are_read_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    refused: list[str] = []
    read = 0
    for seed in range(400):
        rng, proto = random.Random(seed), model()
        for _ in range(rng.choice([1, 1, 2, 3])):
            if proto.graph.node and proto.graph.node[0].op_type:
                changed(proto, rng)
        path.write_bytes(proto.SerializeToString())
        try:
            graph = load_graph(path)
        except ModelError as error:
            refused.append(str(error))
        else:
            read += 1
            shape = graph.types[graph.input.name].shape
            if np.prod(shape) < 1 << 16:
                graph.run(np.zeros((2, *shape), np.float32))
    assert read > 30
    assert len(set(refused)) > 40


def chained(count: int, build: Callable[[QonnxFile, str], str], start: object) -> onnx.ModelProto:
    m = QonnxFile((4,))
    x = m.tensor(start)
    for _ in range(count):
        x = build(m, x)
    x = m.node("Reshape", x, m.tensor([4, -1], dtype=np.int64))
    return m.proto(m.node("MatMul", m.bipolar("x"), m.bipolar(x), name="fc"))


def doubled() -> onnx.ModelProto:
    """Each Concat doubles: 2**40 elements in a small file."""
    return chained(38, lambda m, x: m.node("Concat", x, x, axis=0), np.ones((4, 1)))


def outer() -> onnx.ModelProto:
    """A sum of a row and a column: 2**40 elements."""

    def build(m: QonnxFile, x: str) -> str:
        row = m.node("Reshape", x, m.tensor([1, -1], dtype=np.int64))
        column = m.node("Reshape", x, m.tensor([-1, 1], dtype=np.int64))
        return m.node("Reshape", m.node("Add", row, column), m.tensor([-1], dtype=np.int64))

    return chained(6, build, np.ones(4))


def gathered() -> onnx.ModelProto:
    def build(m: QonnxFile, x: str) -> str:
        return m.node("Gather", x, m.tensor(np.zeros((1 << 10, 1 << 10)), dtype=np.int64), axis=0)

    return chained(3, build, np.ones((4, 1)))


def filled() -> onnx.ModelProto:
    m = QonnxFile((4,))
    w = m.node("ConstantOfShape", m.tensor([1 << 20, 1 << 20], dtype=np.int64))
    return m.proto(m.node("MatMul", m.bipolar("x"), m.bipolar(w), name="fc"))


def input_of_2_40() -> onnx.ModelProto:
    m = QonnxFile((1 << 20, 1 << 20))
    return m.proto(m.dense(m.bipolar(m.node("Flatten", "x")), np.ones((4, 3)), "fc"))


def wide_weights() -> onnx.ModelProto:
    """A tensor that says it is large but has no data."""
    m = QonnxFile((4,))
    w = m.tensor([[1.0]])
    m.tensors[w].dims[:] = [1 << 20, 1 << 20]
    return m.proto(m.node("MatMul", m.bipolar("x"), m.bipolar(w), name="fc"))


def broadcast_activations() -> onnx.ModelProto:
    m = QonnxFile((1, 1 << 12, 1))
    x = m.node("Add", "x", m.tensor(np.zeros((1, 1, 1, 1 << 13))))
    return m.proto(m.dense(m.bipolar(m.node("Flatten", x)), np.ones((4, 3)), "fc"))


def sixteen_bits() -> onnx.ModelProto:
    """Thresholds of 65536 levels for each of many elements."""
    rng = np.random.default_rng(0)
    m = QonnxFile((1 << 14,))
    x = m.quant(m.node("Add", "x", m.tensor(rng.normal(size=1 << 14))), 16, 0.1)
    return m.proto(m.dense(x, np.ones((1 << 14, 3)), "fc"))


def padded() -> onnx.ModelProto:
    m = QonnxFile((1, 4, 4))
    w = m.bipolar(m.tensor(np.ones((1, 1, 3, 3))))
    return m.proto(m.node("Conv", m.bipolar("x"), w, name="conv", pads=[1 << 20] * 4, kernel_shape=[3, 3]))


def many_nodes() -> onnx.ModelProto:
    m = QonnxFile((4,))
    x = m.bipolar("x")
    for _ in range(40000):
        x = m.node("Identity", x)
    return m.proto(m.dense(x, np.ones((4, 3)), "fc"))


def deep_steps() -> onnx.ModelProto:
    """As many functions as a file may have before one quantizer."""
    m = QonnxFile((4,))
    x = m.dense(m.bipolar("x"), np.ones((4, 300)), "fc0")
    for _ in range(1000):
        x = m.node("Add", x, m.tensor(0.1))
    return m.proto(m.dense(m.bipolar(x), np.ones((300, 3)), "fc"))


def cycle() -> onnx.ModelProto:
    m = QonnxFile((4,))
    m.nodes.append(helper.make_node("Add", ["x", "b"], ["a"], name="first"))
    m.nodes.append(helper.make_node("Add", ["a", "x"], ["b"], name="second"))
    return m.proto(m.dense(m.bipolar("b"), np.ones((4, 3)), "fc"))


def recursion() -> onnx.ModelProto:
    """Graphs within graphs, as deep as the parser allows, and a loop."""
    proto = model()
    inner = GraphProto(name="inner")
    for _ in range(30):
        outer = GraphProto(name="outer")
        outer.node.append(NodeProto(op_type="If", attribute=[AttributeProto(name="then_branch", type=5, g=inner)]))
        inner = outer
    proto.graph.node.insert(0, NodeProto(op_type="If", name="if", output=["y"], attribute=inner.node[0].attribute))
    return proto


def heavy() -> onnx.ModelProto:
    """As many weights as a file may hold, and an error behind them."""
    rng = np.random.default_rng(0)
    m = QonnxFile((4090,))
    w = m.quant(m.tensor(rng.normal(size=(4090, 4090))), 8, 0.01)
    return m.proto(m.node("Nonsense", m.node("MatMul", m.quant("x", 4, 0.1), w)))


def many_functions() -> onnx.ModelProto:
    """Every element of the input with a parameter of its own."""
    rng = np.random.default_rng(0)
    m = QonnxFile((1 << 20,))
    x = m.bipolar(m.node("Add", "x", m.tensor(rng.normal(size=1 << 20))))
    return m.proto(m.dense(x, np.ones((1 << 20, 2)), "fc"))


def fractional_zero_points() -> onnx.ModelProto:
    m = QonnxFile((2000,))
    w = m.quant(m.tensor(np.ones((2000, 2000))), 8, 0.01, zero=0.5)
    return m.proto(m.node("MatMul", m.bipolar("x"), w))


def small_messages() -> "Raw":
    """Two million empty nodes: 4 MiB that a parser makes 200 of."""
    return Raw(part(7, b"\x0a\x00" * (1 << 21)))


def small_numbers() -> "Raw":
    """A shape of very many axes, each a byte."""
    return Raw(part(7, part(5, b"\x08\x01" * (1 << 21))))


def notes() -> onnx.ModelProto:
    proto = model()
    proto.doc_string = "x" * (1 << 23)
    return proto


class Raw:
    """Bytes that stand for a model."""

    def __init__(self, content: bytes):
        self.content = content

    def SerializeToString(self) -> bytes:
        return self.content


def part(field: int, content: bytes) -> bytes:
    """A field with a length, as protocol buffers encode it."""
    length, size = bytearray(), len(content)
    while size > 127:
        length.append(size & 127 | 128)
        size >>= 7
    return bytes([field << 3 | 2, *length, size]) + content


HOSTILE = [
    doubled, outer, gathered, filled, input_of_2_40, wide_weights, broadcast_activations, sixteen_bits, padded,
    many_nodes, cycle, recursion, heavy, many_functions, fractional_zero_points, small_messages, small_numbers, notes,
]  # fmt: skip


@pytest.mark.parametrize("build", HOSTILE, ids=lambda build: build.__name__)
def test_hostile_files_are_refused_within_10_seconds_and_1_gib(
    build: Callable[[], onnx.ModelProto], tmp_path: Path
) -> None:
    assert refusal(build(), tmp_path)


def test_a_long_chain_of_functions_is_read(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(deep_steps().SerializeToString())
    assert sum(isinstance(op, Dense) for op in load_graph(path).ops) == 2
