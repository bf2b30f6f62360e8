"""What single nodes do, and what is said about those that cannot be read."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from messages import says
from onnx import TensorProto, numpy_helper
from qonnx_file import QonnxFile, executed

from icepop.compiler.errors import ModelError
from icepop.compiler.frontend.load import load_graph
from icepop.compiler.graph import Graph
from icepop.compiler.types import BIPOLAR, Domain

RNG = np.random.default_rng(0)
W46 = RNG.choice([-1, 1], (4, 6))
W63 = RNG.choice([-1, 1], (6, 3))
X = (RNG.integers(-16, 17, (30, 4)) / 8).astype(np.float32)


def load(m: QonnxFile, output: str, tmp_path: Path) -> Graph:
    return load_graph(m.save(tmp_path / "model.onnx", output))


def acc(m: QonnxFile) -> str:
    """Accumulators of a first layer: 6 channels."""
    return m.dense(m.bipolar("x", name="q"), W46, "fc1")


def last(m: QonnxFile, act: str) -> str:
    """Last layer."""
    return m.dense(act, W63, "fc2")


def agrees(tmp_path: Path, middle: Callable[[QonnxFile, str], str], name: str) -> Graph:
    """Graph of a network with something between its layers, once its classes equal the executor's."""
    m = QonnxFile((4,), batch=len(X))
    output = last(m, middle(m, acc(m)))
    graph = load(m, output, tmp_path)
    results, expected = graph.run(X), executed(m.proto(output), X)
    assert (results["fc2"] > 0).any()
    assert (np.sign(expected[output]) == np.sign(results["fc2"])).all()
    assert (expected[output].argmax(axis=1) == results["argmax"][:, 0]).all()
    assert name in graph.types
    return graph


@pytest.mark.parametrize("bounds", [("", "high"), ("low", ""), ("low",), ("low", "high"), ()])
def test_clip_bounds_may_be_missing(bounds: tuple[str, ...], tmp_path: Path) -> None:
    """Without a lower bound the upper one is still the third input, behind an empty name."""

    def clipped(m: QonnxFile, x: str) -> str:
        m.tensor(-1.0, "low")
        m.tensor(1.0, "high")
        return m.quant(m.node("Clip", x, *bounds), 4, name="act")

    graph = agrees(tmp_path, clipped, "act")
    codes = graph.run(X)["act"]
    assert codes.min() == (-1 if "low" in bounds else -4)
    assert codes.max() == (1 if "high" in bounds else 4)


def test_bipolar_weights_of_zero_are_plus_one(tmp_path: Path) -> None:
    m = QonnxFile((4,))
    output = m.dense(m.bipolar("x"), [[0.0], [-0.0], [-1e-45], [3.0]], "fc")
    assert load(m, output, tmp_path).ops[2].weights.tolist() == [[1, 1, -1, 1]]


@pytest.mark.parametrize("attributes", [{"signed": 1, "narrow": 1}, {"signed": 1, "narrow": 0}])
def test_quant_of_one_signed_bit_is_bipolar(attributes: dict[str, int], tmp_path: Path) -> None:
    """QONNX's executor says so: {-1, 0} would be the other reading."""
    graph = agrees(tmp_path, lambda m, x: m.quant(x, 1, 0.5, name="act", **attributes), "act")
    assert graph.types["act"].domain == BIPOLAR
    m = QonnxFile((4,), batch=len(X))
    output = m.node("MatMul", m.bipolar("x"), m.quant(m.tensor(W46 / 3), 1, **attributes), name="fc")
    assert (load(m, output, tmp_path).ops[2].weights == W46.T).all()


@pytest.mark.parametrize("mode", ["ROUND", "round", "HALF_EVEN"])
def test_names_of_half_even(mode: str, tmp_path: Path) -> None:
    agrees(tmp_path, lambda m, x: m.quant(x, 3, 4.0, name="act", rounding_mode=mode), "act")


