"""The memory of requests: what is in it, how much it takes, and what is set aside for it."""

import zlib

import numpy as np
import pytest
from amaranth.sim import Simulator

from icepop.boards.base import LINK
from icepop.boards.frame_receiver import FrameReceiver, payloads_cost
from icepop.boards.icebreaker import BOARD
from icepop.boards.link import Kind, Status
from icepop.boards.synthesis import synthesize
from icepop.compiler.types import BIPOLAR, Domain, TensorType

SIZES = (1, 5, 300, 512)


@pytest.mark.parametrize("size", SIZES)
def test_two_requests_are_held_byte_for_byte(size):
    """Both are received before either is read: neither may have touched the other's bytes."""
    rng = np.random.default_rng(size)
    payloads = [rng.bytes(size) for _ in range(2)]
    receiver = FrameReceiver(size)

    async def bench(ctx):
        async def put(byte, end=0):
            ctx.set(receiver.i.payload, {"data": byte, "end": end, "broken": 0})
            ctx.set(receiver.i.valid, 1)
            await ctx.tick().until(receiver.i.ready)
            ctx.set(receiver.i.valid, 0)

        for sequence, payload in enumerate(payloads, 0xA0):
            body = bytes([Kind.REQUEST, sequence]) + payload
            for byte in body + zlib.crc32(body).to_bytes(4, "little"):
                await put(byte)
            await put(0, end=1)
        for sequence, payload in enumerate(payloads, 0xA0):
            assert (ctx.get(receiver.o.valid), ctx.get(receiver.o.payload)) == (1, Status.OK)
            held = []
            for address in (-1 % (1 << receiver.bits), *range(size)):
                ctx.set(receiver.address, address)
                await ctx.tick()
                held.append(ctx.get(receiver.data))
            assert bytes(held) == bytes([sequence]) + payload
            ctx.set(receiver.o.ready, 1)
            await ctx.tick()
            ctx.set(receiver.o.ready, 0)

    simulator = Simulator(receiver)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


@pytest.mark.parametrize(("size", "ebr"), [(300, 2), (1024, 4)])
def test_the_memory_takes_what_is_planned(size, ebr):
    assert synthesize(FrameReceiver(size), "receiver", place=False).ebr == payloads_cost(size).ebr == ebr


def test_a_board_leaves_less_for_longer_samples():
    digits, cnv = TensorType((64,), BIPOLAR), TensorType((1, 32, 32), Domain(0, 255))
    assert [BOARD.budget.ebr - BOARD.for_accelerator(type).ebr for type in (digits, cnv)] == [2, 5]
    assert BOARD.for_accelerator(digits).cells == BOARD.budget.cells - LINK.cells
