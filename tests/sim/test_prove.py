import re

import numpy as np
import pytest

from icepop.compiler.errors import DataError, ToolError
from icepop.compiler.types import BIPOLAR, Beats
from icepop.sim import prove
from icepop.sim.bench import BenchError, Stall
from icepop.sim.prove import UNSTALLED, simulate
from icepop.sim.records import Record, Run
from icepop.sim.report import between_samples, latency, on_time

RANDOM = Stall("random")


def test_right_design_is_exact_and_as_fast_as_planned(standin, codes):
    report = simulate(standin(), codes)
    assert (report.total, report.exact, report.mismatch, report.message) == (40, 40, None, None)
    assert (report.interval, report.latency) == (3, 4) == (report.planned_interval, report.planned_latency)
    assert report.as_planned
    assert [str(trial.stall) for trial in report.trials] == ["random stalls", "no stalls"]
    assert report.cycles == sum(trial.cycles for trial in report.trials) > 40 * 3 * 2
    assert report.seconds > 0


@pytest.mark.parametrize("kind", ["random", "bursts", "one-in-n"])
@pytest.mark.parametrize("seed", range(3))
def test_right_design_is_exact_under_any_stalls(standin, codes, kind, seed):
    report = simulate(standin(), codes, stalls=[Stall(kind, 0.6, seed=seed)])
    assert (report.exact, report.mismatch) == (40, None)
    assert (report.interval, report.latency, report.intervals) == (None, None, ())
    assert report.as_planned


@pytest.mark.parametrize(("interval", "latency"), [(4, 4), (3, 5)])
def test_timing_that_differs_from_the_plan(standin, codes, interval, latency):
    design = standin()
    design.plan = type(design.plan)(interval, latency)
    report = simulate(design, codes, stalls=[UNSTALLED])
    assert (report.exact, report.as_planned) == (40, False)


def test_unsteady_interval_is_no_interval(standin, codes):
    report = simulate(standin("hesitates"), codes, stalls=[UNSTALLED])
    assert (report.exact, report.interval, report.intervals, report.as_planned) == (40, None, (3, 4), False)


def test_of_intervals_that_alternate_the_longest_is_planned(standin, codes):
    design = standin("hesitates")
    design.plan = type(design.plan)(4, design.plan.latency)
    report = simulate(design, codes, stalls=[UNSTALLED])
    assert (report.interval, report.intervals, report.as_planned) == (None, (3, 4), True)


def test_timing_is_that_of_last_beats():
    output = Beats(BIPOLAR, 5, 2)
    beats = [10, 11, 15, 20, 21, 26, 30, 31, 37, 40, 41, 48, 50, 51, 59]
    run = Run({"i": Record([0, 0], [4, 5]), "o": Record([0] * 15, beats)}, 99, 1.0)
    assert latency(output, run) == 15 - 4
    assert between_samples(output, run) == (11, 11, 11, 11)
    assert between_samples(output, Run({"o": Record([0] * 6, beats[:6])}, 99, 1.0)) == (11,)


@pytest.mark.parametrize(
    ("interval", "first", "measured", "right"),
    [
        (7, (), (), True),
        (7, (), (5, 6, 7, 7), True),
        (7, (), (7, 7, 6, 6), False),
        (7, (5, 6), (5,), True),
        (7, (5, 6), (6,), False),
        (7, (5, 7), (5, 6), False),
        (7, (5, 7), (5, 7, 7, 7), True),
        (7, (5, 7), (5, 7, 6, 6), False),
        (7, (5, 6), (5, 6, 6, 6), True),  # of more samples than were planned the first may come faster for longer
        (7, (5, 6), (5, 6, 6, 8), False),
        (7, (9, 7), (9, 7, 7, 7), True),
    ],
)
def test_samples_come_as_planned(standin, interval, first, measured, right):
    assert on_time(measured, type(standin().plan)(interval, 4, first)) is right


def test_stalls_last_longer_than_an_interval(standin, codes):
    design = standin()
    design.plan = type(design.plan)(interval=300, latency=4)
    driven = prove.stimulus(design, codes, RANDOM)
    assert (driven.accept.length, driven.offer.length) == (300, 300)
    assert driven.accept.seed != driven.offer.seed
    assert driven.patience > driven.accept.longest + driven.offer.longest + 10 * 304


def test_a_run_may_be_some_times_slower_than_planned_and_is_ended_then(standin, codes):
    assert prove.stimulus(standin(), codes, UNSTALLED).limit == 1000 + 10 * 7 + 8 * 41 * 4
    stalled = prove.stimulus(standin(), codes, Stall("one-in-n", 0.75))
    assert stalled.limit == stalled.patience + 8 * 4 * 4 * 41 * 4
    with pytest.raises(BenchError, match=r"^the design does not come to an end: in 2382 cycles "):
        simulate(standin("runaway"), codes, stalls=[UNSTALLED])


def test_one_sample_has_no_interval(standin, codes):
    report = simulate(standin(), codes[:1])
    assert (report.total, report.exact, report.latency, report.interval) == (1, 1, 4, None)
    assert report.as_planned