def test_weights_are_quantized_exactly(tmp_path: Path) -> None:
    """Ties to even, clipped to the range, less the zero point; an odd one moves the ties."""
    m = QonnxFile((7,))
    weights = np.array([[0.25, 0.75, -0.25, 1.25, 9, -9, 0.7501]]).T
    output = m.node("MatMul", m.bipolar("x"), m.quant(m.tensor(weights), 3, 0.5, name="w"), name="fc")
    assert load(m, output, tmp_path).ops[2].weights.tolist() == [[0, 2, 0, 2, 3, -4, 2]]
    m = QonnxFile((7,))
    output = m.node("MatMul", m.bipolar("x"), m.quant(m.tensor(weights), 3, 0.5, zero=1, signed=0), name="fc")
    assert load(m, output, tmp_path).ops[2].weights.tolist() == [[1, 1, -1, 3, 6, -1, 2]]


def test_a_comparison_is_a_quantizer_of_its_own(tmp_path: Path) -> None:
    graph = agrees(
        tmp_path,
        lambda m, x: m.node("Cast", m.node("GreaterOrEqual", x, m.tensor(1.0), name="ge"), to=TensorProto.FLOAT),
        "ge",
    )
    assert graph.types["ge"].domain == Domain(0, 1)


def test_the_choices_of_where_are_exact(tmp_path: Path) -> None:
    """In float32 the difference of the choices would be 1e8, and the lower one 0."""
    m = QonnxFile((4,))
    high, low = m.tensor(1e8), m.tensor(1.0)
    act = m.node("Where", m.node("GreaterOrEqual", acc(m), m.tensor(0.0)), high, low, name="act")
    graph = load(m, last(m, act), tmp_path)
    assert graph.types["act"].domain == Domain(0, 1)
    results = graph.run(X)
    exact = (1 + (10**8 - 1) * results["act"]) @ W63
    assert (results["argmax"][:, 0] == exact.argmax(axis=1)).all()


def test_where_may_fall(tmp_path: Path) -> None:
    graph = agrees(
        tmp_path,
        lambda m, x: m.node(
            "Where", m.node("GreaterOrEqual", x, m.tensor(1.0)), m.tensor(-1.0), m.tensor(1.0), name="act"
        ),
        "act",
    )
    assert graph.ops[3].sign.tolist() == [-1] * 6


def test_the_scale_of_activations_stays_exact(tmp_path: Path) -> None:
    """0.1 * 0.3 of float32 is no float32; the bias below is met exactly, and its float32 neighbour is not."""
    a, b = np.float32(0.1), np.float32(0.3)
    exact = Fraction(float(a)) * Fraction(float(b))
    m = QonnxFile((1,))
    x = m.quant(m.dense(m.bipolar("x"), [[1]], "fc1"), 2, a, name="act")
    x = m.node("Mul", x, m.tensor(b))
    x = m.node("MatMul", x, m.quant(m.tensor([[1.0]]), 2, name="w2"), name="fc2")
    # zero where the product is exact: the offset holds its float32 and what is left over
    rounded = np.float32(float(exact))
    x = m.node(
        "Sub", m.node("Sub", x, m.tensor(rounded)), m.tensor(np.float32(float(exact - Fraction(float(rounded)))))
    )
    output = m.dense(m.bipolar(x, name="act2"), [[1]], "fc3")
    thresholds = load(m, output, tmp_path).ops[5].thresholds
    assert exact != Fraction(float(rounded))
    assert thresholds.tolist() == [[1]]


def test_shape_takes_a_range_of_axes(tmp_path: Path) -> None:
    m = QonnxFile((2, 3), batch=5, opset=15)
    size = m.node("Concat", m.tensor([0], dtype=np.int64), m.node("Shape", m.tensor(np.ones((1, 6))), start=1), axis=0)
    output = m.dense(m.node("Reshape", m.bipolar("x"), size), W63, "fc")
    graph = load(m, output, tmp_path)
    x = RNG.normal(size=(5, 2, 3)).astype(np.float32)
    assert (graph.run(x)["fc"] == executed(m.proto(output), x)[output]).all()


