"""What the command line promises: results, whole error messages, exit codes, and no half-written files."""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qonnx_file import QonnxFile

from icepop.boards import flash, host
from icepop.boards.build import Report
from icepop.boards.host import Client
from icepop.boards.virtual import VirtualBoard
from icepop.compiler.cli import wishes
from icepop.compiler.cli.main import VERBS, run
from icepop.compiler.frontend.handlers.base import HANDLERS
from icepop.compiler.planner.plan import Plan, Resources
from icepop.compiler.project import MODEL, load_network, make_plan
from icepop.compiler.types import TensorType
from icepop.sim import backends
from icepop.sim.backends import icarus


def network(columns: int = 20, hidden: int = 6, classes: int = 3) -> tuple[QonnxFile, str]:
    """A small binary network, and the name of its output."""
    rng = np.random.default_rng(0)
    file = QonnxFile((columns,))
    x = file.bipolar("x", name="act0")
    x = file.bipolar(file.dense(x, rng.normal(size=(columns, hidden)), "fc1"), name="act1")
    return file, file.dense(x, rng.normal(size=(hidden, classes)), "fc2")


@pytest.fixture
def model(tmp_path: Path) -> str:
    file, output = network()
    return str(file.save(tmp_path / "model.onnx", output))


@pytest.fixture
def data(tmp_path: Path) -> str:
    rng = np.random.default_rng(1)
    return save(tmp_path / "data.npz", x=rng.normal(size=(7, 20)).astype(np.float32), y=rng.integers(0, 3, 7))


def save(path: Path, **arrays: np.ndarray) -> str:
    """Write an npz."""
    np.savez(path, **arrays)
    return str(path)


