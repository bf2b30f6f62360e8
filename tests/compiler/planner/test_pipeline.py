"""FIFOs that end long runs of units whose readys follow each other."""

from dataclasses import dataclass, field, replace

import numpy as np

from icepop.compiler.planner.layers import Unit, UnitLibrary
from icepop.compiler.planner.pipeline import QUEUE, READY_UNITS, Draft, ready_units
from icepop.compiler.planner.plan import Feed, Folding, Resources
from icepop.compiler.planner.timing import Inlet, Timing, streaming
from icepop.compiler.types import Beats, Domain
from icepop.hdl.fork import Fork


@dataclass(frozen=True)
class Step:
    """A unit without a buffer, of so many lanes."""

    lanes: int
    cost: Resources = field(default_factory=Resources)

    @property
    def output(self) -> Beats:
        return Beats(Domain(0, 1), 12, self.lanes)

    @property
    def inputs(self) -> tuple[Beats, ...]:
        return (self.output,)

    @property
    def timing(self) -> Timing:
        return streaming(self.output.count)


def chain(*lanes: int, ready_units: int = READY_UNITS) -> Draft:
    """Draft of a chain, not yet eased."""
    draft, feed = Draft(UnitLibrary((), lambda beats, n: (), Fork), ready_units), Feed()
    for k, number in enumerate(lanes):
        unit: Unit = Step(number)
        feed = draft.add(f"s{k}", unit, [feed], Folding())
    return draft


def eased(draft: Draft) -> list[str]:
    """Names of the stages once no run is too long."""
    while draft.ease():
        pass
    return [stage.name for stage in draft.stages]


def test_a_short_run_is_left_alone() -> None:
    assert eased(chain(4, 4, 4)) == ["s0", "s1", "s2"]


def test_a_long_run_is_cut_where_it_is_narrowest() -> None:
    draft = chain(4, 4, 2, 4)
    assert eased(draft) == ["s0", "s1", "s2", "queue behind s2", "s3"]
    assert draft.stages[3].feeds == (Feed("s2"),)
    assert draft.stages[3].depths == (QUEUE,)
    assert draft.stages[4].feeds == (Feed("queue behind s2"),)


def test_every_long_run_is_cut_and_a_beat_a_cycle_still_passes() -> None:
    draft = chain(*[1] * 9)
    names = eased(draft)
    runs = " ".join("|" if name.startswith("queue") else "." for name in names).replace(" ", "").split("|")
    assert max(map(len, runs)) <= 3
    assert draft.run(4).interval == 12


def test_at_a_fast_clock_no_ready_depends_on_another() -> None:
    assert (ready_units(None), ready_units(36e6), ready_units(48e6)) == (READY_UNITS, READY_UNITS, 1)
    assert eased(chain(4, 2, 4, ready_units=1)) == ["s0", "queue behind s0", "s1", "queue behind s1", "s2"]


@dataclass(frozen=True)
class Slow(Step):
    """A unit that gives a beat every other cycle."""

    @property
    def timing(self) -> Timing:
        return Timing((Inlet(np.arange(1, 7)),), np.full(6, 2), np.ones(6, bool), 1)


def test_a_queue_is_no_deeper_than_the_beats_before_it_are_close() -> None:
    draft = chain(2)
    draft.units[0] = Slow(2)
    draft.add("s1", Step(2), [Feed("s0")], Folding())
    draft.ready_units = 1
    assert eased(draft) == ["s0", "queue behind s0", "s1"]
    assert draft.stages[1].depths == (2,)
    assert draft.run(4).interval == 12


def test_queues_before_one_join_have_names_of_their_own() -> None:
    """Both branches of a join that is not ready by itself end a run of four."""
    draft = chain(4)
    fork = draft.add("fork", Fork(Step(4).output, (1, 1)), [Feed("s0")], Folding())
    draft.stages[-1] = replace(draft.stages[-1], depths=(1, 1))
    ends = []
    for port in range(2):
        feed = replace(fork, port=port)
        for k in range(3):
            feed = draft.add(f"b{port}{k}", Step(4), [feed], Folding())
        ends.append(feed)
    draft.add("join", Step(4), ends, Folding())
    names = eased(draft)
    assert len(set(names)) == len(names)
    assert [name for name in names if name.startswith("queue")] == ["queue behind b00", "queue behind b10"]


@dataclass(frozen=True)
class OneAfterTheOther(Step):
    """A join that takes all of its first input before the second."""

    @property
    def inputs(self) -> tuple[Beats, ...]:
        return (self.output, self.output)

    @property
    def timing(self) -> Timing:
        first, second = np.minimum(np.arange(1, 7), 3), np.maximum(np.arange(-2, 4), 0)
        return Timing((Inlet(first), Inlet(second)), np.ones(6, np.int64), np.arange(6) >= 3, 1)


def standing_still() -> Draft:
    """Draft whose fork would have to hold three beats of the second branch, and holds one."""
    draft = chain(4)
    fork = draft.add("fork", Fork(Step(4).output, (1, 1)), [Feed("s0")], Folding())
    draft.stages[-1] = replace(draft.stages[-1], depths=(1, 1))
    draft.add("join", OneAfterTheOther(4), [fork, replace(fork, port=1)], Folding())
    return draft


def test_a_fork_is_made_deeper_until_nothing_stands_still() -> None:
    plan = standing_still().plan("x", "test", 4, lambda cost: True)
    assert plan is not None
    assert [stage.depths for stage in plan.stages] == [(), (4, 4), ()]


def test_what_does_not_fit_once_its_forks_are_deep_enough_is_no_plan() -> None:
    draft = standing_still()
    draft.hold(1, 0, 2)
    assert standing_still().plan("x", "test", 4, lambda cost: cost.cells <= draft.cost.cells) is None
