"""Functions of a few bits: what a sum of weighted bits is."""

from fractions import Fraction

import numpy as np

from icepop.compiler.errors import ModelError
from icepop.compiler.exact.budget import Budget
from icepop.compiler.exact.integerize import distinct_functions
from icepop.compiler.exact.numbers import Number
from icepop.compiler.exact.symbols import MAX_VALUE, Neurons, Symbol
from icepop.compiler.ops.lut_vote import BITS, ENTRIES, INPUTS
from icepop.compiler.types import Domain


def summed(x: Symbol, domain: Domain, what: str, budget: Budget) -> Neurons:
    """Sum along the last axis of a tensor of functions of single bits.

    Parameters
    ----------
    x : Symbol
        Of a result that holds bits.
    domain : Domain
        Values of that result.
    what : str
        Names the node in errors.
    budget : Budget
        What the work is taken off.

    Raises
    ------
    ModelError
        The elements are not functions of bits, or more than four are summed.
    """
    count = x.index.shape[-1]
    if domain not in BITS or not 1 <= count <= INPUTS:
        raise ModelError(f"{what} must sum functions of at most {INPUTS} bits, not {count} elements of {domain}")
    functions, which = distinct_functions(x, budget)
    codes = Fraction(domain.lo), Fraction(domain.hi)
    terms = np.array([[whole(function(code), what) for code in codes] for function in functions], np.int64)[which]
    address = np.arange(ENTRIES)
    tables = sum(terms[..., place, (address >> place) & 1] for place in range(count))
    spare = [(0, 0)] * (x.index.ndim - 1) + [(0, INPUTS - count)]
    return Neurons(x.source, np.pad(x.index, spare, mode="edge"), np.asarray(tables, np.int64))


def whole(value: Number, what: str) -> int:
    """A number that must be an integer below 2**24."""
    if not isinstance(value, Fraction) or value.denominator != 1 or abs(value) >= MAX_VALUE:
        raise ModelError(f"{what} must sum integers below 2**24")
    return int(value)
