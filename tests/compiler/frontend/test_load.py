"""The golden run against qonnx's own executor, tensor by tensor.

Data and parameters are short binary fractions, so that the executor's float32 arithmetic is exact too, ties included.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from judge import judge
from messages import says
from qonnx_file import QONNX, QonnxFile, executed

from icepop.compiler.errors import ModelError
from icepop.compiler.frontend.load import load_graph
from icepop.compiler.graph import Graph
from icepop.compiler.ops.dense import Dense
from icepop.compiler.types import BIPOLAR, Domain

BATCH = 40
SHARED = Path(__file__).parents[3].parent / "shared"
Rng = np.random.Generator
Network = Callable[[QonnxFile, Rng], str]


def signs(rng: Rng, rows: int, columns: int) -> np.ndarray:
    return rng.choice([-1, 1], (rows, columns))


def normalized(m: QonnxFile, rng: Rng, x: str, channels: int) -> str:
    """Batch normalization with falling, constant and rising channels, squares for variances and many ties."""
    gamma = rng.choice([-2, -1, -0.5, 0, 0.5, 1, 3], channels)
    mean, beta = rng.integers(-3, 4, channels), rng.integers(-4, 5, channels) / 2
    return m.normalize(x, gamma, beta, mean, rng.choice([0.25, 1, 4, 16], channels), 0.0)


def binary(m: QonnxFile, rng: Rng) -> str:
    """Binary layers, batch normalization and a scale behind the last layer."""
    x = m.bipolar(m.node("Flatten", "x"), name="q0")
    x = normalized(m, rng, m.dense(x, signs(rng, 24, 9), "fc1"), 9)
    x = normalized(m, rng, m.dense(m.bipolar(x, 0.5, name="q1"), signs(rng, 9, 7), "fc2"), 7)
    x = m.dense(m.bipolar(x, name="q2"), signs(rng, 7, 5), "fc3")
    return m.node("Add", m.node("Mul", x, m.tensor(0.125)), m.tensor(-0.5))


def integers(m: QonnxFile, rng: Rng) -> str:
    """Quant in all its forms: signed, unsigned, narrow, with zero points, and half-even ties."""
    x = m.node("Flatten", m.quant("x", 4, 0.25, name="q0"))
    weights = m.quant(m.tensor(rng.integers(-4, 5, (24, 9)) / 4), 3, 0.25, narrow=1, name="w1")
    x = m.node("MatMul", x, weights, name="fc1")
    x = m.quant(normalized(m, rng, x, 9), 3, 0.5, zero=2, signed=0, name="q1")
    weights = m.quant(m.tensor(rng.integers(-1, 2, (9, 7))), 2, 1.0, narrow=1, name="w2")
    x = m.quant(m.node("MatMul", x, weights, name="fc2"), 2, 4.0, narrow=1, name="q2")
    weights = m.quant(m.tensor(rng.integers(-8, 8, (7, 5))), 4, 1.0, name="w3")
    return m.node("MatMul", x, weights, name="fc3")


def rectified(m: QonnxFile, rng: Rng) -> str:
    """Gemm with bias and per channel weight scales, Relu, Clip, unsigned Quant."""
    x = m.quant(m.node("Flatten", "x"), 3, 0.25, signed=0, narrow=1, name="q0")
    scales = rng.choice([0.25, 0.5, 1, 2], (9, 1))
    weights = m.quant(m.tensor(rng.integers(-7, 8, (9, 24)) * scales / 2), 4, scales, name="w1")
    bias = m.tensor(rng.integers(-8, 9, 9) / 4)
    x = m.node("Gemm", x, weights, bias, name="fc1", transB=1, alpha=0.5, beta=2.0)
    x = m.quant(m.node("Relu", x), 3, 1.0, signed=0, name="q1")
    x = m.node("Gemm", x, m.bipolar(m.tensor(signs(rng, 9, 7)), 0.5), m.tensor(np.zeros(7)), name="fc2")
    x = m.quant(clipped(m, x, -1.5, 3.5), 4, 0.5, name="q2")
    return m.node("Gemm", x, m.bipolar(m.tensor(signs(rng, 5, 7))), m.tensor(np.full(5, 3)), name="fc3", transB=1)


def clipped(m: QonnxFile, x: str, low: float, high: float) -> str:
    if m.opset < 11:
        return m.node("Clip", x, min=low, max=high)
    return m.node("Clip", x, m.tensor(low), m.tensor(high))


def thermometer(m: QonnxFile, rng: Rng) -> str:
    """An encoder of standard ops, whose levels differ from input to input."""
    x = m.node("Reshape", "x", m.tensor([0, 24, 1], dtype=np.int64))
    thresholds = np.sort(rng.integers(-12, 13, (24, 3)) / 4, axis=1)
    if m.opset < 12:
        return binary(m, rng)
    x = m.node("GreaterOrEqual", x, m.tensor(thresholds))
    x = m.node("Where", x, m.tensor(1), m.tensor(-1), name="bits")
    x = m.node("Reshape", x, m.tensor([0, -1], dtype=np.int64))
    x = m.dense(x, signs(rng, 72, 9), "fc1")
    return m.dense(m.bipolar(m.node("Sub", x, m.tensor(rng.integers(-4, 5, 9))), name="q1"), signs(rng, 9, 5), "fc2")


def layouts(m: QonnxFile, rng: Rng) -> str:
    """Transposes, reshapes and a shape computed from the input's."""
    x = m.quant("x", 2, 1.0, name="q0")
    x = m.node("Transpose", x, perm=[0, 2, 3, 1])
    size = m.node("Gather", m.node("Shape", x), m.tensor(0, dtype=np.int64), axis=0)
    axis = (m.tensor([0], dtype=np.int64),) if m.opset >= 13 else ()
    size = m.node("Unsqueeze", size, *axis, **({} if axis else {"axes": [0]}))
    x = m.node("Reshape", x, m.node("Concat", size, m.tensor([-1], dtype=np.int64), axis=0))
    x = m.dense(m.node("Identity", x), signs(rng, 24, 9), "fc1")
    weights = m.node("Transpose", m.bipolar(m.tensor(signs(rng, 5, 9))), perm=[1, 0])
    return m.node("MatMul", m.bipolar(x, name="q1"), weights, name="fc2")


