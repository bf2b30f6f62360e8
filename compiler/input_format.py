"""Formats of the hardware's input: which integers it takes, and the float32 number that each stands for."""

import re
from dataclasses import dataclass
from functools import cached_property
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from icepop.compiler.errors import DataError
from icepop.compiler.types import BIPOLAR, Domain, IntArray

PATTERN = re.compile(r"(u?)int([1-9]\d?)(?:(/|@)(.+))?")
MAX_BITS = 16
EXAMPLES = "uint8/255, int16/1024, int8@0.0078125 or bipolar"


@dataclass(frozen=True)
class InputFormat:
    """Integers as they come from a sensor or a file.

    Parameters
    ----------
    domain : Domain
        The codes.
    scale : float
        A float32 number, positive.
    divides : bool
        Whether code c means ``float32(c) / scale`` instead of ``float32(c) * scale``; both are rounded to float32.
    """

    domain: Domain
    scale: float = 1.0
    divides: bool = False

    @cached_property
    def values(self) -> NDArray[np.float32]:
        """Real value of every code, ascending with the codes."""
        codes = np.arange(self.domain.lo, self.domain.hi + 1, self.domain.step).astype(np.float32)
        with np.errstate(over="ignore", under="ignore"):
            return codes / np.float32(self.scale) if self.divides else codes * np.float32(self.scale)

    def codes(self, x: NDArray[np.float32], name: str) -> IntArray:
        """Code of every float.

        Raises
        ------
        DataError
            A float is no code's value; it is named with its index and its neighbours.
        """
        place = np.minimum(np.searchsorted(self.values, x), self.domain.size - 1)
        if (self.values[place] != x).any():
            index = tuple(np.argwhere(self.values[place] != x)[0].tolist())
            wrong, at = x[index], int(place[index])
            near = " and ".join(dict.fromkeys(str(value) for value in self.values[max(0, at - 1) : at + 1]))
            raise DataError(
                f"{name} must hold values of {self}, not {wrong} at index {list(index)}; near it are {near}"
            )
        return self.domain.lo + self.domain.step * place

    def __str__(self) -> str:
        if self.domain == BIPOLAR:
            return "bipolar"
        kind = f"{'' if self.domain.signed else 'u'}int{self.domain.bits}"
        return f"{kind}{'/' if self.divides else '@'}{np.float32(self.scale)}"


def parse_format(text: str) -> InputFormat:
    """Format from the words of the command line: ``uint8/255``, ``int16/1024``, ``int8@0.83``, ``bipolar``.

    Raises
    ------
    DataError
        Other words, more than 16 bits, or a scale that is no positive float32 or makes two codes the same number.
    """
    if text == "bipolar":
        return InputFormat(BIPOLAR)
    match = PATTERN.fullmatch(text)
    if match is None or int(match[2]) > MAX_BITS:
        raise DataError(f"an input format must be like {EXAMPLES}, with up to {MAX_BITS} bits, not '{text}'")
    bits = int(match[2])
    domain = Domain(0, (1 << bits) - 1) if match[1] else Domain(-(1 << bits - 1), (1 << bits - 1) - 1)
    try:
        with np.errstate(over="ignore", under="ignore"):
            scale = float(np.float32(match[4] or 1))
    except ValueError:
        scale = 0.0
    if not isfinite(scale) or scale <= 0:
        raise DataError(f"the scale of input format '{text}' must be a positive float32 number")
    format = InputFormat(domain, scale, match[3] == "/")
    if not (np.isfinite(format.values).all() and (np.diff(format.values) > 0).all()):
        raise DataError(f"the scale of input format '{text}' must keep different codes different, finite numbers")
    return format
