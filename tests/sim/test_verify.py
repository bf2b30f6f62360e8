# amaranth: UnusedElaboratable=no
"""Every step of `verify`: what it compares, in which simulator, and what it tells of a mismatch."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from qonnx_file import QonnxFile

from icepop.boards.build import REPORT, Report
from icepop.compiler.cli.main import run
from icepop.compiler.errors import ToolError
from icepop.compiler.graph import Graph
from icepop.compiler.planner.plan import Resources
from icepop.compiler.project import Network, load_network
from icepop.sim import verify as verifying
from icepop.sim.backends import amaranth
from icepop.sim.bench import silent
from icepop.sim.records import Record, Run
from icepop.sim.verify import Step, golden_step, rtl, verify
from icepop.trainer.config import TrainConfig
from icepop.trainer.export import save
from icepop.trainer.train import train


@pytest.fixture
def network(small):
    graph = small().graph
    return Network(graph, graph, "x")


@pytest.fixture
def quick(small, monkeypatch):
    """Every simulator is Amaranth's, and the bitstream answers what ``told['wrong']`` adds to the golden results."""
    told = {"wrong": 0, "runs": []}

    def sees_all(design, stimuli, progress):
        told["runs"].append([tap.name for tap in design.taps])
        return amaranth.run(design, stimuli, progress)

    def ask(folder, rows, input, output, patience, progress):
        told["runs"].append(str(folder))
        golden = small().graph.run(rows)["fc1"].copy()
        golden[-1, 2] += told["wrong"]
        payloads = output.pack(golden)
        return Run({"o": Record(payloads, list(range(len(payloads))))}, 9, 0.1)

    class Backend:
        run = staticmethod(sees_all)

    class Netlist(Backend):
        SEES = verifying.Sight.STREAMS

    def find(name):
        return Netlist if name == "netlist" else Backend

    monkeypatch.setattr(verifying, "find", find)
    monkeypatch.setattr("icepop.sim.prove.find", find)
    monkeypatch.setattr(verifying, "check_packed", lambda folder: told["runs"].append("packed"))
    monkeypatch.setattr(verifying, "ask", ask)
    return told


def test_every_step_is_exact(network, small, codes, quick):
    steps = list(verify(Path("built"), network, small().plan, codes[:6], silent))
    assert [str(step) for step in steps] == [
        "golden: bit-exact 6/6 (as read and as lowered)",
        "rtl: bit-exact 6/6 (verilator_cpp, random stalls, then no stalls)",
        "netlist: bit-exact 6/6 (random stalls, then no stalls)",
        "bitstream: bit-exact 6/6 (at its pins)",
    ]
    assert [step.mismatch for step in steps] == [None] * 4
    assert quick["runs"] == [["tap0", "tap1"], [], "packed", "built"]


def test_a_bitstream_of_another_network_is_named(network, small, codes, quick):
    quick["wrong"] = 2
    *others, step = verify(Path("built"), network, small().plan, codes[:6], silent)
    assert all(other.mismatch is None for other in others)
    golden = int(small().graph.run(codes[:6])["fc1"][5, 2])
    assert step == Step(
        "bitstream",
        5,
        6,
        "at its pins",
        f"layer 'fc1', sample 5, index [2]: expected {golden}, got {golden + 2} at cycle 27",
    )


def test_a_wrongly_lowered_network_is_named(network, codes):
    weights = network.graph.ops[-1].weights
    wrong = Graph((*network.graph.ops[:-1], replace(network.graph.ops[-1], weights=-weights)))
    step = golden_step(Network(network.graph, wrong, "x"), codes[:6])
    assert step.exact < 6
    assert step.mismatch.endswith(" differs once the network is lowered")


def test_missing_tools_are_told_first(network, small, codes, monkeypatch):
    def find(name):
        raise ToolError(f"no simulator '{name}'")

    monkeypatch.setattr(verifying, "find", find)
    with pytest.raises(ToolError, match=r"^no simulator 'netlist'$"):
        next(verify(Path("built"), network, small().plan, codes, silent))