def test_constants_may_be_cast(tmp_path: Path) -> None:
    """A cast to integers drops what is behind the point."""
    m = QonnxFile((4,))
    size = m.node("Cast", m.tensor([0.0, 4.9]), to=TensorProto.INT64)
    assert load(m, m.dense(m.bipolar(m.node("Reshape", "x", size)), W46, "fc"), tmp_path).types["fc"].shape == (6,)


@pytest.mark.parametrize(
    "constant",
    [{"value_float": 0.1}, {"value": numpy_helper.from_array(np.array(0.1, np.float32))}],
    ids=["float", "tensor"],
)
def test_constants_are_float32(constant: dict[str, object], tmp_path: Path) -> None:
    """Every step rounds, as ONNX does: in doubles the difference would be another number."""
    m = QonnxFile((4,))
    threshold = m.node("Sub", m.node("Mul", m.node("Constant", name="c", **constant), m.tensor(3.0)), m.tensor(0.3))
    x = m.node("Cast", m.node("GreaterOrEqual", "x", threshold), to=TensorProto.FLOAT)
    expected = np.float32(0.1) * np.float32(3) - np.float32(0.3)
    assert expected != np.float32(float(np.float32(0.1)) * 3 - float(np.float32(0.3)))
    assert (load(m, m.dense(x, W46, "fc"), tmp_path).ops[1].thresholds == expected).all()


def scores(m: QonnxFile) -> str:
    return last(m, m.bipolar(acc(m), name="act"))


def top(m: QonnxFile, x: str) -> str:
    """Class of a TopK, its second output."""
    m.node("TopK", x, m.tensor([1], dtype=np.int64), name="label")
    m.nodes[-1].output.append("label_class")
    return "label_class"


HEADS: dict[str, Callable[[QonnxFile, str], str]] = {
    "softmax": lambda m, x: m.node("Softmax", x),
    "topk argmax": lambda m, x: top(m, x),
    "softmax along 1": lambda m, x: m.node("LogSoftmax", x, axis=1),
    "argmax": lambda m, x: m.node("ArgMax", x, axis=1, name="label"),
    "argmax of softmax": lambda m, x: m.node("ArgMax", m.node("Softmax", x), axis=-1, keepdims=0, name="label"),
    "affine": lambda m, x: m.node("Add", m.node("Mul", x, m.tensor(0.5)), m.tensor([[1.0]])),
    "affine per class, all the same": lambda m, x: m.node("Div", x, m.tensor([0.5, 0.5, 0.5])),
    "batch normalization": lambda m, x: m.normalize(x, [2] * 3, [1] * 3, [0] * 3, [4] * 3, 0.0),
    "falling": lambda m, x: m.node("Mul", x, m.tensor(-0.25)),
    "constant": lambda m, x: m.node("Mul", x, m.tensor(0.0)),
    "biases": lambda m, x: m.node("Add", m.node("Mul", x, m.tensor(0.5)), m.tensor([0.75, -0.25, 1.0])),
    "falling, with biases": lambda m, x: m.node("Sub", m.tensor([0.5, -2.0, 0.0]), x),
    "scales": lambda m, x: m.node("Mul", x, m.tensor([0.5, 0.25, 2.0])),
    "scales of any sign and biases": lambda m, x: m.node(
        "Add", m.node("Mul", x, m.tensor([0.5, -0.25, 0.0])), m.tensor([0.25, 0.5, 1.0])
    ),
    "argmax of biases": lambda m, x: m.node(
        "ArgMax", m.node("Add", x, m.tensor([0.5, 0.0, 1.0])), axis=1, name="label"
    ),
    "softmax of scales": lambda m, x: m.node("Softmax", m.node("Mul", x, m.tensor([0.5, 1.0, 0.25]))),
    "normalized per class": lambda m, x: m.normalize(x, [2, -1, 1], [1, 0, 0.5], [0, 1, -1], [4, 1, 16], 0.0),
    "quantized, biased per class": lambda m, x: m.node("Add", m.quant(x, 2, 1.0), m.tensor([0.25, 0.0, 0.5])),
    "quantized": lambda m, x: m.quant(x, 2, 2.0, name="out"),
    "quantized, with ties": lambda m, x: m.bipolar(x, name="out"),
    "quantized per class": lambda m, x: m.quant(m.node("Mul", x, m.tensor([1.0, -1.0, 2.0])), 3, 2.0, name="out"),
}


