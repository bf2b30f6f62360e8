"""The class with the most votes: a knock-out tournament between scores."""

from collections.abc import Sequence
from dataclasses import dataclass

from amaranth import Cat, Const, Module, Mux, Signal, Value

from icepop.compiler.planner.plan import Resources


@dataclass(frozen=True, eq=False)
class Contestant:
    """A score in the tournament.

    Parameters
    ----------
    score : Value
        Votes, inverted where the contestant is the second of its next pair.
    label : Value
        Class.
    """

    score: Value
    label: Value


def second(place: int, count: int) -> bool:
    """Whether contestant ``place`` of ``count`` is the second of the next pair it is in; one without a pair goes on."""
    while count > 1 and place == count - 1 and count % 2:
        place, count = place // 2, (count + 1) // 2
    return place % 2 == 1


def played(m: Module, contestants: Sequence[Contestant]) -> list[Contestant]:
    """Winners of one round, in order; the last contestant of an odd number goes on alone.

    The first of a pair wins if ``first >= second``, so that ties go to the lowest class. With the second inverted this
    is the carry of ``first + ~second + 1``, a chain without look-up tables.
    """
    winners: list[Contestant] = []
    following = (len(contestants) + 1) // 2
    for place in range(following):
        pair = contestants[2 * place : 2 * place + 2]
        if len(pair) == 1:
            winners += pair
            continue
        wins, label = Signal(), Signal(len(pair[0].label))
        score = Signal(len(pair[0].score))
        m.d.comb += [
            wins.eq(_reaches(m, pair[0].score, pair[1].score)),
            score.eq(Mux(wins, pair[0].score, ~pair[1].score) ^ (-1 if second(place, following) else 0)),
            label.eq(Mux(wins, pair[0].label, pair[1].label)),
        ]
        winners.append(Contestant(score, label))
    return winners


def _reaches(m: Module, score: Value, inverted: Value) -> Value:
    """Whether a score is at least another one that is given inverted."""
    total = Signal(len(score) + 2)
    m.d.comb += total.eq(Cat(Const(1, 1), score) + Cat(Const(1, 1), inverted))
    return total[-1]


def tournament_cost(count: int, width: int) -> Resources:
    """Cost of all rounds among so many contestants with scores of ``width`` bits.

    A comparison is a chain of carries, with a cell to set it off and one to lead its result out. The last round's
    score is not needed. A label's lower bits are chosen from the second round on; its highest one is the result.
    """
    matches = count - 1
    scores = max(0, matches - 1) * width
    compared = Resources(carry=width, cells=width + 2) * matches
    chosen, size = 0, count
    round = 0
    while size > 1:
        chosen += (size // 2) * round
        size, round = (size + 1) // 2, round + 1
    return compared + Resources(lut4=scores + chosen, cells=scores + chosen)
