# amaranth: UnusedElaboratable=no
"""The finished bitstream equals its design, and one flipped bit of a memory or a table is noticed."""

import re
import shutil
from itertools import islice

import pytest

from icepop.boards.build import BITSTREAM, NAME, build, check_packed
from icepop.boards.clock import choose_baud, choose_clock
from icepop.boards.icebreaker import BOARD
from icepop.compiler.errors import ToolError
from icepop.sim import fabric
from icepop.sim.backends import Sight, bitstream, find, icarus, sees
from icepop.sim.bench import BenchError, Stall, silent
from icepop.sim.fabric import tiles
from icepop.sim.prove import simulate, stimulus

TABLE = (4, 14, 15, 5, 6, 16, 17, 7, 3, 13, 12, 2, 1, 11, 10, 0)
"""Where bit k of a logic cell's table is among its 20 bits, which are columns 36 to 45 of two rows."""

ADDER = 0x6996


def memory_flipped(asc):
    """Flip the lowest bit that is set in the memory with the fewest set bits."""
    memories = [(header, rows) for header, rows in tiles(asc) if header.startswith(".ram_data")]
    used = [(header, rows) for header, rows in memories if any(row.strip("0") for row in rows)]
    header, rows = min(used, key=lambda memory: sum(int(row, 16).bit_count() for row in memory[1] if row))
    row = next(row for row in rows if row.strip("0"))
    value = int(row, 16)
    place = asc.index(row, asc.index(header))
    return f"{asc[:place]}{value ^ value & -value:0{len(row)}x}{asc[place + len(row) :]}"


def tables_flipped(asc):
    """For every table that is an adder's, flip its bit for all inputs low."""
    for header, rows in tiles(asc):
        for cell in range(8) if header.startswith(".logic_tile") else ():
            bits = rows[2 * cell][36:46] + rows[2 * cell + 1][36:46]
            if sum(int(bits[place]) << k for k, place in enumerate(TABLE)) == ADDER:
                start = asc.index("\n", asc.index(f"{header}\n")) + 1
                place = start + 2 * cell * (len(rows[0]) + 1) + 36 + TABLE[0]
                yield f"{asc[:place]}{1 - int(asc[place])}{asc[place + 1 :]}"


def noticed(design, codes, asc, text):
    """Whether a bitstream with this ``.asc`` gives wrong results, or none."""
    asc.write_text(text)
    try:
        return simulate(design, codes, "bitstream").exact < len(codes)
    except BenchError:
        return True


def test_small_network(need, small, codes, tmp_path, monkeypatch):
    """Exact at the pins, with the PLL; and not with one bit flipped.

    The memory is the last layer's, of which every weight is in every sum.
    """
    need("iverilog")
    need("icebox_vlog")
    clock = choose_clock(BOARD)
    assert clock.pll is not None
    built = tmp_path / "built"
    build(small(), BOARD, built, clock, choose_baud(BOARD, clock))
    monkeypatch.setattr(bitstream, "build", lambda design, board, folder, *_, **__: copy(built, folder))
    told = []
    report = simulate(
        small(), codes[:12], "bitstream", progress=lambda *what: told.append(what), vcd=tmp_path / "x.vcd"
    )
    assert (report.exact, report.total, report.message, report.as_planned) == (12, 12, None, True)
    assert (report.latency, report.interval) == (None, None)
    assert [str(trial.stall) for trial in report.trials] == ["no stalls"]
    assert (told[0], told[-1]) == (
        ("samples through the bitstream's pins", 0, 12),
        ("samples through the bitstream's pins", 12, 12),
    )

    check_packed(built)
    asc = (built / f"{NAME}.asc").read_text()
    (built / f"{NAME}.asc").write_text(memory_flipped(asc))
    report = simulate(small(), codes[:2], "bitstream", vcd=tmp_path / "x.vcd")
    assert (report.exact, report.mismatch.op, report.mismatch.sample) == (0, "fc1", 0)
    assert re.fullmatch(r"layer 'fc1', sample 0, index .* at cycle \d+ \(bitstream, no stalls\)", report.message)
    assert not (tmp_path / "x.vcd").exists()
    with pytest.raises(ToolError) as caught:
        check_packed(built)
    assert str(caught.value) == f"icepop.bin in '{built}' is not icepop.asc packed; build both again"

    # not every bit matters to two samples
    assert any(noticed(small(), codes[:2], built / f"{NAME}.asc", text) for text in islice(tables_flipped(asc), 5))


def copy(source, target):
    shutil.copytree(source, target, dirs_exist_ok=True)


def test_stalls_are_refused(small, codes):
    driven = stimulus(small(), codes, Stall("random"))
    with pytest.raises(BenchError) as caught:
        bitstream.run(small(), [driven], silent)
    assert str(caught.value) == "a bitstream's streams cannot be stalled at its pins; simulate it without stalls"


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (icarus, "iverilog is not on PATH; apt install iverilog, or use --backend verilator"),
        (fabric, "icebox_vlog is not on PATH; apt install fpga-icestorm, or use --backend verilator"),
    ],
)
def test_it_sees_pins_and_needs_two_tools(monkeypatch, module, reason):
    for other in (icarus, fabric):
        monkeypatch.setattr(other, "which", lambda tool: f"/usr/bin/{tool}")
    assert sees(find("bitstream")) is Sight.PINS
    monkeypatch.setattr(module, "which", lambda tool: None)
    with pytest.raises(ToolError) as caught:
        find("bitstream")
    assert str(caught.value) == f"no simulator 'bitstream': {reason}"


@pytest.mark.parametrize("name", [f"{NAME}.asc", BITSTREAM])
def test_a_folder_without_its_files(tmp_path, name):
    for other in {f"{NAME}.asc", BITSTREAM} - {name}:
        (tmp_path / other).touch()
    with pytest.raises(ToolError) as caught:
        check_packed(tmp_path)
    assert str(caught.value) == f"no {name} in '{tmp_path}'; 'icepop bitstream' writes one"