@pytest.mark.parametrize("head", HEADS)
def test_heads_keep_the_class(head: str, tmp_path: Path) -> None:
    m = QonnxFile((4,), batch=len(X))
    output = HEADS[head](m, scores(m))
    is_label = "argmax" in head
    proto = m.proto(output, type=TensorProto.INT64 if is_label else TensorProto.FLOAT)
    path = tmp_path / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    expected = executed(proto, X)[output]
    expected = expected.reshape(-1) if is_label else expected.argmax(axis=1)
    graph = load_graph(path)
    assert (graph.run(X)[graph.output.name][:, 0] == expected).all()
    assert graph.output.name == ("label" if is_label else "argmax")


def no_scores(step: str) -> str:
    return (
        f"the scores behind layer 'fc2' must be affine functions of its results, or quantized, not {step}; "
        "remove what stands between the last layer and the model's output"
    )


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (lambda m, x: m.node("Pow", x, m.tensor(2.0)), no_scores("EvenPower")),
        (
            lambda m, x: m.node("Mul", m.node("Relu", x), m.tensor([1.0, 2.0, 1.0])),
            "the scores behind layer 'fc2' must be the same function of all classes from AtLeast on; "
            "quantize them, or remove what stands between the last layer and the model's output",
        ),
        (
            lambda m, x: m.node("TopK", x, m.tensor([2], dtype=np.int64), name="top"),
            "node 'top' (TopK) must give the 1 largest score, not 2",
        ),
        (
            lambda m, x: m.node("TopK", x, m.tensor([1], dtype=np.int64), name="top", largest=0),
            "node 'top' (TopK) must give the 1 largest score, not the 1 smallest",
        ),
        (
            lambda m, x: m.node("ArgMax", x, name="label"),
            "node 'label' (ArgMax) must run along the classes of a (1, classes) tensor, not along axis 0 of (1, 3)",
        ),
        (
            lambda m, x: m.node("Softmax", x, name="soft", axis=0),
            "node 'soft' (Softmax) must run along the classes of a (1, classes) tensor, not along axis 0 of (1, 3)",
        ),
        (
            lambda m, x: m.node("ArgMax", x, name="label", axis=1, select_last_index=1),
            "node 'label' (ArgMax): ties must go to the first index, not to the last",
        ),
        (
            lambda m, x: m.node("Add", m.node("ArgMax", x, axis=1), m.tensor(1, dtype=np.int64)),
            "the model's output must be what its ArgMax gives, unchanged",
        ),
        (
            lambda m, x: m.bipolar(m.node("Softmax", x), name="out"),
            "node 'fc3' (MatMul) cannot be read: nothing but ArgMax may follow a Softmax",
        ),
    ],
)
def test_heads_that_would_change_the_class(head: Callable[[QonnxFile, str], str], message: str, tmp_path: Path) -> None:
    m = QonnxFile((4,))
    output = head(m, scores(m))
    if output == "out_out":
        output = m.dense(output, np.ones((3, 2)), "fc3")
    with says(ModelError, message):
        load(m, output, tmp_path)