def error(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line that a failing command prints on stderr, with exit code 2 and nothing on stdout."""
    assert run(list(arguments)) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    *progress, line = printed.err.splitlines()
    assert not any(text.startswith("icepop:") for text in progress)
    assert line.startswith("icepop: ")
    return line.removeprefix("icepop: ")


def last_json(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    """The object that --json prints as the last line."""
    content: dict[str, object] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return content


def test_golden_writes_accumulators_labels_and_taps(
    model: str, data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "golden.npz"
    assert run(["golden", model, data, "-o", str(target), "--taps", "--json"]) == 0
    with np.load(target) as file:
        assert sorted(file.files) == ["acc", "acc0", "acc1", "act0", "act1", "label"]
        assert file["acc"].dtype == np.int64
        assert file["acc"].shape == (7, 3)
        np.testing.assert_array_equal(file["label"], file["acc"].argmax(axis=1))
        np.testing.assert_array_equal(file["acc"], file["acc1"])
        codes = file["act0"]
    assert last_json(capsys)["ok"] is True
    again = save(tmp_path / "codes.npz", x=codes)
    assert run(["golden", model, again, "-o", str(tmp_path / "again.npz"), "--codes"]) == 0
    with np.load(tmp_path / "again.npz") as file, np.load(target) as first:
        np.testing.assert_array_equal(file["acc"], first["acc"])


def test_compile_writes_a_plan_that_sim_takes_back(
    model: str, data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "out"
    assert run(["compile", model, "-o", str(folder), "--interval", "30", "--json"]) == 0
    planned = last_json(capsys)
    assert sorted(path.name for path in folder.iterdir()) == ["accelerator.v", "plan.json"]
    assert run(["sim", model, data, "--plan", str(folder / "plan.json"), "--backend", "amaranth", "--json"]) == 0
    found = last_json(capsys)
    assert (found["exact"], found["total"], found["ok"]) == (7, 7, True)
    assert (found["interval"], found["latency"]) == (planned["interval"], planned["latency"])


def test_a_virtual_board_answers_like_the_golden_model(
    model: str, data: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["run", model, data, "--virtual", "--json"]) == 0
    assert last_json(capsys)["exact"] == 7


def test_a_mismatch_has_exit_code_1(
    model: str, data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from icepop.hdl.products.binary import BinaryProduct

    terms = BinaryProduct.terms
    monkeypatch.setattr(BinaryProduct, "terms", lambda *arguments: [~term for term in terms(*arguments)])
    vcd = tmp_path / "wrong.vcd"
    assert run(["sim", model, data, "--backend", "amaranth", "--vcd", str(vcd)]) == 1
    printed = capsys.readouterr().out
    assert "mismatch: layer 'act1', sample 0" in printed
    assert "bit-exact 0/7" in printed
    assert vcd.exists()


def test_no_such_board(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = error(capsys, "compile", model, "--board", "arty", "-o", str(tmp_path / "out"))
    assert message == "no board named 'arty'; boards are: icebreaker"
    assert not (tmp_path / "out").exists()


def test_a_truncated_model(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "cut.onnx"
    broken.write_bytes(Path(model).read_bytes()[:-100])
    message = error(capsys, "compile", str(broken), "-o", str(tmp_path / "out"))
    assert message == f"'{broken}' is not an ONNX file, or is cut off; export it again"


def test_a_file_that_is_not_onnx(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("not a network")
    message = error(capsys, "compile", str(other), "-o", str(tmp_path / "out"))
    assert message == f"'{other}' is not an ONNX file, or is cut off; export it again"


def test_a_model_that_is_too_large(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    huge = tmp_path / "huge.onnx"
    with huge.open("wb") as file:
        file.truncate((1 << 26) + 1)
    message = error(capsys, "compile", str(huge), "-o", str(tmp_path / "out"))
    assert message == f"model file '{huge}' has 67108865 bytes, but at most 67108864 (64 MiB) are read"


def test_an_op_that_is_not_supported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, output = network()
    path = file.save(tmp_path / "model.onnx", file.node("Sin", output, name="wave"))
    message = error(capsys, "compile", str(path), "-o", str(tmp_path / "out"))
    assert message == (
        f"node 'wave' has op type 'Sin', which is not supported; supported are: {', '.join(sorted(HANDLERS))}"
    )


def test_a_network_that_does_not_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, output = network(columns=2000, hidden=200)
    path = file.save(tmp_path / "model.onnx", output)
    message = error(capsys, "compile", str(path), "-o", str(tmp_path / "out"))
    assert message == (
        "the network needs 100 EBR, 347 logic cells and 307 LUT4 for an interval of at most 400000 cycles, "
        "but icebreaker has 28 EBR and 3978 logic cells to fill; train a smaller network"
    )
    assert not (tmp_path / "out").exists()


def test_an_interval_out_of_reach(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = error(capsys, "compile", model, "--interval", "2", "-o", str(tmp_path / "out"))
    assert message == "no folding reaches an interval of 2 cycles; ask for 3 or more"


def test_data_of_another_shape(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = save(tmp_path / "wrong.npz", x=np.zeros((3, 19), np.float32))
    message = error(capsys, "golden", model, wrong, "-o", str(tmp_path / "g.npz"))
    assert message == f"x in '{wrong}' must hold samples of 20 values (20), not shape (3, 19)"
    assert not (tmp_path / "g.npz").exists()


def test_data_out_of_range(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = save(tmp_path / "wrong.npz", x=np.full((3, 20), 2))
    message = error(capsys, "golden", model, wrong, "--codes", "-o", str(tmp_path / "g.npz"))
    assert message == f"x in '{wrong}' must hold codes in {{-1, +1}}, not [2, 2]"


def test_nan_in_data(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    x = np.zeros((3, 20), np.float32)
    x[1, 4] = np.nan
    wrong = save(tmp_path / "wrong.npz", x=x)
    message = error(capsys, "golden", model, wrong, "-o", str(tmp_path / "g.npz"))
    assert message == f"x in '{wrong}' must be finite, not nan at index [1, 4]"


def test_infinity_in_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, output = network()
    file.tensor([[1.0, np.inf]], name="bad")
    path = file.save(tmp_path / "model.onnx", output)
    message = error(capsys, "compile", str(path), "-o", str(tmp_path / "out"))
    assert message == "tensor 'bad' must be finite, not inf at index [0, 1]"


def test_a_pickle_is_never_loaded(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = save(tmp_path / "wrong.npz", x=np.array([print], dtype=object))
    message = error(capsys, "golden", model, wrong, "-o", str(tmp_path / "g.npz"))
    assert message.startswith(f"'{wrong}' must hold whole, plain arrays: ")


def test_no_simulator_is_found(
    model: str, data: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(icarus, "which", lambda tool: None)
    message = error(capsys, "sim", model, data, "--backend", "icarus")
    assert message == (
        "no simulator 'icarus': iverilog is not on PATH; apt install iverilog, or use --backend verilator"
    )


def test_no_such_simulator(model: str, data: str, capsys: pytest.CaptureFixture[str]) -> None:
    message = error(capsys, "sim", model, data, "--backend", "vcs")
    assert message == f"no simulator 'vcs': there are {', '.join(backends.names())}"


def test_a_wrong_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert error(capsys, "sim", "--quux") == "No such option: --quux"


def test_run_needs_a_port_or_virtual(model: str, data: str, capsys: pytest.CaptureFixture[str]) -> None:
    message = error(capsys, "run", model, data)
    assert message == "give either --port with the board's serial port, or --virtual"


def test_an_interrupted_golden_run_leaves_no_file(
    model: str, data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", interrupted)
    before = sorted(tmp_path.iterdir())
    assert run(["golden", model, data, "-o", str(tmp_path / "g.npz")]) == 130
    assert sorted(tmp_path.iterdir()) == before


def quantized(tmp_path: Path) -> str:
    """A network with an affine function and a quantizer at its head."""
    rng = np.random.default_rng(2)
    file = QonnxFile((6,))
    x = file.node("Sub", file.node("Mul", "x", file.tensor(2.0)), file.tensor(1.0))
    output = file.dense(file.quant(x, 3, 0.3, name="q"), rng.normal(size=(6, 3)), "fc")
    return str(file.save(tmp_path / "quantized.onnx", output))


def test_golden_takes_floats_and_codes_of_an_input_format(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    codes = np.random.default_rng(3).integers(0, 256, (20, 6))
    floats = codes.astype(np.float32) / np.float32(255)
    model, results = quantized(tmp_path), []
    for values, options in (
        (floats, []),
        (floats, ["--input", "uint8/255"]),
        (codes, ["--input", "uint8/255", "--codes"]),
    ):
        target = tmp_path / "golden.npz"
        data = save(tmp_path / "x.npz", x=values)
        assert run(["golden", model, data, "-o", str(target), "--taps", *options]) == 0
        with np.load(target) as file:
            results.append((file["acc"].tolist(), file["act0"].tolist(), file["label"].tolist()))
    assert results[0] == results[1] == results[2]
    capsys.readouterr()
    data = save(tmp_path / "x.npz", x=floats + np.float32(0.001))
    message = error(capsys, "golden", model, data, "-o", str(tmp_path / "y.npz"), "--input", "uint8/255")
    assert message.startswith(f"x in '{data}' must hold values of uint8/255.0, not ")
    message = error(capsys, "golden", model, data, "-o", str(tmp_path / "y.npz"), "--input", "float")
    assert message.startswith("an input format must be like uint8/255")


def test_run_and_compile_take_an_input_format(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = quantized(tmp_path)
    values = np.random.default_rng(3).integers(0, 256, (3, 6)).astype(np.float32) / np.float32(255)
    data = save(tmp_path / "x.npz", x=values)
    assert run(["run", model, data, "--virtual", "--input", "uint8/255"]) == 0
    assert "bit-exact 3/3" in capsys.readouterr().out
    assert run(["sim", model, data, "--input", "uint8/255", "--backend", "amaranth", "--json"]) == 0
    assert last_json(capsys)["exact"] == 3


def test_a_bipolar_input_goes_straight_into_hardware(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    signs = np.random.default_rng(4).choice([-1, 1], (2, 20)).astype(np.float32)
    data = save(tmp_path / "x.npz", x=signs)
    assert run(["sim", model, data, "--backend", "amaranth", "--input", "bipolar", "--interval", "100"]) == 0
    assert "bit-exact 2/2" in capsys.readouterr().out


def test_scores_with_biases_of_their_own(tmp_path: Path, data: str, capsys: pytest.CaptureFixture[str]) -> None:
    file, output = network()
    biased = file.node("Add", output, file.tensor([0.5, 0.0, 1.0]))
    path = str(file.save(tmp_path / "biased.onnx", biased))
    assert run(["sim", path, data, "--backend", "amaranth", "--json"]) == 0
    assert last_json(capsys)["exact"] == 7


def test_a_rate_instead_of_an_interval(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """36 MHz divided by the rate, rounded down, are the cycles allowed."""
    out = str(tmp_path / "out")
    assert run(["compile", model, "-o", out, "--fps", "1000000", "--explain", "--json"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert json.loads(printed[-1])["interval"] <= 36
    assert any(line.startswith("the core makes ") and line.endswith("the link bounds the board") for line in printed)
    message = error(capsys, "compile", model, "-o", out, "--fps", "1e8")
    assert message == "--fps must be above 0 and at most 3.6e+07, the clock in Hz, not 1e+08"
    message = error(capsys, "compile", model, "-o", out, "--fps", "1000", "--interval", "9")
    assert message == "give either --interval or --fps, not both"


def test_a_plan_is_explained_by_others_for_the_same_clock(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Above 44 MHz plans have more FIFOs."""
    clocks = []

    def noting(*arguments: Any) -> Plan:
        clocks.append(arguments[-1])
        return make_plan(*arguments)

    monkeypatch.setattr(wishes, "make_plan", noting)
    assert run(["compile", model, "-o", str(tmp_path / "out"), "--clock", "48", "--interval", "40", "--explain"]) == 0
    assert clocks == [48e6] * 4


@pytest.mark.parametrize("verb", ["compile", "sim", "bitstream"])
@pytest.mark.parametrize("clock", ["0", "14", "500"])
def test_a_clock_that_the_board_does_not_have(
    verb: str, clock: str, model: str, data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [data] if verb == "sim" else ["-o", str(tmp_path / "out")]
    message = error(capsys, verb, model, *given, "--clock", clock)
    assert message == (
        f"clock must be the crystal's 12 MHz or the PLL's 16 to 275 MHz, not {clock} MHz; choose another one"
    )


def test_data_is_read_before_anything_is_planned(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = error(capsys, "bitstream", model, "-o", str(tmp_path / "out"), "--data", "none.npz")
    assert message == "no data file 'none.npz'"


def test_few_lut(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compile", model, "-o", str(tmp_path / "out"), "--max-lut", "120", "--json"]) == 0
    plan = json.loads((tmp_path / "out" / "plan.json").read_text())
    assert plan["cost"]["lut4"] <= 120


@pytest.mark.parametrize("verb", ["train", "golden", "compile", "bitstream"])
def test_nothing_is_computed_for_a_file_that_cannot_be_written(
    verb: str, model: str, data: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"train": [], "golden": [model, data], "compile": [model], "bitstream": [model]}[verb]
    target = Path(model) / "out"
    message = error(capsys, verb, *given, "-o", str(target))
    assert message.startswith(f"cannot write '{target}")
    assert message.endswith(f": '{model}' is no folder; name another path")


def test_flash_tells_what_it_has_programmed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report = Report("icebreaker", "icepop.bin", 36e6, 36e6, 50e6, 1_000_000, 0.0, 1, Resources(), Resources())
    (tmp_path / "report.json").write_text(report.to_json())
    monkeypatch.setattr(flash, "flash", lambda board, bitstream: f"{bitstream.name} to {board.name}")
    assert run(["flash", str(tmp_path), "--json"]) == 0
    text, line = capsys.readouterr().out.splitlines()
    assert text == "icepop.bin to icebreaker"
    assert json.loads(line) == {"board": "icebreaker", "bitstream": "icepop.bin", "ok": True}


def test_a_baud_rate_of_0(model: str, data: str, capsys: pytest.CaptureFixture[str]) -> None:
    message = error(capsys, "run", model, data, "--virtual", "--baud", "0")
    assert message == "Invalid value for '--baud': Input should be greater than or equal to 1"


def test_inputs_are_encoded_in_one_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = error(capsys, "train", "-o", str(tmp_path / "model.onnx"), "--thresholds", "3", "--input-bits", "4")
    assert message == "give either --thresholds or --input-bits, not both"


def test_a_narrow_terminal_cuts_no_figures(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["compile", model, "-o", str(tmp_path / "out")]
    assert run(arguments) == 0
    wide = capsys.readouterr().out
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert run(arguments) == 0
    assert capsys.readouterr().out == wide
    assert "…" not in wide


@pytest.fixture
def built(model: str, tmp_path: Path) -> str:
    """Folder of a build with a plan of its own and a baud rate of its own; its bitstream is missing."""
    folder = tmp_path / "built"
    assert run(["compile", model, "-o", str(folder), "--interval", "10"]) == 0
    Path(model).rename(folder / MODEL)
    report = Report("icebreaker", "icepop.bin", 36e6, 36e6, 50e6, 500_000, 0.0, 1, Resources(), Resources())
    (folder / "report.json").write_text(report.to_json())
    return str(folder)


def test_a_builds_folder_is_simulated_as_built_unless_something_else_is_asked_for(
    built: str, data: str, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = json.loads((Path(built) / "plan.json").read_text())
    intervals = []
    for wish in ([], ["--interval", "200"], ["--clock", "24"]):
        assert run(["sim", built, data, "--backend", "amaranth", "--limit", "2", *wish, "--json"]) == 0
        intervals.append(last_json(capsys)["interval"])
    assert intervals[0] == plan["interval"]
    assert plan["interval"] < intervals[1] <= 200
    assert intervals[2] < plan["interval"]  # the fastest that fits


def test_a_builds_folder_is_run_at_the_rate_that_it_was_built_for(
    built: str, data: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, bauds = load_network(Path(built)), []

    class Noted(Client):
        def __init__(self, port: str, input: TensorType, output: TensorType, baud: int):
            bauds.append(baud)
            super().__init__(port, input, output, baud)

    monkeypatch.setattr(host, "Client", Noted)
    with VirtualBoard(network.answer, *network.ends()) as board:
        for wish in ([], ["--baud", "250000"]):
            assert run(["run", built, data, "--port", board.port, *wish]) == 0
    assert bauds == [500_000, 250_000]


def test_accumulators_instead_of_the_class(
    model: str, data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The plan keeps the choice; accuracy is that of the classes, and golden writes the same sums."""
    assert run(["golden", model, data, "-o", str(tmp_path / "golden.npz"), "--json"]) == 0
    accuracy = last_json(capsys)["golden_accuracy"]
    folder = tmp_path / "raw"
    assert run(["compile", model, "-o", str(folder), "--interval", "30", "--raw"]) == 0
    plan = json.loads((folder / "plan.json").read_text())
    assert plan["raw"] is True
    assert plan["stages"][-1]["name"] == "fc2"
    assert "the values of Dense 'fc2'" in (folder / "accelerator.v").read_text()
    capsys.readouterr()
    simulate = ["sim", model, data, "--plan", str(folder / "plan.json"), "--backend", "amaranth", "--json"]
    latencies = []
    for arguments in (simulate, [*simulate, "--class"], ["run", model, data, "--virtual", "--raw", "--json"]):
        assert run(arguments) == 0
        found = last_json(capsys)
        assert (found["exact"], found["golden_accuracy"]) == (7, accuracy)
        latencies.append(found.get("latency"))
    Path(model).rename(folder / MODEL)
    assert run(["golden", str(folder), data, "-o", str(tmp_path / "again.npz")]) == 0
    with np.load(tmp_path / "golden.npz") as first, np.load(tmp_path / "again.npz") as again:
        assert all((first[name] == again[name]).all() for name in ("acc", "label"))
    assert latencies == [plan["latency"], latencies[1], None]
    assert latencies[1] > plan["latency"]  # the classes take an argmax


def test_the_version_and_the_verbs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"icepop {version('icepop')}\n"
    assert run([]) == 0
    told = capsys.readouterr().out
    assert all(f"  {verb}  " in told for verb in VERBS)
