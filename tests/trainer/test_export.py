from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper
from qonnx_file import executed

from icepop.trainer.config import TrainConfig
from icepop.trainer.export import build, save
from icepop.trainer.models import QuantNet, flat_for
from icepop.trainer.train import train
from icepop.trainer.trained import Trained

KINDS: dict[str, dict[str, Any]] = {
    "digits": {},
    "two hidden layers": {"hidden": (32, 16)},
    "xnor": {"weights": "xnor"},
    "ternary": {"weights": "ternary", "sparsity": 0.5},
    "pow2": {"weights": "pow2"},
    "k bits": {"weights": "int4", "activations": "uint2"},
    "shared": {"weights": "shared4"},
    "k-bit input": {"input_bits": 4},
    "convolutions": {"channels": (6, 5), "hidden": ()},
    "convolutions of k bits": {"channels": (6,), "weights": "xnor", "activations": "uint2", "input_bits": 4},
}


@pytest.fixture(scope="module")
def digits() -> Trained[QuantNet]:
    return train(TrainConfig(epochs=10, refit=False))


def with_batch(model: onnx.ModelProto, samples: int) -> onnx.ModelProto:
    """The executor wants a fixed batch."""
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = samples
    return model


def ties(model: QuantNet, x: torch.Tensor, tensors: dict[str, np.ndarray]) -> np.ndarray:
    """Which samples have an activation that the executor's batch normalization puts on the other side of a level."""
    found = np.zeros(len(x), bool)
    values = model.encoded(x)
    for number, block in enumerate(model.hidden, start=1):
        values = block(flat_for(block.product, values))
        found |= (
            (values.numpy() != tensors[f"{'pool' if block.pooled else 'act'}{number}_out"])
            .reshape(len(x), -1)
            .any(axis=1)
        )
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_qonnx_executes_the_file_to_the_same_bits(kind: str) -> None:
    result = train(TrainConfig(**{"epochs": 4, "hidden": (24,), "refit": False, **KINDS[kind]}))
    x = result.data.test.x
    assert len(x) == 540
    tensors = executed(with_batch(build(result.model), len(x)), x)
    with torch.no_grad():
        logits = result.model(torch.from_numpy(x)).numpy()
        tied = ties(result.model, torch.from_numpy(x), tensors)
    assert tied.sum() == 0
    assert np.array_equal(tensors["logits"], logits)


def test_names_become_the_layers_of_plans(digits: Trained[QuantNet]) -> None:
    model = build(digits.model)
    assert [(node.name, node.op_type) for node in model.graph.node] == [
        ("encode_split", "Reshape"),
        ("encode_reached", "GreaterOrEqual"),
        ("encode_bits", "Where"),
        ("encode", "Reshape"),
        ("fc1_weight_quant", "BipolarQuant"),
        ("fc1", "MatMul"),
        ("bn1", "BatchNormalization"),
        ("act1", "BipolarQuant"),
        ("fc2_weight_quant", "BipolarQuant"),
        ("fc2", "MatMul"),
        ("fc2_scale", "Mul"),
    ]


def test_header(digits: Trained[QuantNet]) -> None:
    model = build(digits.model)
    onnx.checker.check_model(model)
    assert {opset.domain: opset.version for opset in model.opset_import} == {"": 13, "qonnx.custom_op.general": 1}
    assert (model.producer_name, model.ir_version) == ("icepop", 8)
    shapes = {
        value.name: [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.output)
    }
    assert shapes == {"x": ["N", 64], "logits": ["N", 10]}


def test_tensors_are_the_models_to_the_bit(digits: Trained[QuantNet]) -> None:
    model = build(digits.model)
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    block = digits.model.hidden[0]
    assert np.array_equal(tensors["fc1_weight"], block.product.codes().detach().numpy().T)
    assert tensors["fc1_weight"].shape == (192, 128)
    assert tensors["encode_thresholds"].tolist() == [4, 8, 12]
    for name in ("weight", "bias", "running_mean", "running_var"):
        assert tensors[f"bn1_{name}"].tobytes() == block.norm.state_dict()[name].numpy().tobytes()
    (norm,) = (node for node in model.graph.node if node.name == "bn1")
    assert [(a.name, a.f) for a in norm.attribute] == [("epsilon", np.float32(block.norm.eps))]
    assert tensors["fc2_scale_factor"] == digits.model.head.scale().detach().numpy()


def test_k_bit_quantizers_state_their_grid() -> None:
    model = build(train(TrainConfig(hidden=(8,), epochs=1, weights="int4", activations="uint2", refit=False)).model)
    nodes = {node.name: node for node in model.graph.node}
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}

    def grid(name: str) -> tuple[Any, ...]:
        node = nodes[name]
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        scale, zero, bits = (float(tensors[tensor]) for tensor in node.input[1:])
        return (node.domain, scale, zero, bits, attributes)

    def rounded(signed: int, narrow: int) -> dict[str, Any]:
        return {"signed": signed, "narrow": narrow, "rounding_mode": b"ROUND"}

    assert grid("fc1_weight_quant") == ("qonnx.custom_op.general", 1, 0, 4, rounded(1, 1))
    assert grid("act1") == ("qonnx.custom_op.general", 0.5, 0, 2, rounded(0, 0))


def test_any_runtime_executes_the_encoder(digits: Trained[QuantNet]) -> None:
    model = onnx.shape_inference.infer_shapes(build(digits.model))
    encoder = onnx.utils.Extractor(model).extract_model(["x"], ["encode_out"])
    session = onnxruntime.InferenceSession(encoder.SerializeToString())
    x = digits.data.test.x
    (bits,) = session.run(None, {"x": x})
    assert np.array_equal(bits, digits.model.encoder(torch.from_numpy(x)).numpy())


def test_the_same_seed_writes_the_same_file(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save(train(TrainConfig(hidden=(16,), epochs=2)).model, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_an_interrupted_write_leaves_the_old_file(
    digits: Trained[QuantNet], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.onnx"
    path.write_text("old")

    def interrupted(self: Path, data: bytes) -> int:
        self.write_text("half")
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_bytes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save(digits.model, path)
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]
    assert path.read_text() == "old"
