import shutil
from pathlib import Path

import numpy as np
import pytest

from icepop.boards import build as building
from icepop.boards.base import link_resources
from icepop.boards.build import BITSTREAM, KEPT, REPORT, Report, build, deliver, read_report
from icepop.boards.clock import Baud, choose_baud, choose_clock
from icepop.boards.icebreaker import BOARD
from icepop.boards.tools import ICEPACK
from icepop.compiler.errors import PlanError, ToolError
from icepop.compiler.planner.plan import Resources

CLOCK = choose_clock(BOARD, 36e6)
BAUD = choose_baud(BOARD, CLOCK)


def test_a_small_top_becomes_a_bitstream(digest, model, tmp_path):
    """The real tools, once."""
    told = []
    output = tmp_path / "new" / "folder"
    report = build(digest, BOARD, output, CLOCK, BAUD, progress=lambda *step: told.append(step))
    steps = ("elaborate", "synthesize", "place and route, seed 1", "pack")
    assert told == [(step, done, 1) for step in steps for done in (0, 1)]
    assert sorted(path.name for path in output.iterdir()) == sorted(KEPT)
    assert read_report(output) == report
    # icepack's preamble and the UP5K's size
    content = (output / BITSTREAM).read_bytes()
    assert bytes.fromhex("7eaa997e") in content[:64]
    assert len(content) == 104090
    assert (output / "icepop.asc").read_text().count(".ram_data") == report.total.ebr == 2
    assert report.fmax_hz >= report.clock_hz == 36e6
    assert report.accelerator.lut4 <= report.accelerator.cells <= 80
    planned = link_resources(model.types[0])
    for what in ("lut4", "ff", "carry", "cells", "ebr"):
        link = getattr(report.total, what) - getattr(report.accelerator, what)
        assert 0.6 * getattr(planned, what) <= link <= getattr(planned, what), what
    assert "set_io uart_0__rx__io 6\nset_io uart_0__tx__io 9\n" in (output / "icepop.pcf").read_text()


def test_a_missed_clock_is_an_error_and_leaves_nothing(digest, tmp_path, quick):
    quick["fmax"] = [35.5, None, 35.99]
    with pytest.raises(PlanError) as caught:
        build(digest, BOARD, tmp_path / "out", CLOCK, BAUD)
    assert str(caught.value) == (
        "the design reaches 35.99 MHz but the clock is 36 MHz; "
        "lower the clock, try another seed, or allow a longer interval"
    )
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_build_leaves_nothing(digest, tmp_path, quick):
    quick["failing"] = ICEPACK
    with pytest.raises(KeyboardInterrupt):
        build(digest, BOARD, tmp_path / "out", CLOCK, BAUD)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_delivery_leaves_the_old_bitstream(digest, tmp_path, quick, monkeypatch):
    build(digest, BOARD, tmp_path, CLOCK, BAUD)
    copy = shutil.copyfile

    def half(source, target):
        if Path(source).name == BITSTREAM:
            Path(target).write_bytes(b"b")
            raise KeyboardInterrupt
        copy(source, target)

    monkeypatch.setattr(building.shutil, "copyfile", half)
    with pytest.raises(KeyboardInterrupt):
        build(digest, BOARD, tmp_path, CLOCK, BAUD, seeds=[1])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(KEPT)
    assert (tmp_path / BITSTREAM).read_bytes() == b"bits"


def test_report_survives_its_file():
    report = Report("b", "f", 1.0, 2.0, 3.0, 4, -0.5, 6, Resources(1, 2, 3, 4, 5, 6, 7), Resources(7))
    assert Report.from_json(report.to_json()) == report


def test_no_report_and_a_broken_one_are_told(tmp_path):
    with pytest.raises(ToolError) as caught:
        read_report(tmp_path)
    assert str(caught.value) == f"no report.json in '{tmp_path}'; 'icepop bitstream' writes one"
    (tmp_path / REPORT).write_text("{}")
    with pytest.raises(ToolError) as caught:
        read_report(tmp_path)
    assert str(caught.value) == (
        "report.json must hold what 'icepop bitstream' wrote, not this (KeyError('accelerator'))"
    )


def test_delivered_files_are_the_built_ones(tmp_path):
    folder = tmp_path / "scratch"
    folder.mkdir()
    content = {name: np.random.default_rng(k).bytes(100) for k, name in enumerate(KEPT)}
    for name, data in content.items():
        (folder / name).write_bytes(data)
    deliver(folder, tmp_path / "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == content


def test_baud_is_reported(digest, tmp_path, quick):
    quick["fmax"] = [45.0] * 7
    report = build(digest, BOARD, tmp_path, CLOCK, Baud(115200, 313, -0.0016), seeds=[7])
    assert (report.baud, report.baud_error, report.seed) == (115200, -0.0016, 7)
