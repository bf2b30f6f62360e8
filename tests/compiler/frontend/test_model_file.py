import random
from pathlib import Path

import numpy as np
import onnx
import pytest
from messages import says
from onnx import TensorProto, numpy_helper
from qonnx_file import QonnxFile

from icepop.compiler.errors import ModelError
from icepop.compiler.frontend.load import load_graph
from icepop.compiler.frontend.model_file import read_model, tensor_value
from icepop.compiler.passes.lower import lower


def network() -> bytes:
    """A model with most kinds of nodes."""
    rng = np.random.default_rng(0)
    m = QonnxFile((2, 3))
    x = m.quant(m.node("Mul", m.node("Flatten", "x"), m.tensor(0.5)), 3, 0.5, zero=1, name="q0")
    x = m.node("Gemm", x, m.quant(m.tensor(rng.integers(-2, 2, (6, 5))), 2), m.tensor(np.ones(5)), name="fc1")
    x = m.node("Clip", m.node("Relu", x), "", m.tensor(7.0))
    x = m.bipolar(m.normalize(x, np.ones(5), np.zeros(5), np.ones(5), np.ones(5), 1e-5), name="q1")
    x = m.dense(m.node("Reshape", x, m.tensor([0, -1], dtype=np.int64)), rng.choice([-1, 1], (5, 3)), "fc2")
    return m.proto(m.node("Softmax", x)).SerializeToString()


def test_a_good_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(network())
    assert [node.name for node in read_model(path).graph.node][-1] == "Softmax_12"
    assert load_graph(path).output.name == "argmax"


def test_no_file(tmp_path: Path) -> None:
    for path in (tmp_path / "model.onnx", tmp_path):
        with says(ModelError, f"no model file '{path}'; 'icepop train' writes one"):
            read_model(path)


@pytest.mark.parametrize(
    "content", [b"%PDF-1.7 something else", b"PK\x03\x04" + bytes(100), b"\x80\x04\x95cposix\nsystem\n", b"\xff" * 50]
)
def test_not_onnx(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with says(ModelError, f"'{path}' is not an ONNX file, or is cut off; export it again"):
        read_model(path)


def test_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.touch()
    message = f"'{path}' is not an ONNX file, or is cut off: it holds no network; export it again"
    with says(ModelError, message):
        read_model(path)
    path.write_bytes(onnx.ModelProto(ir_version=8, producer_name="something").SerializeToString())
    with says(ModelError, message):
        read_model(path)


def test_a_file_cut_off_anywhere(tmp_path: Path) -> None:
    """However much is left of it, it is never taken for a network."""
    path, content = tmp_path / "model.onnx", network()
    model = onnx.ModelProto.FromString(content)
    del model.opset_import[:]  # they come last
    for end in range(1, len(model.SerializeToString()), 7):
        path.write_bytes(content[:end])
        with pytest.raises(ModelError):
            load_graph(path)
    path.write_bytes(content[: len(content) // 2])
    with says(ModelError, f"'{path}' is not an ONNX file, or is cut off; export it again"):
        load_graph(path)


def test_a_file_that_is_too_large_is_not_even_read(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    with path.open("wb") as file:
        file.truncate((1 << 26) + 1)  # sparse: takes no space
    with says(ModelError, f"model file '{path}' has 67108865 bytes, but at most 67108864 (64 MiB) are read"):
        read_model(path)


def test_a_changed_file_is_read_or_refused(tmp_path: Path) -> None:
    """Files with flipped, set and missing bytes: a network that runs, or a `ModelError`, and nothing else."""
    rng = random.Random(0)
    path, content = tmp_path / "model.onnx", network()
    outcomes = []
    for _ in range(300):
        changed = bytearray(content)
        for _ in range(rng.choice([1, 1, 2, 5])):
            at = rng.randrange(len(changed))
            changed[at] = rng.choice([0, 1, 255, rng.randrange(256), changed[at] ^ (1 << rng.randrange(8))])
            if rng.random() < 0.2:
                del changed[at]
        path.write_bytes(changed)
        try:
            graph = load_graph(path)
        except ModelError as error:
            outcomes.append(str(error))
        else:
            x = np.zeros((2, *graph.types[graph.input.name].shape), np.float32)
            assert (lower(graph).run(x)["argmax"] == graph.run(x)["argmax"]).all()
    assert 50 < len(outcomes) < 275
    assert len(set(outcomes)) > 20


def test_values_of_tensors() -> None:
    for array in (np.array([[1.5, -2]], np.float32), np.array(3, np.int64), np.array([True, False])):
        value = tensor_value(numpy_helper.from_array(array), "t")
        assert value.dtype == array.dtype
        assert (value == array).all()
    for dtype in (np.float16, np.float64):
        value = tensor_value(numpy_helper.from_array(np.array([0.5, 3], dtype)), "t")
        assert value.dtype == np.float32
        assert value.tolist() == [0.5, 3]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.array([[1, np.nan]], np.float32), "tensor 'w' must be finite, not nan at index [0, 1]"),
        (np.array([-np.inf, 1], np.float16), "tensor 'w' must be finite, not -inf at index [0]"),
        (np.array(np.inf), "tensor 'w' must be finite, not inf at index []"),
        (np.array([1, 1e39]), "tensor 'w' must be finite, not inf at index [1]"),
    ],
)
def test_values_must_be_finite(value: np.ndarray, message: str) -> None:
    with says(ModelError, message):
        tensor_value(numpy_helper.from_array(value), "w")


def test_values_must_fill_the_shape() -> None:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2, 3], raw_data=bytes(20))
    with says(ModelError, "tensor 'w' is broken: its data do not fill its shape [2, 3]"):
        tensor_value(tensor, "w")