def test_classes_may_be_rearranged(tmp_path: Path) -> None:
    """A transpose of (2, 3) scores puts class 3 second."""
    m = QonnxFile((4,))
    x = m.node("Reshape", acc(m), m.tensor([0, 2, 3], dtype=np.int64))
    x = m.node("Reshape", m.node("Transpose", x, perm=[0, 2, 1]), m.tensor([0, 6], dtype=np.int64))
    results = load(m, x, tmp_path).run(X)
    order = np.arange(6).reshape(2, 3).T.reshape(-1)
    assert (results["argmax"][:, 0] == results["fc1"][:, order].argmax(axis=1)).all()


def quantizer(**options: object) -> Callable[[QonnxFile, str], str]:
    return lambda m, x: m.quant(x, **{"bits": 2, "name": "act", **options})


def normalize(variance: float, epsilon: float, **attributes: int) -> Callable[[QonnxFile, str], str]:
    def build(m: QonnxFile, x: str) -> str:
        parameters = (m.tensor(np.full(6, value)) for value in (1, 0, 0, variance))
        return m.bipolar(m.node("BatchNormalization", x, *parameters, name="bn", epsilon=epsilon, **attributes))

    return build


BROKEN: dict[str, Callable[[QonnxFile, str], str]] = {
    "node 'act' (Quant): the rounding mode must be one of ROUND, HALF_EVEN, FLOOR, CEIL, ROUND_TO_ZERO, DOWN, UP, "
    "HALF_UP, HALF_DOWN, not NEAREST": quantizer(rounding_mode="nearest"),
    "node 'act' (Quant): the bit width must be one integer from 1 to 16, not 17.0": quantizer(bits=17),
    "node 'act' (Quant): the bit width must be one integer from 1 to 16, not 2.5": quantizer(bits=2.5),
    "node 'act' (Quant): the scale must be positive, not -0.5": quantizer(scale=-0.5),
    "node 'act' (Quant): with 1 signed bit the zero point must be 0": quantizer(bits=1, zero=1),
    "node 'act' (BipolarQuant): the scale must be positive, not 0.0": lambda m, x: m.bipolar(x, 0.0, name="act"),
    "node 'act' (BipolarQuant): the scale must be a constant, not computed from the input": lambda m, x: m.node(
        "BipolarQuant", x, x, name="act", domain=m.domain
    ),
    "node 'act' (BipolarQuant) is supported on computed values only, not on constants": lambda m, x: m.bipolar(
        m.bipolar(m.tensor(1.0)), name="act"
    ),
    "node 'bn' (BatchNormalization): the variance must be positive, not -1.0": normalize(-1, 2),
    "node 'bn' (BatchNormalization): the variance must be positive, not 0.0": normalize(0, 0),
    "node 'bn' (BatchNormalization) is in training mode; export the model after eval()": normalize(
        1, 0, training_mode=1
    ),
    "node 'fc2' (MatMul) must read quantized values; put a BipolarQuant or Quant before it": lambda m, x: x,
    "node 'fc2' (MatMul) must multiply (1, K) by (K, N), not (1, 24) by (6, 3)": lambda m, x: m.node(
        "Flatten", m.node("Mul", m.node("Unsqueeze", m.bipolar(x), m.tensor([2], dtype=np.int64)), m.tensor(np.ones(4)))
    ),
    "node 'fc2' (MatMul) must multiply (1, K) by (K, N), not (2, 3) by (6, 3)": lambda m, x: m.node(
        "Reshape", m.bipolar(x), m.tensor([-1, 3], dtype=np.int64)
    ),
    "node 'mul' (Mul): the second input must be a constant, not computed from the input": lambda m, x: m.node(
        "Mul", x, x, name="mul"
    ),
    "node 'div' (Div) is not supported with this second input": lambda m, x: m.node(
        "Div", x, m.tensor([1, 1, 1, 0, 1, 1]), name="div"
    ),
    "node 'pow' (Pow) is not supported with this second input": lambda m, x: m.node(
        "Pow", x, m.tensor(1.5), name="pow"
    ),
    "node 'div' (Div) must have the computed value first": lambda m, x: m.node("Div", m.tensor(1.0), x, name="div"),
    "node 'div' (Div): the result of constants must be finite": lambda m, x: m.node(
        "Add", x, m.node("Div", m.tensor(1.0), m.tensor(0.0), name="div")
    ),
    "node 'pow' (Pow): the result of constants must be finite": lambda m, x: m.node(
        "Add", x, m.node("Pow", m.tensor(-1.0), m.tensor(0.5), name="pow")
    ),
    "node 'mul' (Mul): the result of constants must be finite": lambda m, x: m.node(
        "Add", x, m.node("Mul", m.tensor(3e38), m.tensor(3e38), name="mul")
    ),
    "node 'where' (Where): the condition must be a comparison with a constant": lambda m, x: m.node(
        "Where", m.bipolar(x), m.tensor(1.0), m.tensor(-1.0), name="where"
    ),
    "node 'cast' (Cast): computed values must stay float32, not become int32": lambda m, x: m.node(
        "Cast", x, name="cast", to=TensorProto.INT32
    ),
    "node 'add' (Add) cannot be read: parameters of shape (3, 6) do not belong to a tensor of shape (1, 6)": (
        lambda m, x: m.node("Add", x, m.tensor(np.ones((3, 6))), name="add")
    ),
    "node 'slice' (Slice) gives a tensor without elements; remove it": lambda m, x: m.node(
        "Slice", x, *(m.tensor([k], dtype=np.int64) for k in (3, 3, 1)), name="slice"
    ),
    "node 'act_weight' (Quant) gives a tensor without elements; remove it": lambda m, x: m.node(
        "MatMul", m.bipolar(x), m.quant(m.tensor(np.ones((6, 0))), 2, name="act_weight")
    ),
    "node 'relu' (Relu) cannot be read: list index out of range": lambda m, x: m.node("Relu", name="relu"),
    "node 'flip' (Transpose) cannot be read: axes don't match array": lambda m, x: m.node(
        "Transpose", x, name="flip", perm=[0, 1, 2]
    ),
    "node 'gather' (Gather): the index must be a constant, not computed from the input": lambda m, x: m.node(
        "Gather", x, x, name="gather"
    ),
}


