"""Look-up table voters: the op, and the plain ONNX ops that it is read from."""

from pathlib import Path

import numpy as np
import pytest
from lut_networks import random_vote
from messages import says
from onnx import TensorProto
from qonnx_file import QonnxFile

from icepop.compiler.errors import ModelError
from icepop.compiler.frontend.load import load_graph
from icepop.compiler.graph import Graph
from icepop.compiler.ops.encode import Encode
from icepop.compiler.ops.input import Input
from icepop.compiler.ops.lut_vote import LutVote
from icepop.compiler.planner.plan import Resources
from icepop.compiler.planner.search import search
from icepop.compiler.project import load_network
from icepop.compiler.types import BIPOLAR, Domain, TensorType
from icepop.hdl.units.registry import unit_library

RNG = np.random.default_rng(0)
INDEX = np.array([[[0, 1, 2, 3], [3, 3, 1, 0]], [[2, 1, 0, 3], [1, 2, 3, 0]]])
TABLES = RNG.random((2, 2, 16)) < 0.5
X = RNG.normal(size=(50, 4)).astype(np.float32)


def counted(bits: np.ndarray, index: np.ndarray, tables: np.ndarray) -> np.ndarray:
    """Votes, one voter and sample at a time."""
    return np.array(
        [
            [
                sum(int(table[sum(int(sample[k]) << j for j, k in enumerate(chosen))]) for chosen, table in voters)
                for voters in (list(zip(*each, strict=True)) for each in zip(index, tables, strict=True))
            ]
            for sample in bits
        ]
    )


@pytest.mark.parametrize("domain", [Domain(0, 1), BIPOLAR])
def test_votes_are_counted(domain: Domain) -> None:
    graph = random_vote(np.random.default_rng(1), 12, 3, 5, domain)
    bits = RNG.integers(0, 2, (40, 12))
    vote = graph.ops[1]
    assert isinstance(vote, LutVote)
    results = graph.run(domain.decode(bits))
    assert (results["vote"] == counted(bits, vote.index, vote.tables)).all()
    assert graph.types["vote"] == TensorType((3,), Domain(0, 5))


@pytest.mark.parametrize(
    ("index", "tables", "domain", "message"),
    [
        (INDEX, TABLES, Domain(0, 3), "'vote' looks up bits, but 'x' gives [0, 3]"),
        (INDEX + 1, TABLES, Domain(0, 1), "'vote' reads element 4 of 'x' with 4"),
        (
            INDEX[..., :3],
            TABLES,
            Domain(0, 1),
            "'vote' must have an index (C, V, 4) and tables (C, V, 16), not (2, 2, 3) and (2, 2, 16)",
        ),
    ],
)
def test_what_does_not_fit_is_refused(index: np.ndarray, tables: np.ndarray, domain: Domain, message: str) -> None:
    with says(ModelError, message):
        Graph((Input("x", (), TensorType((4,), domain)), LutVote("vote", ("x",), index, tables)))


def bits(m: QonnxFile) -> str:
    """Signs of the input as 0 and 1, in the order of the voters' inputs."""
    reached = m.node("GreaterOrEqual", "x", m.tensor(np.zeros(4)), name="encode")
    return m.node("Cast", reached, to=TensorProto.FLOAT)


def voters(m: QonnxFile, address: str, tables: np.ndarray, starts: np.ndarray) -> str:
    """Votes by class of the tables at addresses."""
    entry = m.node("Cast", m.node("Add", address, m.tensor(starts)), to=TensorProto.INT64)
    votes = m.node("Gather", m.tensor(tables.reshape(-1)), entry, axis=0)
    ballots = m.node("Reshape", votes, m.tensor([0, 2, 2], dtype=np.int64))
    return m.node("ReduceSum", ballots, m.tensor([2], dtype=np.int64), name="votes", keepdims=0)


def chosen(m: QonnxFile, index: np.ndarray) -> str:
    return m.node("Gather", bits(m), m.tensor(index.reshape(4, -1), dtype=np.int64), axis=1)


def test_a_file_of_plain_ops_is_read_as_votes(tmp_path: Path) -> None:
    m = QonnxFile((4,))
    weighted = m.node("Mul", chosen(m, INDEX), m.tensor([1, 2, 4, 8]))
    address = m.node("ReduceSum", weighted, m.tensor([2], dtype=np.int64), keepdims=0)
    graph = load_graph(m.save(tmp_path / "model.onnx", voters(m, address, TABLES, 16 * np.arange(4))))
    assert [type(op).__name__ for op in graph.ops] == ["Input", "Encode", "LutVote", "ArgMax"]
    assert (graph.run(X)["votes"] == counted(X >= 0, INDEX, TABLES)).all()


