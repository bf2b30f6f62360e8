"""An ONNX file under construction: a chain of nodes and their parameters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from icepop.compiler.files import replacing

OPSET = 13
IR_VERSION = 8  # the oldest that opset 13 and onnxruntime of every supported release agree on


@dataclass
class Writer:
    """Nodes and tensors of a chain; ``last`` is the tensor that the next node reads."""

    last: str
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    tensors: dict[str, onnx.TensorProto] = field(default_factory=dict)

    def tensor(self, name: str, value: NDArray[np.float32] | NDArray[np.int64]) -> str:
        """Store an initializer and return its name."""
        self.tensors[name] = numpy_helper.from_array(value, name)
        return name

    def node(self, op: str, name: str, inputs: Sequence[str], domain: str = "", **attributes: Any) -> str:
        """Append a node; return the name of its output."""
        output = f"{name}_out"
        self.nodes.append(helper.make_node(op, list(inputs), [output], name=name, domain=domain, **attributes))
        return output

    def then(self, op: str, name: str, *tensors: str, **attributes: Any) -> None:
        """Append a node that continues the chain."""
        self.last = self.node(op, name, (self.last, *tensors), **attributes)

    def model(self, widths: Mapping[str, int], domains: Mapping[str, int]) -> onnx.ModelProto:
        """The file, once its last node's output has got the name of the model's output.

        Parameters
        ----------
        widths : mapping of str to int
            Elements of a sample of the input and of the output, by their names, in this order; both are float32.
        domains : mapping of str to int
            Versions of further op sets.
        """
        source, result = (
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", width]) for name, width in widths.items()
        )
        return helper.make_model(
            helper.make_graph(self.nodes, "icepop", [source], [result], list(self.tensors.values())),
            producer_name="icepop",
            producer_version=version("icepop"),
            ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid(name, number) for name, number in {"": OPSET, **domains}.items()],
        )


def write(model: onnx.ModelProto, path: Path) -> None:
    """Write a model to ``path``; an interrupted call leaves what was there before."""
    data = model.SerializeToString(deterministic=True)
    with replacing(path) as temporary:
        temporary.write_bytes(data)
