"""Delays."""

from amaranth import Module, Signal, Value


def behind(m: Module, *values: Value) -> list[Value]:
    """The values one cycle later."""
    registers = [Signal(len(value)) for value in values]
    m.d.sync += [register.eq(value) for register, value in zip(registers, values, strict=True)]
    return [*registers]


def delayed(m: Module, flag: Value, cycles: int) -> list[Value]:
    """A flag in this cycle, and after each of so many."""
    flags = [flag]
    for _ in range(cycles):
        flags += behind(m, flags[-1])
    return flags
