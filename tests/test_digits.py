"""The whole way on real images: torch, the file, qonnx's executor, golden, the hardware, and the serial pins."""

from pathlib import Path

import numpy as np
import pytest
import torch
from qonnx_file import executed

from icepop.boards.icebreaker import BOARD
from icepop.compiler.frontend.model_file import read_model
from icepop.compiler.project import load_network, make_plan
from icepop.compiler.taps import outputs
from icepop.hdl.accelerator import Accelerator
from icepop.hdl.units.registry import unit_library
from icepop.sim.pins import through_pins
from icepop.sim.prove import simulate
from icepop.trainer.config import TrainConfig
from icepop.trainer.export import save
from icepop.trainer.models import QuantNet
from icepop.trainer.train import train
from icepop.trainer.trained import Trained


@pytest.fixture(scope="module")
def trained() -> Trained[QuantNet]:
    """A briefly trained network of the default shape."""
    return train(TrainConfig(epochs=4))


@pytest.fixture(scope="module")
def file(trained: Trained[QuantNet], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("digits") / "model.onnx"
    save(trained.model, path)
    return path


def test_golden_equals_qonnx_and_torch_on_every_test_image(trained: Trained[QuantNet], file: Path) -> None:
    x = trained.data.test.x
    assert len(x) == 540
    network = load_network(file)
    golden = outputs(network.graph, network.graph.run(x), taps=True)
    model = read_model(file)
    for info in (*model.graph.input, *model.graph.output):
        info.type.tensor_type.shape.dim[0].dim_value = len(x)
    seen = executed(model, x)
    product = next(node.output[0] for node in model.graph.node if node.name == "fc2")
    assert np.array_equal(golden["acc"], seen[product])
    logits = seen[model.graph.output[0].name]
    with torch.no_grad():
        assert np.array_equal(logits, trained.model(torch.from_numpy(x)).numpy())
    ties = (np.sort(logits, axis=1)[:, -1] == np.sort(logits, axis=1)[:, -2]).sum()
    print(f"{ties} exact ties for the first place among {len(x)} images")
    assert np.array_equal(golden["label"], logits.argmax(axis=1))


def test_hardware_equals_golden_on_real_images(trained: Trained[QuantNet], file: Path) -> None:
    network = load_network(file)
    codes = network.graph.run(trained.data.test.x[:6])[network.start]
    plan = make_plan(network, unit_library(), BOARD.name, BOARD.for_accelerator(network.ends()[0]), 100)
    report = simulate(Accelerator(network.lowered, plan, taps=True), codes)
    assert (report.exact, report.mismatch, report.as_planned) == (6, None, True)


def test_an_image_goes_through_the_serial_pins(trained: Trained[QuantNet], file: Path) -> None:
    network = load_network(file)
    codes = network.graph.run(trained.data.test.x[:1])[network.start]
    plan = make_plan(network, unit_library(), BOARD.name, BOARD.for_accelerator(network.ends()[0]), 400)
    answer = through_pins(Accelerator(network.lowered, plan), codes, 6e6, 1_000_000)
    assert np.array_equal(answer, network.answer(codes))
