"""Write a network of look-up tables as ONNX, in plain ops that any runtime executes."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto

from icepop.trainer.lut4 import LutNet
from icepop.trainer.writer import Writer, write


def build(net: LutNet) -> onnx.ModelProto:
    """ONNX model of a network: input ``x`` float32 (N, features), output ``votes`` float32 (N, classes).

    The inputs that are compared are gathered, a bit each; the bits of each voter are gathered and weighted with 1, 2, 4
    and 8; their sum, moved to the voter's part of one long table, is looked up there; votes are summed class by class.
    All numbers are integers below 2**24, so float32 is exact.
    """
    net = net.pruned()
    classes, each, inputs = net.voters.index.shape
    count, entries = classes * each, net.voters.tables.shape[-1]
    writer = Writer("x")
    writer.then("Gather", "pixels", writer.tensor("pixels_index", net.encoder.pixels), axis=1)
    writer.then("GreaterOrEqual", "encode", writer.tensor("encode_thresholds", net.encoder.thresholds))
    writer.then("Cast", "bits", to=TensorProto.FLOAT)
    writer.then("Gather", "inputs", writer.tensor("inputs_index", net.voters.index.reshape(count, inputs)), axis=1)
    places = (1 << np.arange(inputs)).astype(np.float32)
    writer.then("Mul", "weighted", writer.tensor("weighted_places", places))
    writer.then("ReduceSum", "address", writer.tensor("address_axes", np.array([2])), keepdims=0)
    starts = (entries * np.arange(count)).astype(np.float32)
    writer.then("Add", "entry", writer.tensor("entry_starts", starts))
    writer.then("Cast", "entry_number", to=TensorProto.INT64)
    table = writer.tensor("tables", net.voters.tables.reshape(-1).astype(np.float32))
    writer.last = writer.node("Gather", "voters", [table, writer.last], axis=0)
    writer.then("Reshape", "ballots", writer.tensor("ballots_shape", np.array([0, classes, each])))
    writer.then("ReduceSum", "votes", writer.tensor("votes_axes", np.array([2])), keepdims=0)
    writer.nodes[-1].output[0] = "votes"
    return writer.model({"x": net.features, "votes": classes}, {})


def save(net: LutNet, path: Path) -> None:
    """Write `build`'s model to ``path``; an interrupted call leaves what was there before."""
    write(build(net), path)
