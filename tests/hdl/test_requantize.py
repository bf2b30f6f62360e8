"""Thresholds in hardware on every value there is, and what units refuse."""

from dataclasses import replace

import numpy as np
import pytest
from alone import Alone
from networks import even, scattered
from requantized import span_of, thresholds_on

from icepop.compiler.errors import PlanError
from icepop.compiler.ops.threshold import Threshold
from icepop.compiler.planner.plan import Folding, Span
from icepop.compiler.types import BIPOLAR, Domain, IntArray
from icepop.hdl.arithmetic.comparator import cuts, ordinal_bits, origin
from icepop.hdl.arithmetic.multiply_add import to_digits
from icepop.hdl.channelwise import ChannelUnit
from icepop.hdl.units.multiply_add_shift import MultiplyAddShift
from icepop.hdl.units.threshold_compare import ThresholdCompare
from icepop.hdl.units.threshold_search import ThresholdSearch
from icepop.sim.bench import Stall
from icepop.sim.prove import simulate
from icepop.sim.report import SimReport

SOURCES = (Domain(-33, 33, 2), Domain(-40, 50), Domain(0, 63), Domain(3, 90), Domain(-64, 63), Domain(-1, 1, 2))
RESULTS = (BIPOLAR, Domain(0, 1), Domain(-1, 0), Domain(-1, 1), Domain(-4, 3), Domain(0, 15), Domain(-7, 7))


def every_value(span: Span) -> IntArray:
    """Samples in which each channel has every value of the source."""
    source = span.input.integers
    values = np.arange(source.lo, source.hi + 1, source.step)
    return np.broadcast_to(values.reshape(-1, *(1 for _ in span.input.shape)), (len(values), *span.input.shape))


def proved(kind: type[ChannelUnit], span: Span, pe: int, values: IntArray) -> SimReport:
    """Run of a unit without stalls; its cycles are those of its schedule."""
    design = Alone(span, kind(span, Folding(pe, pe)), samples=len(values))
    report = simulate(design, values, "amaranth", (Stall("none"),))
    assert report.as_planned, (report.latency, report.intervals, design.plan)
    return report


@pytest.mark.parametrize("result", RESULTS, ids=str)
@pytest.mark.parametrize("kind", [ThresholdCompare, ThresholdSearch, MultiplyAddShift])
def test_every_value_has_its_level(kind: type[ChannelUnit], result: Domain) -> None:
    rng = np.random.default_rng([7, RESULTS.index(result)])
    tried = 0
    for number, source in enumerate(SOURCES):
        spread = even if kind is MultiplyAddShift else scattered
        sign = [[1], [-1], [1, -1]][number % 3]
        rows = spread(rng, 1 if number == 3 else 5, source, result.size - 1)
        span = span_of(thresholds_on((5, 2), source, rows, sign, result))
        if kind.matches(span):
            pe = 1 if kind is ThresholdSearch else int(rng.integers(1, 6))
            report = proved(kind, span, pe, every_value(span))
            assert report.mismatch is None, (source, pe, report.message)
            tried += 1
    assert tried or result.size <= 7


@pytest.mark.parametrize("kind", [ThresholdCompare, ThresholdSearch, MultiplyAddShift])
def test_wide_accumulators_around_every_threshold(kind: type[ChannelUnit]) -> None:
    rng = np.random.default_rng(3)
    source = Domain(-(1 << 17), (1 << 17) - 1)
    rows = even(rng, 3, source, 15)
    span = span_of(thresholds_on((3,), source, rows, [1, -1, 1], Domain(0, 15)))
    assert kind.matches(span)
    near = np.concatenate([rows.T + distance for distance in (-1, 0, 1)]).clip(source.lo, source.hi)
    report = proved(kind, span, 1, near)
    assert report.mismatch is None, report.message


def test_a_threshold_that_is_off_by_one_shows() -> None:
    source = Domain(-40, 50)
    rows = scattered(np.random.default_rng(1), 5, source, 5).clip(source.lo + 1, source.hi)
    span = span_of(thresholds_on((5,), source, rows, [1], Domain(0, 5)))
    (op,) = span.ops
    assert isinstance(op, Threshold)
    wrong = replace(op, thresholds=op.thresholds + (np.arange(5)[:, None] == 3) * (np.arange(5) == 2))
    for kind in (ThresholdCompare, ThresholdSearch):
        unit = kind(replace(span, ops=(wrong,)), Folding())
        report = simulate(Alone(span, unit, samples=91), every_value(span), "amaranth", (Stall("none"),))
        assert report.mismatch is not None


@pytest.mark.parametrize(("sign", "ties"), [(1, 0), (-1, 1)])
def test_ties_go_to_even_or_odd_levels(sign: int, ties: int) -> None:
    # half the accumulator, rounded half to even: only with the tie rule a multiplication does that
    levels = np.arange(1, 32)
    rows = np.where(levels % 2 == 0, 2 * levels - 1, 2 * levels)[None]
    span = span_of(thresholds_on((3, 2), Domain(-20, 80), rows, [sign], Domain(0, 31)))
    assert MultiplyAddShift.matches(span)
    assert MultiplyAddShift(span, Folding()).found.ties == ties
    report = proved(MultiplyAddShift, span, 2, every_value(span))
    assert report.mismatch is None, report.message


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_cuts_decide_as_thresholds_do(source: Domain) -> None:
    rng = np.random.default_rng(5)
    values = np.arange(source.lo, source.hi + 1, source.step)
    thresholds = np.concatenate([rng.integers(source.lo - 9, source.hi + 9, 40), [-(1 << 62), 1 << 62]])
    for sign in (1, -1):
        cut = cuts(thresholds[:, None] * sign, np.full(len(thresholds), sign), source)
        assert int(cut.max()).bit_length() <= ordinal_bits(source)
        reached = (values - origin(source)) // source.step >= cut
        assert ((reached ^ (sign < 0)) == (sign * values >= sign * thresholds[:, None])).all()


def test_digits_make_up_their_numbers() -> None:
    numbers = [*range(-70, 70), 1 << 50, -(1 << 50) + 1]
    digits = to_digits(numbers)
    assert set(np.unique(digits)) == {-1, 0, 1, 2}
    assert [sum(int(d) * 4**k for k, d in enumerate(row)) for row in digits] == numbers


@pytest.mark.parametrize("kind", [ThresholdCompare, MultiplyAddShift])
def test_what_is_never_0_must_not_need_padding(kind: type[ChannelUnit]) -> None:
    rows = even(np.random.default_rng(1), 1, Domain(0, 63), 7)
    span = span_of(thresholds_on((6,), Domain(0, 63), rows, [1], Domain(1, 8)))
    assert {folding.pe for folding in kind.foldings(span)} <= {1, 2, 3, 6}
    message = (
        "layer 'act' cannot be folded 4x4: its results are never 0, which is what pads a beat; use a pe that divides 6"
    )
    with pytest.raises(PlanError, match=f"^{message}$"):
        kind(span, Folding(4, 4))
    assert proved(kind, span, 3, every_value(span)).mismatch is None
