# amaranth: UnusedElaboratable=no
"""Designs are built once, many at once, and again when anything that they depend on changes."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from icepop.compiler.errors import ToolError
from icepop.sim.backends import cxxrtl
from icepop.sim.bench import Stimulus, silent
from icepop.sim.harness import Harness
from icepop.sim.native import build as module
from icepop.sim.native.build import base, build
from icepop.sim.native.simulation import simulate


@pytest.fixture
def translated(tmp_path, monkeypatch):
    """The number of designs in each build, in an empty cache."""
    counts = []
    translate = module.translate

    def counted(sources, *arguments):
        counts.append(len(sources))
        return translate(sources, *arguments)

    monkeypatch.setenv("ICEPOP_CACHE", str(tmp_path))
    monkeypatch.setattr(module, "translate", counted)
    return counts


def test_what_is_new_comes_from_one_build(need, standin, codes, translated):
    need("c++")
    harnesses = [Harness(standin(fault), registered=False) for fault in (None, "wrong bit", "wrong value")]
    first = build(cxxrtl.FLOW, harnesses[:2])
    assert build(cxxrtl.FLOW, harnesses[:2]) == first
    executables = build(cxxrtl.FLOW, harnesses)
    assert translated == [2, 1]
    assert executables[:2] == first
    assert len({path.name for path in executables}) == 3
    assert first[0].stat().st_ino == first[1].stat().st_ino != executables[2].stat().st_ino

    stimulus = Stimulus(tuple(harnesses[0].design.input.pack(codes)), len(codes))
    runs = [simulate(cxxrtl.FLOW, *pair, stimulus, silent) for pair in zip(executables, harnesses, strict=True)]
    assert [run.records["tap0"] == runs[0].records["tap0"] for run in runs] == [True, False, True]

    failed = subprocess.run([first[0], executables[2].name], input=b"", capture_output=True)
    assert (failed.returncode, failed.stderr.startswith(b"error: there is no design ")) == (1, True)
    failed = subprocess.run([first[0], first[0].name], input=b"short", capture_output=True)
    assert (failed.returncode, failed.stderr) == (1, b"error: the stimulus is cut off\n")


def test_failed_build_leaves_nothing(need, standin, translated, tmp_path):
    need("c++")
    broken = replace(cxxrtl.FLOW, units=lambda texts, folder: [cxxrtl.Unit("nonsense;", ())])
    with pytest.raises(ToolError, match=r"^c\+\+ failed with exit code 1: unit0\.cpp:1:1: error: .*nonsense"):
        build(broken, [Harness(standin(), registered=False)])
    assert all(path.suffix == ".lock" for path in (tmp_path / "simulators").iterdir())


@pytest.mark.parametrize(
    "change",
    [{"name": "other"}, {"passes": ("write_cxxrtl",)}, {"version": lambda: "a newer one"}, {"file": Path(__file__)}],
    ids=lambda change: next(iter(change)),
)
def test_digest_depends_on_the_flow(need, change):
    need("c++")
    assert base(replace(cxxrtl.FLOW, **change)) != base(cxxrtl.FLOW)


@pytest.mark.parametrize("part", ["identity", "shared_sources"])
def test_digest_depends_on_the_compiler_and_the_bench(need, monkeypatch, part):
    need("c++")
    before = base(cxxrtl.FLOW)
    assert base(cxxrtl.FLOW) == before
    monkeypatch.setattr(module, part, lambda: "another")
    assert base(cxxrtl.FLOW) != before
