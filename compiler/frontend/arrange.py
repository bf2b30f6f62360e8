"""Bringing symbols into the layouts that ops need: one function a channel, elements in order."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from icepop.compiler.exact.budget import Budget
from icepop.compiler.exact.functions import distinct_functions
from icepop.compiler.exact.grid import Line
from icepop.compiler.exact.steps.affine import AFFINE, Affine
from icepop.compiler.exact.symbols import Symbol
from icepop.compiler.types import IntArray


def whole(name: str, shape: tuple[int, ...], coded: bool = False) -> Symbol:
    """Symbol of an op's whole result, whose shape is that of one sample."""
    return Symbol(name, np.arange(prod(shape)).reshape(1, *shape), coded=coded)


def channelwise(symbol: Symbol, shape: tuple[int, ...]) -> Symbol | None:
    """The same function of every element of a channel of the source, over the whole source; None if they differ.

    Parameters
    ----------
    symbol : Symbol
        In any layout.
    shape : tuple of int
        Shape of the source's result; axis 0 holds the channels.

    Returns
    -------
    Symbol or None
        Elements of the source in order, with parameters of shape (1, C, 1, …). None if two elements of one channel
        have different functions, or if no element reads a channel.
    """
    channel = symbol.index.reshape(-1) // prod(shape[1:])
    reader = np.full(shape[0], -1, np.int64)
    reader[channel] = np.arange(channel.size)
    if (reader < 0).any():
        return None
    spread = (1, -1, *(1,) * len(shape[1:]))
    same = True

    def one(parameter: NDArray[Any]) -> NDArray[Any]:
        nonlocal same
        if parameter.size == 1:
            return parameter.reshape(())
        flat = np.broadcast_to(parameter, symbol.index.shape).reshape(-1)
        same = same and bool((flat[reader][channel] == flat).all())
        return flat[reader].reshape(spread)

    steps = tuple(step.reshaped(one) for step in symbol.steps)
    index = np.arange(prod(shape)).reshape(1, *shape)
    return replace(symbol, index=index, steps=steps) if same else None


def affine_functions(symbol: Symbol, budget: Budget) -> tuple[list[Line], IntArray] | None:
    """Different functions of a symbol, and which of them each element has (shape of the index).

    None if a function is not ``x * scale + offset`` with rational numbers.
    """
    functions, which = distinct_functions(symbol, budget)
    budget.spend(len(functions) * len(symbol.steps) * 8)
    lines = []
    for function in functions:
        if not all(isinstance(step, AFFINE) for step in function.steps):
            return None
        offset, end = function(Fraction(0)), function(Fraction(1))
        if not isinstance(offset, Fraction) or not isinstance(end, Fraction):
            return None
        lines.append(Line(end - offset, offset))
    return lines, which


def affine(lines: Sequence[Line], which: IntArray) -> Affine:
    """Step with one of some functions for each element; equal ones become one."""
    numbers = {line: number for number, line in enumerate(dict.fromkeys(lines))}
    merged = np.array([numbers[line] for line in lines], np.float64)
    return Affine(tuple(numbers), merged[which] if len(numbers) > 1 else np.float64(0))


def compact(array: NDArray[Any]) -> NDArray[Any]:
    """Array without the axes along which it does not vary, which keep length 1."""
    for axis in range(array.ndim):
        first = array.take([0], axis)
        if (array == first).all():
            array = first
    return array
