"""Which encodings can store given weights, and in how many bits."""

from dataclasses import dataclass

from icepop.compiler import encodings
from icepop.compiler.encodings.base import Encoding
from icepop.compiler.registry import modules
from icepop.compiler.types import IntArray


@dataclass(frozen=True)
class Candidate:
    """An encoding that can store some weights.

    Parameters
    ----------
    name : str
        What a plan calls it: the name of its file.
    encoding : Encoding
        With what it knows of the weights.
    bits : int
        For all words, with what is stored once.
    """

    name: str
    encoding: Encoding
    bits: int


def candidates(weights: IntArray) -> list[Candidate]:
    """Encodings that can store weights, the fewest bits first; of equal ones, in the order of their names.

    Parameters
    ----------
    weights : int64 array (words, lanes)
        Weight codes as they are stored: a row becomes one word.
    """
    words, lanes = weights.shape
    matching = [(name, kind.of(weights)) for name, kind in registered().items() if kind.matches(weights)]
    found = [Candidate(name, each, words * each.bits(lanes) + each.once) for name, each in matching]
    return sorted(found, key=lambda candidate: candidate.bits)


def registered() -> dict[str, type[Encoding]]:
    """Encodings by the name of their file."""
    return {
        name: item
        for name, module in modules(encodings)
        for item in vars(module).values()
        if isinstance(item, type) and item.__module__ == module.__name__ and hasattr(item, "unpack") and name != "base"
    }