@pytest.mark.parametrize(
    ("there", "chosen"),
    [
        ({"verilator_cpp", "verilator", "cxxrtl"}, "verilator_cpp"),
        ({"verilator", "cxxrtl"}, "cxxrtl"),
        ({"cxxrtl"}, "cxxrtl"),
        (set(), "amaranth"),
    ],
)
def test_simulator_of_the_rtl(monkeypatch, there, chosen):
    def find(name):
        if name not in there:
            raise ToolError("missing")

    monkeypatch.setattr(verifying, "find", find)
    assert rtl() == chosen


def test_a_folder_without_a_bitstream(tmp_path, capsys):
    assert run(["verify", str(tmp_path), "data.npz"]) == 2
    assert capsys.readouterr().err == f"icepop: no report.json in '{tmp_path}'; 'icepop bitstream' writes one\n"


@pytest.mark.parametrize(("exact", "mismatch", "code"), [(2, None, 0), (1, "layer 'fc2', sample 1", 1)])
def test_lines_and_exit_code_of_the_command(tmp_path, capsys, monkeypatch, exact, mismatch, code):
    rng = np.random.default_rng(0)
    file = QonnxFile((20,))
    model = str(file.save(tmp_path / "icepop.onnx", file.dense(file.bipolar("x"), rng.normal(size=(20, 3)), "fc2")))
    assert run(["compile", model, "-o", str(tmp_path)]) == 0
    report = Report("icebreaker", "icepop.bin", 12e6, 12e6, 13e6, 1_000_000, 0.0, 1, Resources(), Resources())
    (tmp_path / REPORT).write_text(report.to_json())
    np.savez(tmp_path / "data.npz", x=rng.normal(size=(3, 20)).astype(np.float32))
    given = []

    def steps(folder, network, plan, values, progress):
        given.extend([folder, plan.board, len(values)])
        yield Step("golden", 2, 2, "as ever")
        yield Step("bitstream", exact, 2, "at its pins", mismatch)

    monkeypatch.setattr(verifying, "verify", steps)
    capsys.readouterr()
    assert run(["verify", str(tmp_path), str(tmp_path / "data.npz"), "--limit", "2", "--json"]) == code
    *lines, found = capsys.readouterr().out.splitlines()
    told = [] if mismatch is None else [f"mismatch: {mismatch}"]
    assert lines == ["golden: bit-exact 2/2 (as ever)", f"bitstream: bit-exact {exact}/2 (at its pins)", *told]
    assert json.loads(found)["bitstream"] == {
        "name": "bitstream",
        "exact": exact,
        "total": 2,
        "how": "at its pins",
        "mismatch": mismatch,
    }
    assert json.loads(found)["ok"] is (code == 0)
    assert given == [tmp_path, "icebreaker", 2]


@pytest.mark.nightly
@pytest.mark.parametrize("clock", [["--interval", "100"], ["--interval", "400", "--clock", "12"]])
def test_digits(need, tmp_path, capsys, clock):
    """Twenty real images down to the bitstream, from the PLL and from the crystal; noise tells networks apart."""
    need("iverilog")
    need("icebox_vlog")
    result = train(TrainConfig(epochs=4))
    save(result.model, tmp_path / "model.onnx")
    result.data.save_test(tmp_path / "test.npz")
    model, data, built = str(tmp_path / "model.onnx"), str(tmp_path / "test.npz"), tmp_path / "built"
    assert run(["bitstream", model, *clock, "-o", str(built)]) == 0
    capsys.readouterr()
    assert run(["verify", str(built), data, "--limit", "20", "--json"]) == 0
    *lines, found = capsys.readouterr().out.splitlines()
    assert [line.split(" (")[0] for line in lines] == [
        f"{name}: bit-exact 20/20" for name in ("golden", "rtl", "netlist", "bitstream")
    ]
    assert json.loads(found)["bitstream"]["exact"] == 20

    save(train(TrainConfig(epochs=1, seed=1)).model, built / "icepop.onnx")
    network = load_network(Path(model))
    shape = network.lowered.types[network.start].shape
    np.savez(tmp_path / "noise.npz", x=np.random.default_rng(0).choice([-1, 1], (8, *shape)))
    assert run(["verify", str(built), str(tmp_path / "noise.npz"), "--codes"]) == 1
    printed = capsys.readouterr().out
    assert "netlist: bit-exact 8/8" in printed
    assert "bitstream: bit-exact 8/8" not in printed
    assert "mismatch: layer 'argmax', sample " in printed