@pytest.mark.parametrize("message", BROKEN)
def test_nodes_that_cannot_be_read(message: str, tmp_path: Path) -> None:
    m = QonnxFile((4,))
    output = last(m, BROKEN[message](m, acc(m)))
    with says(ModelError, message):
        load(m, output, tmp_path)


@pytest.mark.parametrize("op", ["MatMul", "Gemm"])
def test_weights_must_be_quantized(op: str, tmp_path: Path) -> None:
    m = QonnxFile((4,))
    output = m.node(op, m.bipolar("x"), m.tensor(W46), name="fc")
    with says(ModelError, f"node 'fc' ({op}): the weights must be quantized by BipolarQuant or Quant"):
        load(m, output, tmp_path)


@pytest.mark.parametrize("op", ["MatMul", "Gemm"])
def test_weights_must_not_have_a_scale_for_each_input(op: str, tmp_path: Path) -> None:
    m = QonnxFile((4,))
    output = m.node(op, m.bipolar("x"), m.bipolar(m.tensor(W46), [[1], [2], [1], [1]]), name="fc")
    with says(ModelError, f"node 'fc' ({op}): a weight scale must be per tensor or per output channel"):
        load(m, output, tmp_path)


def test_the_batch_must_not_be_reshaped_away(tmp_path: Path) -> None:
    m = QonnxFile((4,))
    rows = m.node("Reshape", m.bipolar("x"), m.tensor([-1, 2], dtype=np.int64))
    with says(ModelError, "node 'fc' (MatMul) must multiply (1, K) by (K, N), not (2, 2) by (2, 3)"):
        load(m, m.dense(rows, np.ones((2, 3)), "fc"), tmp_path)
