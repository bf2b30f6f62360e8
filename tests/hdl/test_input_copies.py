"""The double buffer: what is read is what came, and no word is written while it is read."""

import numpy as np
from amaranth.sim import Simulator, SimulatorContext

from icepop.compiler.types import Beats, Domain
from icepop.hdl.input_copies import InputCopies

LAYOUT = Beats(Domain(0, 1), 11, 3)
STEPS = 4


def test_places_give_the_bits_that_came_and_are_not_overwritten_meanwhile() -> None:
    """A producer that never waits, and a last step that reads the word that is written first."""
    rng = np.random.default_rng(0)
    samples = rng.integers(0, 2, (9, 11))
    elements = rng.integers(0, 11, (STEPS, 2))
    elements[-1] = 0
    buffer = InputCopies(LAYOUT, 2)
    places = [sum(buffer.place(*divmod(int(k), 3)) << buffer.place_bits * c for c, k in enumerate(e)) for e in elements]
    found = []

    async def produce(context: SimulatorContext) -> None:
        for payload in LAYOUT.pack(samples):
            context.set(buffer.i.valid, 1)
            context.set(buffer.i.payload, payload)
            await context.tick().until(buffer.i.ready)
        context.set(buffer.i.valid, 0)

    async def consume(context: SimulatorContext) -> None:
        context.set(buffer.en, 1)
        step, pending, reading = 0, None, None
        ram = buffer.rams[0]
        while len(found) < len(samples) * STEPS:
            if reading is not None:
                found.append([context.get(buffer.data) >> c & 1 for c in range(2)])
            if pending is not None:
                context.set(buffer.places, places[pending])
                written = context.get(ram.write_address) if context.get(ram.write_en) else None
                assert written != context.get(ram.address)
            reading, pending = pending, None
            issued = context.get(buffer.full)
            context.set(buffer.taken, int(bool(issued) and step == STEPS - 1))
            if issued:
                pending, step = step, (step + 1) % STEPS
            await context.tick()

    simulator = Simulator(buffer)
    simulator.add_clock(1e-6)
    simulator.add_testbench(produce)
    simulator.add_testbench(consume)
    simulator.run()
    expected = [sample[chosen].tolist() for sample in samples for chosen in elements]
    assert found == expected
