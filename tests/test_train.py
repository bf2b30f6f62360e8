"""`icepop train` from its options to hardware that computes the golden model."""

import json
from pathlib import Path

import pytest

from icepop.compiler.cli.main import run


@pytest.mark.parametrize(
    "options",
    [
        ["--net", "cnn", "--channels", "5", "--channels", "6"],
        ["--net", "cnn", "--channels", "4", "--weights", "xnor", "--activations", "uint2", "--input-bits", "3"],
        ["--hidden", "12", "--weights", "ternary", "--sparsity", "0.6", "--thresholds", "2"],
        ["--hidden", "12", "--weights", "shared4", "--distill", "0.5", "--batch", "64", "--lr", "0.01"],
    ],
    ids=["binary maps", "maps of two bits", "pruned", "shared and distilled"],
)
def test_what_is_trained_is_computed_by_hardware(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, data = str(tmp_path / "model.onnx"), str(tmp_path / "test.npz")
    assert run(["train", *options, "--epochs", "1", "-o", model, "--save-test", data]) == 0
    arguments = ["--interval", "600", "--backend", "verilator_cpp", "--limit", "20", "--json"]
    assert run(["sim", model, data, *arguments]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (found["exact"], found["total"]) == (20, 20)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--channels", "4"], "--channels belongs to --net cnn, not to mlp; add --net cnn or leave it out"),
        (
            ["--net", "lut4:30", "--input-bits", "3"],
            "--input-bits belongs to --net mlp or cnn, not to lut4:30; leave it out",
        ),
        (
            ["--sparsity", "0.5"],
            "weights must be one of ternary, pow2, int2, int3, int4, int5, int6, int7, int8 to be pruned, not 'binary'",
        ),
        (["--lr", "-1"], "lr must be greater than 0, not -1.0"),
    ],
)
def test_options_that_do_not_go_together(
    options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["train", *options, "-o", str(tmp_path / "model.onnx")]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == f"icepop: {message}"
    assert not (tmp_path / "model.onnx").exists()
