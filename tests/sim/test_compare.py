from dataclasses import replace

import numpy as np
import pytest

from icepop.compiler.raster import to_stream
from icepop.compiler.types import BIPOLAR, Beats, Domain
from icepop.hdl.accelerator import Tap
from icepop.sim.compare import Mismatch, Verdict, compare
from icepop.sim.records import Record

SAMPLES = 4
ACC = Domain(-20, 20)
TAPS = (
    Tap("tap0", "conv", Beats(BIPOLAR, 2 * 3 * 5, 4)),
    Tap("tap1", "fc", Beats(ACC, 7, 3)),
    Tap("o", "class", Beats(Domain(0, 6), 1, 1)),
)


@pytest.fixture
def golden():
    rng = np.random.default_rng(5)
    return {
        "conv": rng.choice([-1, 1], (SAMPLES, 2, 3, 5)),
        "fc": rng.integers(-20, 21, (SAMPLES, 7)),
        "class": rng.integers(0, 7, (SAMPLES, 1)),
    }


@pytest.fixture
def records(golden):
    records = {}
    for tap in TAPS:
        payloads = tap.beats.pack(to_stream(golden[tap.op]))
        records[tap.name] = Record(payloads, [100 + 3 * k for k in range(len(payloads))])
    return records


def test_equal(golden, records):
    assert compare(TAPS, records, golden) == Verdict(SAMPLES, SAMPLES, None)


@pytest.mark.parametrize(("sample", "index"), [(0, (0, 0, 0)), (2, (1, 2, 3)), (3, (0, 2, 4))])
def test_one_wrong_raster_element_is_named_in_the_order_of_the_op(golden, records, sample, index):
    right = int(golden["conv"][(sample, *index)])
    golden["conv"][(sample, *index)] *= -1
    channel, row, column = index
    beat = sample * TAPS[0].beats.count + ((row * 5 + column) * 2 + channel) // 4
    expected = Mismatch("tap0", "conv", sample, index, -right, right, 100 + 3 * beat)
    assert compare(TAPS, records, golden) == Verdict(SAMPLES, SAMPLES - 1, expected)


def test_every_bit_of_a_payload_is_compared(golden, records):
    record = records["tap1"]
    width = 6
    for element in range(7):
        for bit in range(width):
            payloads = list(record.payloads)
            payloads[3 + element // 3] ^= 1 << (bit + width * (element % 3))
            verdict = compare(TAPS, records | {"tap1": replace(record, payloads=payloads)}, golden)
            assert verdict.exact == SAMPLES - 1
            mismatch = verdict.mismatch
            assert (mismatch.op, mismatch.sample, mismatch.index) == ("fc", 1, (element,))
            assert mismatch.got != mismatch.expected == golden["fc"][1, element]


def test_padding_is_not_compared(golden, records):
    records["tap1"].payloads[2] ^= 0b111111 << 6
    assert compare(TAPS, records, golden).mismatch is None


def test_first_wrong_layer_comes_before_an_earlier_sample(golden, records):
    golden["fc"][2, 4] += -1 if golden["fc"][2, 4] > 0 else 1
    golden["class"][0, 0] = (golden["class"][0, 0] + 1) % 7
    verdict = compare(TAPS, records, golden)
    assert (verdict.mismatch.op, verdict.mismatch.sample, verdict.exact) == ("fc", 2, SAMPLES - 2)


def test_missing_beat(golden, records):
    record = records["tap1"]
    records["tap1"] = Record(record.payloads[:-1], record.cycles[:-1])
    verdict = compare(TAPS, records, golden)
    assert verdict.exact == SAMPLES - 1
    expected = int(golden["fc"][3, 0])
    assert verdict.mismatch == Mismatch("tap1", "fc", 3, (0,), expected, None, record.cycles[-2])
    assert (
        str(verdict.mismatch)
        == f"layer 'fc', sample 3, index [0]: expected {expected}, but nothing came after cycle {record.cycles[-2]}"
    )


def test_nothing_came(golden, records):
    verdict = compare(TAPS, records | {"tap0": Record([], [])}, golden)
    assert (verdict.exact, verdict.mismatch.op, verdict.mismatch.sample, verdict.mismatch.got) == (0, "conv", 0, None)


def test_surplus_beat(golden, records):
    records["o"] = Record([*records["o"].payloads, 5], [*records["o"].cycles, 999])
    verdict = compare(TAPS, records, golden)
    assert verdict.mismatch == Mismatch("o", "class", SAMPLES, (0,), None, 5, 999)
    assert str(verdict.mismatch) == "layer 'class', sample 4, index [0]: expected nothing, got 5 at cycle 999"


def test_message(golden, records):
    mismatch = Mismatch("tap0", "fc1", 3, (17,), -5, -3, 812)
    assert str(mismatch) == "layer 'fc1', sample 3, index [17]: expected -5, got -3 at cycle 812"