def test_no_sample_proves_nothing(standin, codes):
    with pytest.raises(DataError, match=r"^there must be at least one sample to simulate$"):
        simulate(standin(), codes[:0])


def test_one_wrong_bit_in_one_tap_is_named_and_shown(standin, codes, tmp_path):
    vcd = tmp_path / "new" / "mismatch.vcd"
    report = simulate(standin("wrong bit"), codes, stalls=[UNSTALLED], vcd=vcd)
    mismatch = report.mismatch
    expected = int(codes[2, 13] * standin().graph.ops[1].sign[13])
    assert (mismatch.op, mismatch.sample, mismatch.index, mismatch.expected) == ("flip", 2, (13,), expected)
    assert mismatch.got == -expected
    assert mismatch.cycle == 2 * 3 + 1 + 1
    assert report.exact == 39
    assert report.message == (
        f"layer 'flip', sample 2, index [13]: expected {expected}, got {-expected} at cycle 8 (amaranth, no stalls); "
        f"cycles 0 to 24 are in {vcd}, 10 ns each"
    )
    assert [path.name for path in vcd.parent.iterdir()] == ["mismatch.vcd"]
    text = vcd.read_text()
    assert "tap0__payload" in text
    times = [int(time) for time in re.findall(r"^#(\d+)$", text, re.M)]
    assert times[0] == 0
    assert 24 * 10**7 <= times[-1] < 25 * 10**7


def test_no_waves_where_none_are_wanted(standin, codes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report = simulate(standin("wrong bit"), codes, stalls=[UNSTALLED])
    assert report.message.endswith("at cycle 8 (amaranth, no stalls)")
    assert not list(tmp_path.iterdir())


def test_late_mismatch_is_repeated_alone(standin, codes, tmp_path, monkeypatch):
    monkeypatch.setattr(prove, "FAR", 50)
    codes = np.concatenate([codes[:39], [standin().graph.ops[1].sign]])
    report = simulate(standin("wrong value"), codes, stalls=[UNSTALLED], vcd=tmp_path / "late.vcd")
    mismatch = report.mismatch
    assert (mismatch.op, mismatch.sample, mismatch.cycle) == ("count", 39, 121)
    assert report.message.endswith(
        f"; repeated with samples 38 to 39 alone, it is at cycle 7: cycles 0 to 23 are in {tmp_path / 'late.vcd'}, "
        "10 ns each"
    )


def test_late_mismatch_that_needs_its_history_is_repeated_whole(standin, codes, tmp_path, monkeypatch):
    monkeypatch.setattr(prove, "FAR", 5)
    report = simulate(standin("wrong bit"), codes, stalls=[UNSTALLED], vcd=tmp_path / "late.vcd")
    assert report.message.endswith(f"; cycles 0 to 24 are in {tmp_path / 'late.vcd'}, 10 ns each")


def test_mismatch_of_another_simulator_only(standin, codes, tmp_path, monkeypatch):
    class Liar:
        @staticmethod
        def run(design, stimuli, progress):
            return prove.amaranth.run(standin("wrong bit"), stimuli, progress)

    monkeypatch.setattr(prove, "find", lambda name: Liar)
    report = simulate(standin(), codes, "liar", vcd=tmp_path / "x.vcd")
    assert "; Amaranth's simulator does not show it: cycles " in report.message


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("drops valid", r"tap 'flip' dropped valid before the transfer of beat \d+ at cycle \d+ \(random stalls\)"),
        ("changes payload", r"tap 'flip' changed its payload before the transfer of beat \d+ at cycle \d+ \(random .*"),
        ("deadlock", r"the design stands still: no transfer in \d+ cycles after cycle \d+ \(random stalls\); .*"),
        ("waits for ready", r"the design stands still: .* output beat 7 not offered, which must not wait for ready .*"),
    ],
)
def test_broken_streams_are_named_and_shown(standin, codes, tmp_path, fault, message):
    vcd = tmp_path / "broken.vcd"
    with pytest.raises(BenchError, match=f"^{message}; cycles .* are in {re.escape(str(vcd))}, 10 ns each$"):
        simulate(standin(fault), codes, vcd=vcd)
    assert vcd.exists()


def test_broken_streams_without_waves(standin, codes):
    with pytest.raises(BenchError, match=r"^tap 'flip' dropped valid before the transfer of beat .* stalls\)$"):
        simulate(standin("drops valid"), codes)


def test_repeated_beat_is_a_mismatch(standin, codes):
    report = simulate(standin("repeats a beat"), codes, stalls=[UNSTALLED])
    assert report.mismatch.op == "count"
    assert report.exact < 40


def test_codes_out_of_range(standin):
    with pytest.raises(DataError, match=r"^x must hold codes in \{-1, \+1\}, not \[0, 0\]$"):
        simulate(standin(), np.zeros((2, 20), np.int64))


def test_missing_simulator(standin, codes):
    with pytest.raises(ToolError, match=r"^no simulator 'questa': there are "):
        simulate(standin(), codes, "questa")


def test_progress_counts_output_beats(standin, codes):
    told = []
    simulate(standin(), codes, progress=lambda *what: told.append(what))
    assert told == [("random stalls", 40, 40), ("no stalls", 40, 40)]
