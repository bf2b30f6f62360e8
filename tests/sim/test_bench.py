import re

import numpy as np
import pytest

from icepop.sim.bench import KINDS, PERIOD, POLITE, TAIL, BenchError, Driver, Stall, Stimulus


@pytest.mark.parametrize("kind", ["random", "bursts", "one-in-n"])
@pytest.mark.parametrize("rate", [0.2, 0.5, 0.75])
def test_stalls_take_the_share_they_are_asked_for(kind, rate):
    moves = Stall(kind, rate).moves
    assert moves.shape == (PERIOD,)
    assert 1 - moves.mean() == pytest.approx(rate, abs=0.03)


def test_no_stalls_never_stall():
    assert Stall().moves.all()
    assert Stall().longest == 0


@pytest.mark.parametrize("kind", KINDS)
def test_stalls_follow_from_their_parameters_alone(kind):
    assert (Stall(kind, seed=4).moves == Stall(kind, seed=4).moves).all()


@pytest.mark.parametrize("kind", ["random", "bursts"])
def test_another_seed_is_another_pattern(kind):
    assert (Stall(kind, seed=4).moves != Stall(kind, seed=5).moves).any()


@pytest.mark.parametrize("kind", ["random", "bursts"])
def test_stalls_outlast_their_length_so_that_buffers_fill(kind):
    assert Stall(kind, length=100).longest > 100


def test_one_in_n_moves_every_nth_cycle():
    assert np.flatnonzero(Stall("one-in-n", 0.75).moves[:12]).tolist() == [0, 4, 8]
    assert Stall("one-in-n", 0.75).longest == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "often"}, "stalls must be one of none, random, bursts, one-in-n, not 'often'"),
        ({"rate": 1.0}, "the share of stalled cycles must lie between 0 and 1, not 1.0"),
        ({"length": 0}, "a stretch of stalls must be at least 1 cycle long, not 0"),
    ],
)
def test_stalls_that_cannot_be(arguments, message):
    with pytest.raises(BenchError, match=f"^{re.escape(message)}$"):
        Stall(**arguments)


def test_stimulus_survives_json():
    stimulus = Stimulus((0, 5, 1 << 200), 7, Stall("random", 0.25, 9, 3), Stall("bursts", 0.75, 5, 4), 99, 1234)
    assert Stimulus.from_json(stimulus.to_json()) == stimulus


def drive(stimulus, width, respond, cycles):
    """Words of the first cycles of a driver whose design answers ``respond(cycle, word)`` -> (ready, valid)."""
    driver = Driver(stimulus, width)
    words = []
    for cycle in range(cycles):
        words.append(driver.word)
        ready, valid = respond(cycle, driver.word)
        given, taken = bool(ready and driver.word & 2), bool(valid and driver.word & 1)
        if not driver.step(given, taken, bool(valid), given or taken):
            break
    return words


def test_driver_does_not_wait_for_ready_and_holds_what_it_offers():
    words = drive(Stimulus((5, 6), 1, Stall("random", seed=1)), 4, lambda cycle, word: (0, 0), 100)
    first = next(k for k, word in enumerate(words) if word & 2)
    assert {word >> 1 for word in words[first:]} == {1 | 5 << 1}


def test_driver_gives_one_beat_after_the_other():
    words = drive(Stimulus((5, 6, 9), 9), 4, lambda cycle, word: (1, 0), 4)
    assert [(word >> 1 & 1, word >> 2) for word in words[:3]] == [(1, 5), (1, 6), (1, 9)]
    assert words[3] & 2 == 0


def test_driver_shows_a_wrong_payload_while_it_offers_none():
    words = drive(Stimulus((5,) * 50, 9, Stall("one-in-n", 0.75)), 4, lambda cycle, word: (1, 0), 8)
    assert [word >> 2 for word in words] == [5, 10, 10, 10, 5, 10, 10, 10]


def test_driver_ends_after_a_tail():
    words = drive(Stimulus((1,), 1), 4, lambda cycle, word: (1, cycle == 10), 1000)
    assert len(words) == 10 + TAIL


def test_driver_goes_on_while_something_still_moves():
    driver = Driver(Stimulus((1,), 1, tail=40), 4)
    moves = {10, 49, 88}
    cycles = 1
    while driver.step(False, cycles == 10, False, cycles in moves):
        cycles += 1
    assert cycles == 88 + 40 - 1


def test_driver_gives_up_when_nothing_moves():
    words = drive(Stimulus((1,), 1, patience=50), 4, lambda cycle, word: (cycle == 7, 0), 1000)
    assert len(words) == 8 + 50


def test_driver_ends_at_its_limit_though_something_moves():
    driver = Driver(Stimulus((1,), 1, patience=50, limit=300), 4)
    cycles = 1
    while driver.step(False, False, False, True) and cycles < 1000:
        cycles += 1
    assert cycles == 300


def test_without_a_limit_every_beat_may_take_all_the_patience():
    assert Stimulus((1, 2), 3, patience=50).limit == TAIL + 6 * 50


def test_stalled_driver_sometimes_waits_for_valid():
    accept = Stall("one-in-n", 0.01)
    polite = drive(Stimulus((), 99, accept=accept), 4, lambda cycle, word: (0, cycle > 50), 60)
    assert [word & 1 for word in polite[:POLITE]] == [0] + [1] * (POLITE - 1)
    taken = POLITE - 1
    waiting = drive(Stimulus((), 99, accept=accept), 4, lambda cycle, word: (0, cycle <= taken or cycle > 50), 60)
    assert [word & 1 for word in waiting[taken + 1 : 52]] == [0] * (51 - taken)
    assert waiting[52] & 1
