"""Tiny convolutional networks of four kinds, from Brevitas' files through the compiled simulator."""

import numpy as np
import onnx
import pytest
from brevitas_export import export
from brevitas_networks import Network
from convolutional_networks import KINDS
from efficiency import efficiency, even

from icepop.boards.build import build
from icepop.boards.clock import choose_baud, choose_clock
from icepop.boards.icebreaker import BOARD
from icepop.compiler.project import load_network, make_plan
from icepop.hdl.accelerator import Accelerator
from icepop.hdl.units.registry import unit_library
from icepop.sim.backends import verilator_cpp
from icepop.sim.prove import simulate

SAMPLES = 12
LEAST = 0.95
"""A cycle lost with every window of 3x3 taps costs more."""


def planned(make, side, path, taps):
    """A network's accelerator, with bytes as input."""
    onnx.save(export(Network(make, (1, side, side)), "torchscript"), path)
    loaded = load_network(path, "uint8/255")
    plan = make_plan(loaded, unit_library(), BOARD.name, BOARD.for_accelerator(loaded.ends()[0]))
    return Accelerator(loaded.lowered, plan, taps=taps)


@pytest.fixture(scope="module")
def accelerators(need, tmp_path_factory):
    """The tiny ones, built at once for the simulator."""
    need("c++")
    folder = tmp_path_factory.mktemp("models")
    found = {
        name: planned(lambda kind=kind: kind.make(**kind.tiny), kind.tiny_side, folder / f"{name}.onnx", taps=True)
        for name, kind in KINDS.items()
    }
    verilator_cpp.prepare(list(found.values()))
    return found


@pytest.mark.parametrize("name", KINDS)
def test_networks_are_exact_and_as_planned(name, accelerators):
    design = accelerators[name]
    shape = design.graph.types[design.input_op].shape
    codes = np.random.default_rng(0).integers(0, 256, (SAMPLES, *shape))
    report = simulate(design, codes, "verilator_cpp")
    assert (report.message, report.exact, report.as_planned) == (None, SAMPLES, True)


def test_the_four_have_all_kinds_of_layers(accelerators):
    units = {name: {stage.unit for stage in design.plan.stages} for name, design in accelerators.items()}
    assert units["cnv"] >= {"MatrixVector", "RasterPool", "MultiplyAddShift", "ArgmaxScan"}
    assert {stage.folding.pixels for stage in accelerators["cnv"].plan.stages} > {1, 2}
    assert units["squeezenet"] >= {"Fork", "ConcatStreams", "RasterPool"}
    assert units["shufflenet"] >= {"Fork", "DepthwiseConv", "Shuffle", "AddStreams"}
    assert units["resnet"] >= {"Fork", "AddStreams", "AffineScores"}


@pytest.mark.parametrize("name", KINDS)
def test_convolutions_keep_their_processing_elements_busy(name, accelerators):
    """Nearly all the time, wherever none is idle by its numbers; that intervals are true is shown above."""
    graph, plan = accelerators[name].graph, accelerators[name].plan
    shares = {stage.name: efficiency(graph, stage) for stage in plan.stages if even(graph, stage)}
    assert shares
    assert {name: share for name, share in shares.items() if share < LEAST} == {}


@pytest.mark.nightly
def test_a_network_of_many_small_units_is_placed_and_meets_its_clock(tmp_path):
    """Its many clock enables once left no legal placement."""
    kind, clock = KINDS["squeezenet"], choose_clock(BOARD)
    accelerator = planned(kind.make, kind.side, tmp_path / "squeezenet.onnx", taps=False)
    report = build(accelerator, BOARD, tmp_path, clock, choose_baud(BOARD, clock))
    assert report.fmax_hz >= report.clock_hz == BOARD.clock_hz
    assert report.accelerator.ebr == accelerator.plan.cost.ebr
    assert report.total.cells > 0.75 * BOARD.budget.cells
