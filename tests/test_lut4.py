"""The whole way of a look-up table network: training, file, plan, and hardware that computes the golden model."""

import json
from pathlib import Path

import numpy as np
import pytest
from lut_networks import random_vote

from icepop.compiler.cli.main import run
from icepop.compiler.planner.plan import Resources
from icepop.compiler.planner.search import search
from icepop.hdl.units.registry import unit_library


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of 30 voters for digits, trained for one sweep, and its test data."""
    folder = tmp_path_factory.mktemp("lut4")
    names = ["-o", str(folder / "model.onnx"), "--save-test", str(folder / "test.npz")]
    assert run(["train", "--net", "lut4:30", "--epochs", "1", *names]) == 0
    return folder


def last_json(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    content: dict[str, object] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return content


def test_golden_gives_votes(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, data, target = folder / "model.onnx", folder / "test.npz", tmp_path / "golden.npz"
    assert run(["golden", str(model), str(data), "-o", str(target), "--taps"]) == 0
    with np.load(target) as file:
        assert file["acc"].shape == (540, 10)
        assert 0 <= file["acc"].min() <= file["acc"].max() <= 3
        assert (file["label"] == file["acc"].argmax(axis=1)).all()
        assert np.isin(file["act0"], (0, 1)).all()


@pytest.mark.parametrize("input", [None, "uint5@1"])
def test_hardware_equals_golden(folder: Path, input: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    options = [] if input is None else ["--input", input]
    names = [str(folder / "model.onnx"), str(folder / "test.npz")]
    assert run(["sim", *names, "--backend", "amaranth", "--limit", "12", "--json", *options]) == 0
    found = last_json(capsys)
    assert (found["exact"], found["total"], found["interval"]) == (12, 12, 1)


def test_the_planner_chooses_by_rate_and_room() -> None:
    graph = random_vote(np.random.default_rng(0), 100, 10, 20)
    wide = search(graph, "x", unit_library(), "board", Resources(cells=5000, ebr=30))
    narrow = search(graph, "x", unit_library(), "board", Resources(cells=250, ebr=30))
    assert [(plan.stages[-1].unit, plan.interval) for plan in (wide, narrow)] == [("VoterArray", 1), ("VoterScan", 50)]


def test_other_words_for_a_network_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "--net", "lut5:30", "-o", str(tmp_path / "model.onnx")]) == 2
    message = "icepop: a network must be mlp, cnn or lut4:VOTERS, such as lut4:150, not 'lut5:30'"
    assert capsys.readouterr().err.splitlines()[-1] == message
