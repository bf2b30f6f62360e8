"""Delays."""

from amaranth import Module, Signal, Value


def behind(m: Module, *values: Value) -> list[Value]:
    """The values one cycle later."""
    registers = [Signal(len(value)) for value in values]
    m.d.sync += [register.eq(value) for register, value in zip(registers, values, strict=True)]
    return [*registers]