def test_other_spellings_of_a_table_are_the_same(tmp_path: Path) -> None:
    """Three inputs, weights in another order, signs for bits, and addresses counted from the end."""
    m = QonnxFile((4,))
    picked = m.node(
        "Gather", m.bipolar("x", name="encode"), m.tensor(INDEX[..., :3].reshape(4, 3), dtype=np.int64), axis=1
    )
    weighted = m.node("Mul", picked, m.tensor([4, 1, 2]))
    address = m.node("ReduceSum", weighted, m.tensor([-1], dtype=np.int64), keepdims=0)
    # of bits b it is 2 * (4 b0 + b1 + 2 b2) - 7: every entry stands twice, and the tables are found from their end
    tables = np.repeat(TABLES[..., :8], 2, axis=-1)
    graph = load_graph(m.save(tmp_path / "model.onnx", voters(m, address, tables, 16 * np.arange(4) + 7 - 64)))
    place = np.arange(16)
    tables = TABLES[..., (place & 1) << 2 | (place >> 1 & 1) | (place >> 2 & 1) << 1]
    assert (graph.run(X)["votes"] == counted(X >= 0, np.where(np.arange(4) < 3, INDEX, 0), tables)).all()
    assert graph.types["encode"].domain == BIPOLAR


def broken(tmp_path: Path, m: QonnxFile, output: str, message: str) -> None:
    with says(ModelError, message):
        load_graph(m.save(tmp_path / "model.onnx", output))


def test_sums_of_more_than_four_bits_are_refused(tmp_path: Path) -> None:
    m = QonnxFile((4,))
    picked = m.node("Gather", bits(m), m.tensor(np.zeros((2, 5)), dtype=np.int64), axis=1)
    summed = m.node("ReduceSum", picked, m.tensor([2], dtype=np.int64), name="sum", keepdims=0)
    broken(
        tmp_path,
        m,
        summed,
        "node 'sum' (ReduceSum) must sum functions of at most 4 bits, not 5 elements of [0, 1]",
    )


def test_the_neurons_themselves_are_no_answer(tmp_path: Path) -> None:
    m = QonnxFile((4,))
    address = m.node("ReduceSum", chosen(m, INDEX), m.tensor([2], dtype=np.int64), keepdims=0)
    broken(tmp_path, m, address, "the model's output must be sums of look-up table neurons, not the neurons themselves")


def test_addresses_beyond_the_table_are_refused(tmp_path: Path) -> None:
    m = QonnxFile((4,))
    address = m.node("ReduceSum", chosen(m, INDEX), m.tensor([2], dtype=np.int64), keepdims=0)
    entry = m.node("Cast", address, to=TensorProto.INT64)
    votes = m.node("Gather", m.tensor(np.zeros(4)), entry, name="voters", axis=0)
    broken(tmp_path, m, votes, "node 'voters' (Gather) looks up entries 0 to 4 of 4")


def test_other_ops_do_not_read_neurons(tmp_path: Path) -> None:
    m = QonnxFile((4,))
    address = m.node("ReduceSum", chosen(m, INDEX), m.tensor([2], dtype=np.int64), keepdims=0)
    broken(
        tmp_path,
        m,
        m.node("Relu", address, name="relu"),
        "node 'relu' (Relu) must not read look-up table neurons, whose votes a ReduceSum counts",
    )


def test_votes_must_be_bits(tmp_path: Path) -> None:
    m = QonnxFile((4,))
    address = m.node("ReduceSum", chosen(m, INDEX), m.tensor([2], dtype=np.int64), keepdims=0)
    message = (
        "node 'votes' (ReduceSum) must sum votes of 0 or 1, of shape (1, classes, voters), "
        "not values in [0, 2] of shape (1, 2, 2)"
    )
    broken(tmp_path, m, voters(m, address, np.full(5, 2), np.zeros(4)), message.replace("[0, 2]", "[2, 2]"))


def test_the_encoder_is_read_once(tmp_path: Path) -> None:
    m = QonnxFile((4,))
    weighted = m.node("Mul", chosen(m, INDEX), m.tensor([1, 2, 4, 8]))
    address = m.node("ReduceSum", weighted, m.tensor([2], dtype=np.int64), keepdims=0)
    graph = load_graph(m.save(tmp_path / "model.onnx", voters(m, address, TABLES, 16 * np.arange(4))))
    (encode,) = [op for op in graph.ops if isinstance(op, Encode)]
    assert encode.domain == Domain(0, 1)


def test_integers_are_compared_by_the_voters_unit(tmp_path: Path) -> None:
    """With the input's format stated, nothing reorders or compares them before."""
    m = QonnxFile((4,))
    weighted = m.node("Mul", chosen(m, INDEX), m.tensor([1, 2, 4, 8]))
    address = m.node("ReduceSum", weighted, m.tensor([2], dtype=np.int64), keepdims=0)
    path = m.save(tmp_path / "model.onnx", voters(m, address, TABLES, 16 * np.arange(4)))
    network = load_network(path, "int4@1")
    assert [type(op).__name__ for op in network.lowered.ops] == ["Input", "Encode", "LutVote", "ArgMax"]
    plan = search(network.lowered, network.start, unit_library(), "up5k", Resources(cells=5000, ebr=30))
    assert [stage.unit for stage in plan.stages] in (["VoterArray"], ["VoterScan"])
