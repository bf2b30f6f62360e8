# amaranth: UnusedElaboratable=no
# (a constructor that refuses leaves an object that nobody elaborates)

import random

import pytest
from amaranth import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped
from amaranth.sim import Simulator

from icepop.hdl.uart import UartReceiver, UartTransmitter, baud_divisor, baud_error

CYCLE = 1e-6
BYTES = bytes([0x00, 0xFF, 0x55, 0xAA, 0x01, 0x80]) + bytes(random.Random(2).randrange(256) for _ in range(10))


class Loopback(wiring.Component):
    def __init__(self, divisor):
        self.divisor = divisor
        super().__init__({"i": In(stream.Signature(8)), "o": Out(stream.Signature(8))})

    def elaborate(self, platform):
        m = Module()
        m.submodules.transmitter = transmitter = UartTransmitter(self.divisor)
        m.submodules.receiver = receiver = UartReceiver(self.divisor)
        connect(m, flipped(self.i), transmitter.i)
        connect(m, receiver.o, flipped(self.o))
        m.d.comb += receiver.rx.eq(transmitter.tx)
        return m


def simulate(component, *benches):
    simulator = Simulator(component)
    simulator.add_clock(CYCLE)
    for bench in benches:
        simulator.add_testbench(bench, background=bench is not benches[-1])
    simulator.run()


def collect(receiver, received, cycles):
    """Take every byte at once for a number of cycles."""

    async def bench(ctx):
        ctx.set(receiver.o.ready, 1)
        for _ in range(cycles):
            _, _, valid, payload = await ctx.tick().sample(receiver.o.valid, receiver.o.payload)
            if valid:
                received.append(payload)

    return bench


async def put(ctx, rx, byte, bit_time, stop=1):
    for level in [0, *((byte >> k) & 1 for k in range(8)), stop]:
        ctx.set(rx, level)
        await ctx.delay(bit_time)


@pytest.mark.parametrize("divisor", [4, 5, 12, 39])
def test_loopback(divisor):
    loop, received = Loopback(divisor), []

    async def send(ctx):
        ctx.set(loop.i.valid, 1)
        for byte in BYTES:
            ctx.set(loop.i.payload, byte)
            await ctx.tick().until(loop.i.ready)
        ctx.set(loop.i.valid, 0)

    simulate(loop, send, collect(loop, received, 10 * divisor * len(BYTES) + 20))
    assert bytes(received) == BYTES


@pytest.mark.parametrize("divisor", [4, 12])
def test_transmitter_waveform(divisor):
    """Two bytes without a gap, the start bit one cycle after the transfer, then the line rests high."""
    transmitter, levels = UartTransmitter(divisor), []

    async def send(ctx):
        ctx.set(transmitter.i.valid, 1)
        for byte in (0x35, 0xC0):
            ctx.set(transmitter.i.payload, byte)
            await ctx.tick().until(transmitter.i.ready)
        ctx.set(transmitter.i.valid, 0)

    async def watch(ctx):
        for _ in range(22 * divisor):
            _, _, level = await ctx.tick().sample(transmitter.tx)
            levels.append(level)

    simulate(transmitter, send, watch)
    bits = [0, 1, 0, 1, 0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1]
    wanted = [1, *(bit for bit in bits for _ in range(divisor))]
    assert levels == wanted + [1] * (len(levels) - len(wanted))


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize(("divisor", "error"), [(4, 0.02), (12, 0.04)])
def test_receiver_tolerates_other_baud_rates(divisor, error, sign):
    receiver, received = UartReceiver(divisor), []

    async def send(ctx):
        await ctx.delay(3.3 * CYCLE)
        for byte in BYTES:
            await put(ctx, receiver.rx, byte, divisor * CYCLE * (1 + sign * error))

    simulate(receiver, send, collect(receiver, received, 11 * divisor * len(BYTES) + 20))
    assert bytes(received) == BYTES


def test_receiver_ignores_noise_and_frames_without_stop_bit():
    divisor, received = 12, []
    receiver = UartReceiver(divisor)

    async def send(ctx):
        bit = divisor * CYCLE
        ctx.set(receiver.rx, 0)
        await ctx.delay(0.3 * bit)
        ctx.set(receiver.rx, 1)
        # had the noise set the phase, this byte would be sampled on its edges
        await ctx.delay(2.15 * bit)
        await put(ctx, receiver.rx, 0x12, 1.02 * bit)
        await put(ctx, receiver.rx, 0x34, bit, stop=0)
        await ctx.delay(30 * bit)
        ctx.set(receiver.rx, 1)
        await ctx.delay(bit)
        await put(ctx, receiver.rx, 0x56, bit)

    simulate(receiver, send, collect(receiver, received, 70 * divisor))
    assert bytes(received) == b"\x12\x56"


def test_receiver_holds_an_untaken_byte_and_misses_the_next():
    divisor, seen = 12, []
    receiver = UartReceiver(divisor)

    async def send(ctx):
        for byte in (0x12, 0x34):
            await put(ctx, receiver.rx, byte, divisor * CYCLE)
        ctx.set(receiver.rx, 1)

    async def watch(ctx):
        for _ in range(25 * divisor):
            _, _, valid, payload = await ctx.tick().sample(receiver.o.valid, receiver.o.payload)
            seen.append(payload if valid else None)

    simulate(receiver, send, watch)
    held = seen[seen.index(0x12) :]
    assert set(held) == {0x12}


def test_baud_divisor_and_error():
    assert baud_divisor(12e6, 1_000_000) == 12
    assert baud_error(12e6, 1_000_000) == 0
    assert baud_divisor(39.75e6, 1_000_000) == 40
    assert baud_error(39.75e6, 1_000_000) == pytest.approx(-0.00625)


def test_baud_beyond_the_clock_is_refused():
    with pytest.raises(ValueError, match=r"^clock must be at least 4 cycles a bit, not 3\.00$"):
        baud_divisor(12e6, 4_000_000)
    with pytest.raises(ValueError, match=r"^divisor must be at least 4, not 3$"):
        UartReceiver(3)
    with pytest.raises(ValueError, match=r"^divisor must be at least 4, not 3$"):
        UartTransmitter(3)