def arithmetic(m: QonnxFile, rng: Rng) -> str:
    """Every order of operands, constants of constants, and functions behind a quantizer."""
    x = m.node("Mul", m.tensor(2.0), m.node("Flatten", "x"))
    x = m.node("Add", m.tensor(rng.integers(-4, 5, (1, 24))), m.node("Sub", x, m.tensor(1.0)))
    half = m.node("Div", m.tensor(1.0), m.node("Pow", m.tensor(4.0), m.tensor(0.5)))
    x = m.quant(m.node("Div", m.node("Mul", x, half), m.tensor(0.5)), 3, 1.0, name="q0")
    x = m.dense(x, signs(rng, 24, 9), "fc1")
    x = m.node("Sub", m.tensor(rng.integers(-4, 5, 9)), x)
    x = m.quant(x, 1, 4.0, signed=0, name="q1")
    x = m.node("Sub", m.node("Mul", x, m.tensor(2.0)), m.tensor(4.0))  # {0, 4} to {-4, 4}
    return m.dense(x, signs(rng, 9, 5), "fc2")


NETWORKS = [binary, integers, rectified, thermometer, layouts, arithmetic]


def data(rng: Rng, batch: int = BATCH) -> np.ndarray:
    return (rng.integers(-24, 25, (batch, 2, 3, 4)) / 8).astype(np.float32)


