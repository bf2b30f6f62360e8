"""`Constants`: what a unit asks of a memory that other units read too."""

from collections.abc import Sequence

from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

MOST = 64
"""Most cycles that are left between two words: more would free less than a sixty-fourth of a memory's time."""


class Constants(wiring.PureInterface):
    """Words that a unit needs one after the other, round and round, from a memory that is not its own.

    Parameters
    ----------
    width : int
        Bits of a word.
    words : sequence of int
        In order; at least two.
    spacing : int
        Cycles from a word's being taken to the next one's, at least.

    Members
    -------
    take : Out(1)
        The word is used for the last time in this cycle.
    word : In(width)
        The next word is there ``spacing`` cycles after the one before was taken, or sooner.
    """

    def __init__(self, width: int, words: Sequence[int], spacing: int):
        self.width, self.words, self.spacing = width, list(words), spacing
        super().__init__(constants_signature(width))


def constants_signature(width: int) -> wiring.Signature:
    """Signature of `Constants`, seen from the unit."""
    return wiring.Signature({"take": Out(1), "word": In(width)})
