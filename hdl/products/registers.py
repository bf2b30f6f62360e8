"""Registers and slices that products share."""

from collections.abc import Sequence

from amaranth import Cat, Module, Signal, Value


def lanes_of(word: Value, lanes: int) -> list[Value]:
    """The equal parts of a word, lane 0 least significant."""
    bits = len(word) // lanes
    return [word[lane * bits : (lane + 1) * bits] for lane in range(lanes)]


def registered(m: Module, bits: Sequence[Value]) -> list[Value]:
    """Each bit one cycle later."""
    held = Signal(len(bits), reset_less=True)
    m.d.sync += held.eq(Cat(bits))
    return list(held)
