"""The outline of model files: what is numbers of tensors, without parsing."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from qonnx_file import QonnxFile

from icepop.compiler.frontend import wire
from icepop.compiler.frontend.wire import Outline


def test_numbers_of_initializers_and_attributes_are_counted() -> None:
    """Raw, float and double data; integers of variable length take more memory than bytes and are not."""
    m = QonnxFile((4,))
    m.tensor(np.ones((5, 3)), "raw")
    m.tensors["floats"] = helper.make_tensor("floats", TensorProto.FLOAT, [7], np.arange(7.0))
    m.tensors["doubles"] = helper.make_tensor("doubles", TensorProto.DOUBLE, [3], np.arange(3.0))
    m.tensors["integers"] = helper.make_tensor("integers", TensorProto.INT64, [3], [1, 2, 3])
    m.node("Constant", name="constant", value=numpy_helper.from_array(np.ones(11, np.float32)))
    proto = m.proto(m.dense(m.bipolar("x"), np.ones((4, 2)), "fc"))
    sizes = [len(t.raw_data) or 4 * len(t.float_data) + 8 * len(t.double_data) for t in proto.graph.initializer]
    assert Outline(proto.SerializeToString()).numbers == sum(sizes) + 4 * 11
    assert sum(sizes) > 4 * 15 + 4 * 7 + 8 * 3


def test_what_is_no_protocol_buffer() -> None:
    content = QonnxFile((4,)).proto("x").SerializeToString()
    assert Outline(content).numbers == 0
    for broken in (content[:-1], b"\x0b", b"\xff" * 11, b"\x80", b"\x3a\x05"):
        with pytest.raises(ValueError, match=r"."):
            Outline(broken)


def test_fields_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    content = QonnxFile((4,)).proto("x").SerializeToString()
    fields = Outline(content).fields
    monkeypatch.setattr(wire, "MAX_FIELDS", fields)
    assert Outline(content).fields == fields
    monkeypatch.setattr(wire, "MAX_FIELDS", fields - 1)
    with pytest.raises(OverflowError, match=f"^{fields - 1} fields$"):
        Outline(content)


def test_every_field_of_onnx_is_passed_over() -> None:
    """Fixed and variable numbers beside those with a length."""
    attribute = helper.make_attribute("a", 0.5)
    proto = onnx.ModelProto(ir_version=8, graph=onnx.GraphProto(node=[onnx.NodeProto(attribute=[attribute])]))
    assert Outline(proto.SerializeToString()).numbers == 0
