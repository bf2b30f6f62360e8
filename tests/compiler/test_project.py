from pathlib import Path

import numpy as np
import pytest
from messages import says
from qonnx_file import QonnxFile

from icepop.compiler.errors import ModelError, PlanError
from icepop.compiler.ops.threshold import Threshold
from icepop.compiler.planner.plan import Plan, Resources
from icepop.compiler.project import MODEL, PLAN, Network, load_network, make_plan
from icepop.compiler.taps import outputs
from icepop.compiler.types import BIPOLAR, Domain, TensorType
from icepop.hdl.units.registry import unit_library

BOARD = Resources(cells=5280, ebr=30)


@pytest.fixture
def network(tmp_path: Path) -> Network:
    """Two layers, with falling channels between them."""
    rng = np.random.default_rng(0)
    m = QonnxFile((3, 4))
    x = m.dense(m.bipolar(m.node("Flatten", "x"), name="q"), rng.choice([-1, 1], (12, 8)), "fc1")
    x = m.normalize(x, [1, -1] * 4, np.zeros(8), rng.integers(-3, 4, 8), np.ones(8), 0.0)
    x = m.node("Mul", m.dense(m.bipolar(x, 0.5, name="act"), rng.choice([-1, 1], (8, 5)), "fc2"), m.tensor(0.25))
    return load_network(m.save(tmp_path / "model.onnx", x))


def test_the_host_encodes_and_hardware_does_the_rest(network: Network) -> None:
    assert network.start == "q"
    assert any((op.sign < 0).any() for op in network.graph.ops if isinstance(op, Threshold))
    assert all((op.sign > 0).all() for op in network.lowered.ops if isinstance(op, Threshold))
    first, last = network.ends()
    assert (first.domain, first.length, last) == (BIPOLAR, 12, TensorType((1,), Domain(0, 4)))
    x = np.random.default_rng(1).normal(size=(50, 3, 4)).astype(np.float32)
    results = network.graph.run(x)
    assert (network.answer(results["q"]) == results["argmax"]).all()
    assert (network.lowered.run(x)["argmax"] == results["argmax"]).all()


def test_taps_are_those_of_the_model_file(network: Network) -> None:
    """Before lowering turns rows around."""
    x = np.random.default_rng(1).normal(size=(50, 3, 4)).astype(np.float32)
    results = network.graph.run(x)
    assert list(outputs(network.graph, results, taps=False)) == ["acc", "label"]
    arrays = outputs(network.graph, results, taps=True)
    assert list(arrays) == ["acc", "label", "acc0", "act0", "acc1", "act1"]
    fc1, fc2 = network.graph.ops[2], network.graph.ops[4]
    act0 = np.where(x.reshape(50, 12) >= 0, 1, -1)
    assert (arrays["act0"] == act0).all()
    assert (arrays["acc0"] == act0 @ fc1.weights.T).all()
    assert (arrays["acc1"] == arrays["act1"] @ fc2.weights.T).all()
    assert (arrays["acc"] == arrays["acc1"]).all()
    assert (arrays["label"] == arrays["acc"].argmax(axis=1)).all()
    assert all(array.dtype == np.int64 for array in arrays.values())
    assert arrays["label"].shape == (50,)


def planned(network: Network, saved: Path | None = None, interval: int | None = None) -> Plan:
    return make_plan(network, unit_library(), "icebreaker", BOARD, interval, saved)


def test_a_saved_plan_is_made_again(network: Network, tmp_path: Path) -> None:
    first = planned(network, interval=40)
    assert first != planned(network)
    saved = tmp_path / "plan.json"
    saved.write_text(first.to_json())
    assert planned(network, saved) == first


def test_a_saved_plan_is_for_the_clock_it_was_made_for(network: Network, tmp_path: Path) -> None:
    fast = make_plan(network, unit_library(), "icebreaker", BOARD, 40, clock_hz=48e6)
    assert (fast.ready_units, planned(network, interval=40).ready_units) == (1, 3)
    assert any(stage.name.startswith("queue") for stage in fast.stages)
    saved = tmp_path / "plan.json"
    saved.write_text(fast.to_json())
    assert planned(network, saved) == fast
    saved.write_text(fast.to_json().replace('"ready_units": 1', '"ready_units": 0'))
    with says(PlanError, f"'ready_units' in '{saved}' must be a whole number from 1 on, not 0"):
        planned(network, saved)
    saved.write_text(fast.to_json().replace(f'"even": {str(fast.even).lower()}', '"even": 2'))
    with says(PlanError, f"'even' in '{saved}' must be true or false, not 2"):
        planned(network, saved)


def test_no_plan_file(network: Network, tmp_path: Path) -> None:
    with says(PlanError, f"no plan file '{tmp_path / 'plan.json'}'; 'icepop compile' writes one"):
        planned(network, tmp_path / "plan.json")


def test_the_input_format_is_kept_with_the_plan(tmp_path: Path) -> None:
    """A folder of a build, or a plan beside a model, says which integers the hardware takes; ``--input`` overrides."""
    m = QonnxFile((12,))
    m.save(tmp_path / MODEL, m.dense(m.bipolar("x", name="q"), np.random.default_rng(0).normal(size=(12, 3)), "fc"))
    bound, free = (load_network(tmp_path / MODEL, input) for input in ("bipolar", None))
    for network in (bound, free):
        plan = make_plan(network, unit_library(), "icebreaker", BOARD)
        (tmp_path / PLAN).write_text(plan.to_json())
        for again in (load_network(tmp_path), load_network(tmp_path / MODEL, plan=tmp_path / PLAN)):
            assert again.format == network.format
            assert again.start == network.start == plan.start
    assert load_network(tmp_path, "uint8/255").format is not None
    assert load_network(tmp_path / MODEL).format is None


def test_a_folder_in_which_nothing_was_built(tmp_path: Path) -> None:
    (tmp_path / PLAN).write_text("{}")
    with says(ModelError, f"no icepop.onnx in '{tmp_path}'; 'icepop bitstream' writes one, or name a model file"):
        load_network(tmp_path)


def test_a_folder_without_a_plan_or_with_another_file(tmp_path: Path) -> None:
    (tmp_path / MODEL).touch()
    with says(PlanError, f"no plan file '{tmp_path / PLAN}'; 'icepop compile' writes one"):
        load_network(tmp_path)
    (tmp_path / PLAN).write_text("[]")
    with says(PlanError, f"'{tmp_path / PLAN}' is no plan; 'icepop compile' writes one"):
        load_network(tmp_path)