def is_multiple(values: np.ndarray, codes: np.ndarray) -> bool:
    """Whether real values are codes times a positive number for each channel."""
    values, codes = (array.reshape(-1, array.shape[-1]).astype(np.float64) for array in (values, codes))
    nonzero = codes != 0
    ratio = np.divide(values, codes, out=np.zeros_like(values), where=nonzero).max(axis=0)
    return bool((ratio[nonzero.any(axis=0)] > 0).all() and (values == codes * ratio).all())


def check(model: QonnxFile, output: str, path: Path, x: np.ndarray) -> Graph:
    """Compare every layer's accumulators and codes, and the class."""
    expected = executed(model.proto(output), x)
    graph = load_graph(model.save(path, output))
    results = graph.run(x)
    nodes = {node.name: node for node in model.nodes}
    for op in graph.ops:
        if isinstance(op, Dense):
            node, act = nodes[op.name], results[op.inputs[0]]
            assert is_multiple(expected[node.input[0]].reshape(act.shape), act), op.inputs[0]
            if node.op_type == "MatMul":  # a Gemm adds its bias; the next layer's input shows it
                assert is_multiple(expected[node.output[0]], results[op.name]), op.name
    scores = expected[output].reshape(len(x), -1)
    assert (results["argmax"][:, 0] == scores.argmax(axis=1)).all()
    return graph


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("network", NETWORKS)
def test_every_tensor_equals_the_executors(network: Network, seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    model = QonnxFile((2, 3, 4), batch=BATCH)
    check(model, network(model, rng), tmp_path / "model.onnx", data(rng))


@pytest.mark.parametrize("opset", [9, 10, 11, 12, 14, 17, 20])
@pytest.mark.parametrize("network", NETWORKS)
def test_other_opsets_are_read(network: Network, opset: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(opset)
    model = QonnxFile((2, 3, 4), batch=BATCH, opset=opset)
    check(model, network(model, rng), tmp_path / "model.onnx", data(rng))


@pytest.mark.parametrize("turned", [0, 1])
def test_a_gemm_may_turn_its_first_input_back(turned: int, tmp_path: Path) -> None:
    """A batch of 1 that a Transpose has turned to a column, with weights that are turned or not."""
    rng = np.random.default_rng(turned)
    m, x = QonnxFile((24,)), data(rng).reshape(BATCH, 24)
    column = m.node("Transpose", m.quant("x", 3, 0.25, name="q0"), perm=[1, 0])
    weights = m.quant(m.tensor(rng.integers(-7, 8, (5, 24) if turned else (24, 5)) / 2), 4, 0.5)
    output = m.node("Gemm", column, weights, m.tensor(rng.integers(-8, 9, 5) / 4), transA=1, transB=turned, name="fc")
    results = load_graph(m.save(tmp_path / "model.onnx", output)).run(x)
    for k in range(BATCH):
        scores = executed(m.proto(output), x[k : k + 1])[output]
        assert results["argmax"][k, 0] == scores.argmax()
    judge(load_graph(tmp_path / "model.onnx"), m.proto(output), x[:4])


@pytest.mark.parametrize("domain", ["onnx.brevitas", "finn.custom_op.general"])
@pytest.mark.parametrize("network", NETWORKS)
def test_older_names_of_qonnx_are_read(network: Network, domain: str, tmp_path: Path) -> None:
    def golden(domain: str) -> dict[str, np.ndarray]:
        model = QonnxFile((2, 3, 4), domain=domain)
        path = model.save(tmp_path / "model.onnx", network(model, np.random.default_rng(1)))
        return load_graph(path).run(data(np.random.default_rng(2)))

    expected, results = golden(QONNX), golden(domain)
    assert all((results[name] == expected[name]).all() for name in expected)


@pytest.mark.parametrize("network", NETWORKS)
def test_the_batch_in_the_file_does_not_matter(network: Network, tmp_path: Path) -> None:
    outputs = []
    for batch in (1, BATCH):
        model = QonnxFile((2, 3, 4), batch=batch)
        path = model.save(tmp_path / "model.onnx", network(model, np.random.default_rng(1)))
        outputs.append(load_graph(path).run(data(np.random.default_rng(2)))["argmax"])
    assert (outputs[0] == outputs[1]).all()


@pytest.mark.parametrize("network", NETWORKS)
def test_parameters_may_be_listed_as_inputs(network: Network, tmp_path: Path) -> None:
    model = QonnxFile((2, 3, 4))
    output = network(model, np.random.default_rng(1))
    x = data(np.random.default_rng(2))
    runs = [
        load_graph(model.save(tmp_path / "model.onnx", output, parameters_as_inputs=listed)).run(x)
        for listed in (False, True)
    ]
    assert (runs[0]["argmax"] == runs[1]["argmax"]).all()


def test_the_graph_of_a_network(tmp_path: Path) -> None:
    """Names are the file's, and every quantizer has become one op."""
    model = QonnxFile((2, 3, 4), batch=BATCH)
    rng = np.random.default_rng(0)
    graph = check(model, thermometer(model, rng), tmp_path / "model.onnx", data(rng))
    assert [(op.name, type(op).__name__, graph.types[op.name].domain) for op in graph.ops] == [
        ("x", "Input", None),
        ("bits", "Encode", BIPOLAR),
        ("fc1", "Dense", Domain(-72, 72, 2)),
        ("q1", "Threshold", BIPOLAR),
        ("fc2", "Dense", Domain(-9, 9, 2)),
        ("argmax", "ArgMax", Domain(0, 4)),
    ]


@pytest.mark.parametrize("seed", range(4))
def test_generic_parameters(seed: int, tmp_path: Path) -> None:
    """Parameters of any digits: no accumulator comes so near a threshold that float32 decides otherwise."""
    rng = np.random.default_rng(seed)
    m = QonnxFile((2, 3, 4), batch=BATCH)
    x = m.quant(m.node("Mul", "x", m.tensor(1.7)), 3, 0.37, name="q0")
    x = m.dense(m.node("Flatten", x), signs(rng, 24, 9), "fc1")
    gamma, beta, mean = rng.normal(size=(3, 9))
    x = m.normalize(x, gamma, beta, mean * 5, rng.uniform(1, 50, 9), 1e-5)
    x = m.dense(m.bipolar(x, 0.3, name="q1"), signs(rng, 9, 5), "fc2")
    path, output = tmp_path / "model.onnx", m.node("Mul", x, m.tensor(0.7))
    values = data(rng)
    expected, results = executed(m.proto(output), values), load_graph(m.save(path, output)).run(values)
    assert (np.sign(expected["q1_out"]) == results["q1"]).all()
    assert (np.round(expected["q0_out"] / np.float32(0.37)).reshape(BATCH, -1) == results["q0"]).all()


@pytest.fixture(scope="module")
def mnist() -> tuple[np.ndarray, np.ndarray]:
    """MNIST's test images as floats in [0, 1], and their labels."""
    if not (SHARED / "cases" / "TFC_1W1A.onnx").exists():
        pytest.skip(f"{SHARED} does not hold TFC_1W1A.onnx and mnist.npz")
    with np.load(SHARED / "data" / "mnist.npz") as file:
        return (file["x_test"].astype(np.float32) / np.float32(255))[:, None], file["y_test"]


def test_tfc_reaches_its_accuracy_on_mnist(mnist: tuple[np.ndarray, np.ndarray]) -> None:
    """FINN's TFC-W1A1 as Brevitas wrote it in 2021: opset 9, domain onnx.brevitas, a computed reshape."""
    x, y = mnist
    labels = load_graph(SHARED / "cases" / "TFC_1W1A.onnx").run(x)["argmax"][:, 0]
    assert int((labels == y).sum()) == 9296


def test_tfc_equals_the_executor(mnist: tuple[np.ndarray, np.ndarray]) -> None:
    x, path = mnist[0][:50], SHARED / "cases" / "TFC_1W1A.onnx"
    model = onnx.load(path)
    for node in model.graph.node:
        node.domain = QONNX if node.domain else ""
    model.opset_import.append(onnx.helper.make_opsetid(QONNX, 1))
    results = load_graph(path).run(x)
    runs = [executed(model, x[k : k + 1]) for k in range(len(x))]  # the file says that the batch is 1
    for node in model.graph.node:
        if node.op_type == "MatMul":
            acc = np.concatenate([run[node.output[0]] for run in runs])
            assert is_multiple(acc, results[node.name]), node.name
    logits = np.concatenate([run[model.graph.output[0].name] for run in runs])
    assert (logits.argmax(axis=1) == results["argmax"][:, 0]).all()


def small() -> QonnxFile:
    return QonnxFile((4,))


def whole(m: QonnxFile) -> str:
    return m.dense(m.bipolar("x", name="q"), np.ones((4, 3)), "fc")


def load(m: QonnxFile, output: str, tmp_path: Path) -> Graph:
    return load_graph(m.save(tmp_path / "model.onnx", output))


SUPPORTED = (
    "Add, ArgMax, AveragePool, BatchNormalization, BipolarQuant, Cast, Clip, Concat, Constant, ConstantOfShape, "
    "Conv, Div, Dropout, Flatten, Gather, Gemm, GlobalAveragePool, GreaterOrEqual, Identity, LogSoftmax, MatMul, "
    "MaxPool, Mul, Neg, Pad, Pow, Quant, ReduceMean, ReduceSum, Relu, Reshape, Shape, Sign, Slice, Softmax, Split, "
    "Squeeze, Sub, TopK, Transpose, Trunc, Unsqueeze, Where"
)


@pytest.mark.parametrize(("op", "domain"), [("LSTM", ""), ("IntQuant", QONNX), ("Relu", "com.example"), ("Loop", "")])
def test_an_op_that_is_not_supported_is_named(op: str, domain: str, tmp_path: Path) -> None:
    m = small()
    message = f"node 'odd one' has op type '{op}', which is not supported; supported are: {SUPPORTED}"
    with says(ModelError, message):
        load(m, m.node(op, whole(m), name="odd one", domain=domain), tmp_path)


def test_a_node_without_a_name_is_named_by_its_output(tmp_path: Path) -> None:
    m = small()
    m.node("Loop", whole(m), name="loop")
    m.nodes[-1].ClearField("name")
    with says(ModelError, f"node 'loop_out' has op type 'Loop', which is not supported; supported are: {SUPPORTED}"):
        load(m, "loop_out", tmp_path)


def test_a_tensor_that_nothing_gives(tmp_path: Path) -> None:
    m = small()
    with says(ModelError, "node 'relu' (Relu) reads 'nowhere', which nothing before it gives"):
        load(m, m.node("Relu", "nowhere", name="relu"), tmp_path)
    with says(ModelError, "the model's output 'nowhere' is not computed by any node"):
        load(m := small(), (whole(m), "nowhere")[1], tmp_path)


def test_attributes_must_be_finite(tmp_path: Path) -> None:
    m = small()
    x = m.node("Gemm", m.bipolar("x"), m.bipolar(m.tensor(np.ones((4, 3)))), name="fc", alpha=float("nan"))
    with says(ModelError, "node 'fc': attribute 'alpha' must be finite, not nan"):
        load(m, x, tmp_path)
    m = small()
    x = m.node("Mul", whole(m), m.node("Constant", value_floats=[1.0, float("inf"), 1.0], name="c"))
    with says(ModelError, "node 'c': attribute 'value_floats' must be finite, not [1.0, inf, 1.0]"):
        load(m, x, tmp_path)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_parameters_must_be_finite(value: str, tmp_path: Path) -> None:
    weights = np.ones((4, 3))
    weights[2, 1] = float(value)
    m = small()
    m.tensor(weights, "fc.weight")
    output = m.node("MatMul", m.bipolar("x"), m.bipolar("fc.weight"), name="fc")
    with says(ModelError, f"tensor 'fc.weight' must be finite, not {value} at index [2, 1]"):
        load(m, output, tmp_path)
    m = small()
    tensor = onnx.numpy_helper.from_array(weights.astype(np.float32))
    output = m.node("MatMul", m.bipolar("x"), m.bipolar(m.node("Constant", value=tensor, name="w")), name="fc")
    with says(ModelError, f"tensor 'w.value' must be finite, not {value} at index [2, 1]"):
        load(m, output, tmp_path)


def declared(m: QonnxFile, output: str, path: Path, *inputs: onnx.ValueInfoProto) -> Path:
    """File with other inputs than `QonnxFile` declares."""
    model = m.proto(output)
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "the model must have one input, not 0 (none)"),
        ({"a": (1, [1, 4]), "x": (1, [1, 4])}, "the model must have one input, not 2 ('a', 'x')"),
        ({"x": (7, [1, 4])}, "the model's input 'x' must be float32"),
        ({"x": (1, [1, "features"])}, "the model's input 'x' must have a fixed shape behind the batch, not (0,)"),
        ({"x": (1, [4])}, "the model's input 'x' must have a fixed shape behind the batch, not ()"),
        ({"x": (1, None)}, "the model's input 'x' must have a fixed shape behind the batch, not ()"),
        (
            {"x": (1, [1, 4096, 4097])},
            "the model's input 'x' must have a fixed shape behind the batch, not (4096, 4097)",
        ),
    ],
)
def test_the_input_must_be_one_float_tensor_of_fixed_shape(
    inputs: dict[str, tuple[int, list[int | str] | None]], message: str, tmp_path: Path
) -> None:
    m = small()
    infos = [onnx.helper.make_tensor_value_info(name, *declaration) for name, declaration in inputs.items()]
    with says(ModelError, message):
        load_graph(declared(m, whole(m), tmp_path / "model.onnx", *infos))


