"""A bench for any component whose ports are streams: drives each with its own stalls and checks the stream rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from amaranth import Cat, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In
from amaranth.sim import Simulator, SimulatorContext

PATIENCE = 5000
"""Cycles without a transfer after which a run ends; what is missing then shows in its result."""

TAIL = 16
"""Cycles that a run goes on after all has come, in which a surplus beat would show."""


@dataclass(frozen=True)
class Transfers:
    """What moved on one stream: cycle and payload of every transfer, and whether the bench's side was there each cycle.

    Its side is valid for an input, ready for an output.
    """

    cycles: list[int]
    payloads: list[int]
    offered: list[bool]


def ports(component: wiring.Component) -> dict[str, bool]:
    """Names of a component's stream ports, and whether each is an input."""
    return {name: member.flow is In for name, member in component.signature.members.items()}


def moves(rng: np.random.Generator | None, length: int) -> list[bool]:
    """Whether a stream may move, cycle by cycle: always, or at a rate that changes every now and then."""
    if rng is None:
        return [True] * length
    rates = rng.choice([0.0, 0.2, 0.5, 0.9, 1.0], length)
    return (rng.random(length) < np.repeat(rates, rng.integers(1, 40, length))[:length]).tolist()


def run(
    component: wiring.Component,
    given: Mapping[str, Sequence[int]],
    wanted: Mapping[str, int],
    rng: np.random.Generator | None = None,
    watched: Mapping[str, Any] | None = None,
    patience: int = PATIENCE,
) -> dict[str, Transfers]:
    """Drive a component from reset until every output gave what is wanted.

    Parameters
    ----------
    component : Component
        Its ports are streams.
    given : mapping of str to sequence of int
        Payloads for each input.
    wanted : mapping of str to int
        Beats of each output.
    rng : Generator, optional
        Stalls every stream at random; without it none is ever stalled.
    watched : mapping of str to stream, optional
        Streams inside the component that are recorded too.
    patience : int
        Cycles without a transfer after which the run ends.
    """
    inner = dict(watched or {})
    flows = ports(component)
    streams = {name: getattr(component, name) for name in flows} | inner
    period = 4093
    may = {name: moves(rng, period) for name in flows}
    seen = {name: Transfers([], [], []) for name in streams}
    held: dict[str, int] = {}
    m = Module()
    m.submodules.dut = component
    m.d.sync += Signal().eq(1)  # wires have no clock of their own
    flags = Signal(2 * len(streams))
    m.d.comb += flags.eq(Cat(chain.from_iterable((stream.valid, stream.ready) for stream in streams.values())))
    payloads = [Value.cast(stream.payload) for stream in streams.values()]

    async def bench(ctx: SimulatorContext) -> None:
        offering = dict.fromkeys(given, False)
        cycle = idle = 0
        tail = TAIL

        def drive() -> None:
            for name, is_input in flows.items():
                stream, free = streams[name], may[name][cycle % period]
                if not is_input:
                    ctx.set(stream.ready, free)
                    continue
                done = len(seen[name].payloads)
                offering[name] = done < len(given[name]) and (offering[name] or free)
                mask = (1 << len(Value.cast(stream.payload))) - 1
                payload = given[name][done] if done < len(given[name]) else 0
                ctx.set(stream.valid, offering[name])
                ctx.set(Value.cast(stream.payload), payload if offering[name] else payload ^ mask)

        with ctx.critical():
            drive()
            async for _, _, shown, *values in ctx.tick().sample(flags, *payloads):
                idle += 1
                for k, name in enumerate(streams):
                    is_input = flows.get(name, False)
                    valid, ready = shown >> 2 * k & 1, shown >> 2 * k & 2
                    seen[name].offered.append(bool(valid if is_input else ready))
                    if not is_input:
                        assert name not in held or (valid and values[k] == held[name]), (name, cycle)
                        held.pop(name, None)
                        if valid and not ready:
                            held[name] = values[k]
                    if valid and ready:
                        seen[name].cycles.append(cycle)
                        seen[name].payloads.append(values[k])
                        offering[name], idle = False, 0
                cycle += 1
                if all(len(seen[name].payloads) >= count for name, count in wanted.items()):
                    tail -= 1
                if tail == 0 or idle == patience:
                    return
                drive()

    simulator = Simulator(m)
    simulator.add_clock(1e-6, phase=1e-6)
    simulator.add_process(bench)
    simulator.run()
    return seen