def beside(path: Path, **place: str) -> Path:
    """The network with one tensor's bytes in another file."""
    model = onnx.ModelProto.FromString(network())
    tensor = next(tensor for tensor in model.graph.initializer if list(tensor.dims) == [6, 5])
    (path / "weights.bin").write_bytes(bytes(8) + tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": "weights.bin", "offset": "8", "length": "120", **place}.items():
        tensor.external_data.add(key=key, value=value)
    (path / "model.onnx").write_bytes(model.SerializeToString())
    return path / "model.onnx"


def test_tensors_beside_the_file_are_read(tmp_path: Path) -> None:
    whole = tmp_path / "whole.onnx"
    whole.write_bytes(network())
    x = np.random.default_rng(0).normal(size=(20, 2, 3)).astype(np.float32)
    expected = load_graph(whole).run(x)
    results = load_graph(beside(tmp_path)).run(x)
    assert all((results[name] == expected[name]).all() for name in expected)


@pytest.mark.parametrize("location", ["/etc/passwd", "../weights.bin", "a/../../weights.bin", "", "link", "\0"])
def test_tensors_must_not_lie_outside_of_the_folder(location: str, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "weights.bin").write_bytes(bytes(200))
    (folder / "link").symlink_to(tmp_path / "weights.bin")
    message = f"tensor 'c4' lies in '{location}', which must be a file in the model's folder"
    with says(ModelError, message):
        load_graph(beside(folder, location=location))


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ({"location": "nowhere"}, "tensor 'c4' lies in '{}/nowhere', which is no file; copy it there with the model"),
        ({"offset": "9"}, "tensor 'c4' is broken: its 120 bytes are not at 9 in '{}/weights.bin'"),
        ({"offset": "-1"}, "tensor 'c4' is broken: its 120 bytes are not at -1 in '{}/weights.bin'"),
        ({"length": "119"}, "tensor 'c4' is broken: its 120 bytes are not at 8 in '{}/weights.bin'"),
        ({"offset": "x"}, "tensor 'c4' must have a number as offset and length in '{}/weights.bin'"),
    ],
)
def test_bytes_beside_the_file_must_be_there(place: dict[str, str], message: str, tmp_path: Path) -> None:
    with says(ModelError, message.format(tmp_path)):
        load_graph(beside(tmp_path, **place))


def test_only_parameters_may_lie_in_other_files() -> None:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="/etc/passwd")
    with says(ModelError, "tensor 'w' lies in another file, which is supported for parameters only"):
        tensor_value(tensor, "w")
