import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from icepop.boards import build as building
from icepop.boards import implement as implementing
from icepop.boards.base import link_resources
from icepop.boards.build import BITSTREAM, KEPT, REPORT, Report, build, deliver, read_report
from icepop.boards.clock import Baud, choose_baud, choose_clock
from icepop.boards.icebreaker import BOARD
from icepop.boards.implement import MORE_ENABLED, check_fit
from icepop.boards.tools import ICEPACK, NEXTPNR, TookTooLong
from icepop.boards.yosys import LEAST_ENABLED
from icepop.compiler.errors import PlanError, ToolError
from icepop.compiler.planner.plan import Resources

FAILURES = {
    "legal": "Unable to find legal placement for all cells, design is probably at utilisation limit.",
    "BELs": "Unable to place cell 'x', no BELs remaining",
}
CLOCK = choose_clock(BOARD, 36e6)
BAUD = choose_baud(BOARD, CLOCK)


@pytest.fixture
def quick(monkeypatch):
    """Replace the tools: their files appear at once. Returns what the placer shall report."""
    told = {"fmax": [45.0], "failing": None}

    def synthesize(folder, name, part, least_enabled):
        told["enabled"] = least_enabled
        return Resources(lut4=400, ff=200, ebr=2), Resources(lut4=40, ff=20)

    def run(tool, arguments, folder, timeout_s=None):
        if tool is told["failing"]:
            raise KeyboardInterrupt
        if tool is NEXTPNR:
            fmax = told["fmax"][int(arguments[arguments.index("--seed") + 1]) - 1]
            if fmax is None:
                raise TookTooLong(f"nextpnr-ice40 did not finish within {timeout_s} s; make the design smaller")
            if fmax in FAILURES:
                raise ToolError(f"nextpnr-ice40 failed with exit code 125: ERROR: {FAILURES[fmax]}")
            report = {"utilization": {"ICESTORM_LC": {"used": 500}}, "fmax": {"clk": {"achieved": fmax}}}
            (folder / "timing.json").write_text(json.dumps(report))
        for name in KEPT[:-2]:
            (folder / name).touch()
        (folder / BITSTREAM).write_bytes(b"bits")
        (folder / "placed.json").write_text(json.dumps({"modules": {"top": {"cells": {}}}}))
        return ""

    monkeypatch.setattr(implementing, "synthesize_script", synthesize)
    monkeypatch.setattr(building, "run", run)
    monkeypatch.setattr(implementing, "run", run)
    return told


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


@pytest.mark.parametrize(
    ("fmax", "found"),
    [
        ([36.0], (1, 36e6, LEAST_ENABLED)),
        ([None, 35.99, 36.5], (3, 36.5e6, MORE_ENABLED)),
        (["legal", 37.0], (2, 37e6, MORE_ENABLED)),
    ],
)
def test_the_first_attempt_that_meets_the_clock_is_taken(digest, tmp_path, quick, fmax, found):
    quick["fmax"] = fmax
    report = build(digest, BOARD, tmp_path, CLOCK, BAUD)
    assert (report.seed, report.fmax_hz, quick["enabled"]) == found


def test_a_seed_that_was_asked_for_is_the_only_one(digest, tmp_path, quick):
    quick["fmax"] = [45.0, 35.99, 45.0]
    with pytest.raises(PlanError, match=r"^the design reaches 35\.99 MHz but the clock is 36 MHz; "):
        build(digest, BOARD, tmp_path, CLOCK, BAUD, seeds=[2])
    assert quick["enabled"] == MORE_ENABLED


@pytest.mark.parametrize(
    ("fmax", "reason"),
    [
        (None, "nextpnr-ice40 did not finish within 300 s; make the design smaller"),
        ("legal", "the 5280 logic cells of icebreaker are too few"),
        ("BELs", "the 5280 logic cells of icebreaker are too few"),
    ],
)
def test_a_design_that_is_never_routed_is_told(digest, tmp_path, quick, fmax, reason):
    quick["fmax"] = [fmax] * 3
    with pytest.raises(PlanError) as caught:
        build(digest, BOARD, tmp_path, CLOCK, BAUD)
    assert str(caught.value) == f"the design could not be placed and routed ({reason}); allow a longer interval"


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


@pytest.mark.parametrize(
    ("needed", "message"),
    [
        (Resources(lut4=6000), "the design needs 6000 LUT4 but icebreaker has 5280; "),
        (Resources(ebr=31), "the design needs 31 EBR but icebreaker has 30; "),
    ],
)
def test_a_design_that_does_not_fit_is_told_before_placement(needed, message):
    with pytest.raises(PlanError) as caught:
        check_fit(needed, BOARD)
    assert str(caught.value) == message + "allow a longer interval or shrink the model"


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
