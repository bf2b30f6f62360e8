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
    packed, known = pack(["000000010000001000000011", "100000000000000000000000"], LAYOUT)
    assert np.frombuffer(packed, np.uint8).tolist() == [3, 2, 1, 0, 0, 128]
    assert known == 2


@pytest.mark.parametrize("bit", "XZU")
@pytest.mark.parametrize("flags", ["00000101", "0000010{}", "000001{}1"])
def test_pack_stops_at_an_unknown_bit(bit, flags):
    row = f"0000000{bit if '{' not in flags else 0}00000000{flags.format(bit)}"
    packed, known = pack(["0" * 24, row, "0" * 24], LAYOUT)
    assert (packed, known) == (b"\0\0\0", 1)


def test_a_payload_that_is_not_valid_may_be_unknown():
    packed, known = pack(["0000X0010000100000000001", "00000001000000ZX00000100"], LAYOUT)
    assert np.frombuffer(packed, np.uint8).tolist() == [1, 8, 1, 4, 0, 1]
    assert known == 2


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
        ("%Warning: x\n%Error: design.v:3: syntax\nmake: gone", "%Error: design.v:3: syntax"),
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
        valid = ", o__valid, held[0], tap1__valid"
        assert valid in text
        return text.replace(valid, valid.replace("o__valid", "1'bx"))

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
