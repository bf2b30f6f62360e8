"""FIFOs that end long runs of units whose readys follow each other."""

from dataclasses import dataclass, field

from icepop.compiler.layers import Unit, UnitLibrary
from icepop.compiler.pipeline import QUEUE, Draft
from icepop.compiler.plan import Feed, Folding, Resources
from icepop.compiler.timing import Timing, streaming
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


def chain(*lanes: int) -> Draft:
    """Draft of a chain, not yet eased."""
    draft, feed = Draft(UnitLibrary((), lambda beats, n: (), Fork)), Feed()
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
    depths = [stage.depths for stage in draft.stages]
    assert draft.run(depths, 4).interval == 12