def test_a_batch_without_a_size_is_fine(tmp_path: Path) -> None:
    m = small()
    info = onnx.helper.make_tensor_value_info("x", 1, ["N", 4])
    assert load_graph(declared(m, whole(m), tmp_path / "model.onnx", info)).types["x"].shape == (4,)


def test_a_network_needs_a_layer(tmp_path: Path) -> None:
    message = "the model must hold a layer with quantized weights: MatMul, Gemm or Conv"
    for output in ("x", "bipolar"):
        m = small()
        with says(ModelError, message):
            load(m, m.node("Identity", m.bipolar("x") if output == "bipolar" else "x"), tmp_path)


def test_the_output_must_depend_on_the_input(tmp_path: Path) -> None:
    m = small()
    whole(m)
    with says(ModelError, "the model's output does not depend on its input"):
        load(m, m.node("Identity", m.tensor([1.0])), tmp_path)


def test_a_branch_that_leads_nowhere(tmp_path: Path) -> None:
    m = small()
    q = m.bipolar("x", name="q")
    output = m.dense(q, np.ones((4, 3)), "fc")
    m.dense(q, np.ones((4, 2)), "dead")
    with says(ModelError, "layer 'dead' does not lead to the model's output; remove it from the file"):
        load(m, output, tmp_path)


def test_the_output_must_be_one_tensor(tmp_path: Path) -> None:
    m = small()
    model = m.proto(whole(m))
    second = onnx.helper.make_tensor_value_info(model.graph.node[0].output[0], onnx.TensorProto.FLOAT, None)
    model.graph.output.append(second)
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    names = f"'{model.graph.output[0].name}', '{second.name}'"
    with says(ModelError, f"the model must have one output, not 2 ({names}); remove the others from the file"):
        load_graph(path)
