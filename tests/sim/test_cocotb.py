import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from icepop.compiler.errors import ToolError
from icepop.sim import cocotb_run
from icepop.sim.bench import BenchError, Stimulus, silent
from icepop.sim.cocotb_bench import Events, pack
from icepop.sim.records import Layout, Stream

LAYOUT = Layout((Stream("i", "input", 4), Stream("o", "output", 8)))


def test_pack_puts_the_least_significant_bit_first():
    packed, known = pack(["0000000100000011", "1000000000000000"])
    assert np.frombuffer(packed, np.uint8).tolist() == [3, 1, 0, 128]
    assert known == 2


@pytest.mark.parametrize("bit", "XZU")
def test_pack_stops_at_an_unknown_bit(bit):
    packed, known = pack(["00000001", f"0000{bit}001", "00000001"])
    assert (packed, known) == (b"\x01", 1)


def test_events_of_literals():
    events = Events(LAYOUT)
    assert events["00001111"] == (True, True, True, True)
    assert events["0000X111"] == (True, False, True, True)
    assert len(events) == 2


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        ("", "it printed nothing"),
        ("one\ntwo\n\n", "two"),
        ("%Warning: x\n%Error: design.sv:3: syntax\nmake: gone", "%Error: design.sv:3: syntax"),
        ("a\nVtop.cpp:3:1: error: no such thing\nmake: *** stop", "Vtop.cpp:3:1: error: no such thing"),
        ("Traceback:\n  raise ValueError(\nValueError: no python", "ValueError: no python"),
    ],
)
def test_reason_is_one_line(log, reason):
    assert cocotb_run.reason(log) == reason


def test_broken_source_is_a_tool_error(need, standin):
    need("iverilog")
    files = {"broken.v": "module broken(; endmodule\n"}
    with pytest.raises(ToolError, match=r"^icarus failed: .*broken\.v:1: syntax error$"):
        cocotb_run.run("icarus", standin(), [Stimulus((), 1)], silent, files=files)


def test_unknown_bit_is_an_error(need, standin, monkeypatch):
    need("iverilog")
    verilog = cocotb_run.verilog

    def with_an_unknown_bit(design, name):
        text = verilog(design, name)
        padding = "assign { seen[39:33], seen[31:29] } = 10'"
        assert padding in text
        return text.replace(f"{padding}h000", f"{padding}bx000000000")

    monkeypatch.setattr(cocotb_run, "verilog", with_an_unknown_bit)
    with pytest.raises(BenchError, match=r"^a watched stream has an unknown bit \(X or Z\) at cycle 0$"):
        cocotb_run.run("icarus", standin(), [Stimulus((), 1)], silent)


def test_standstill_in_another_simulator(need, standin, codes):
    need("iverilog")
    design = standin("deadlock")
    stimulus = Stimulus(tuple(design.input.pack(codes)), len(codes), patience=200)
    with pytest.raises(BenchError, match=r"^the design stands still: no transfer in 200 cycles after cycle 10 "):
        cocotb_run.run("icarus", design, [stimulus], silent)


def test_environment_does_not_steer_the_simulation(monkeypatch):
    for name in ("COCOTB_TEST_FILTER", "MAKEFLAGS", "WAVES"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("WAVES_ELSEWHERE", "1")
    environment = cocotb_run.clean_environment()
    assert not {"COCOTB_TEST_FILTER", "MAKEFLAGS", "WAVES"} & set(environment)
    assert {"PATH", "WAVES_ELSEWHERE"} <= set(environment)


class FakeWatch:
    def __init__(self, silent):
        self.silent = silent

    def look(self):
        pass


def test_hanging_simulator_is_ended(tmp_path, monkeypatch):
    started = []
    popen = subprocess.Popen

    def hang(command, **options):
        started.append(popen([sys.executable, "-c", "import time; time.sleep(60)"], **options))
        return started[0]

    monkeypatch.setattr(cocotb_run.subprocess, "Popen", hang)
    with pytest.raises(ToolError, match=r"^icarus hangs: nothing new in 600 s$"):
        cocotb_run.work("icarus", tmp_path, dict(os.environ), FakeWatch(601))
    assert started[0].returncode == -signal.SIGKILL
