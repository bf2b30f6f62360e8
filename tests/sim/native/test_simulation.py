import subprocess

import numpy as np
import pytest

from icepop.compiler.errors import ToolError
from icepop.sim.backends import cxxrtl
from icepop.sim.bench import PERIOD, TAIL, Stall, Stimulus, silent
from icepop.sim.harness import Harness
from icepop.sim.native import simulation
from icepop.sim.native.simulation import packed, pieces, simulate


@pytest.fixture
def harness(standin):
    return Harness(standin(), registered=False)


@pytest.fixture
def program(tmp_path):
    """An executable that is the shell script given."""

    def write(script):
        path = tmp_path / "program"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    return write


def test_stimulus_as_the_bench_reads_it(harness):
    stimulus = Stimulus((0x81, 0x00), 3, Stall("bursts"), Stall("one-in-n", 0.75), 99, 7777)
    data = packed(stimulus, harness)
    header = np.frombuffer(data, "<u8", 10).tolist()
    assert header == [1, 2, 3, 99, 7777, TAIL, 8, PERIOD, len(harness.layout.streams), harness.layout.size]
    stalls = np.frombuffer(data, bool, 2 * PERIOD, 80).reshape(2, -1)
    assert (stalls == [stimulus.offer.moves, stimulus.accept.moves]).all()
    inputs = np.frombuffer(data, "<u8", -1, 80 + 2 * PERIOD).tolist()
    assert inputs == [0x3FE, 0x3FC, 0x206, 0x002]


def test_without_stalls_the_bench_is_always_ready(harness):
    assert np.frombuffer(packed(Stimulus((), 1), harness), "<u8", 10)[6] == 0


@pytest.mark.parametrize("size", [1, 3, 7])
def test_pieces_are_whole_rows(monkeypatch, size):
    monkeypatch.setattr(simulation, "PIECE", 10)
    command = ["python3", "-c", "import os, time\nfor k in range(9): os.write(1, bytes([k] * 5)); time.sleep(0.01)"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        found = list(pieces(process.stdout, size, "x"))
    assert all(piece.shape[1] == size for piece in found)
    rows = np.concatenate(found)
    assert rows.reshape(-1).tolist() == np.repeat(range(9), 5).tolist()[: rows.size]
    assert len(rows) == 45 // size
    assert len(found) > 1


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo 'one\nerror: two\nthree' >&2; exit 3", r"cxxrtl failed with exit code 3: error: two"),
        ("kill -SEGV $$", r"cxxrtl failed with exit code -11: it printed nothing"),
    ],
)
def test_simulator_that_fails(harness, program, script, message):
    with pytest.raises(ToolError, match=f"^{message}$"):
        simulate(cxxrtl.FLOW, program(script), harness, Stimulus((), 1), silent)


def test_simulator_that_hangs_is_ended(harness, program, monkeypatch):
    monkeypatch.setattr(simulation, "SILENCE_S", 0.2)
    with pytest.raises(ToolError, match=r"^cxxrtl hangs: nothing new in 0\.2 s$"):
        simulate(cxxrtl.FLOW, program("exec sleep 60"), harness, Stimulus((), 1), silent)
