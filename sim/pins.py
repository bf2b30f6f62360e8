"""The top with its serial link, bit by bit through its two pins."""

from typing import Any

import numpy as np
from amaranth.sim import Simulator

from icepop.boards.link import Frame, Kind, Splitter, Status, longest_block, pack_sample, sample_bytes, unpack_sample
from icepop.boards.top import LinkTop
from icepop.compiler.raster import from_stream, to_stream
from icepop.compiler.types import IntArray
from icepop.hdl.accelerator import Accelerator
from icepop.sim.bench import BenchError

SILENCE = 2000
"""Bit times without a start bit after which the top is given up."""


def talk(top: LinkTop, line: bytes, replies: int, clock_hz: float, baud: int) -> tuple[list[Frame], list[int]]:
    """Send bytes over ``rx`` and listen on ``tx``.

    Parameters
    ----------
    top : LinkTop
        Made for this clock and baud rate.
    line : bytes
        What is sent, without a pause.
    replies : int
        Frames that are waited for.
    clock_hz : float
        Clock in Hz.
    baud : int
        Bits a second.

    Returns
    -------
    tuple of list of Frame and list of int
        The replies, and what ``label`` shows at the end of each.

    Raises
    ------
    BenchError
        The top is silent for `SILENCE` bit times, sends a byte without a stop bit, or more bytes than replies have.
    """
    received, labels = bytearray(), []
    limit = replies * (longest_block(1 + sample_bytes(top.accelerator.output)) + 2)  # a delimiter at both ends

    async def send(ctx: Any) -> None:
        for byte in line:
            for level in [0, *((byte >> k) & 1 for k in range(8)), 1]:
                ctx.set(top.rx, level)
                await ctx.delay(1 / baud)

    async def receive(ctx: Any) -> None:
        while received.count(0) < replies:
            if len(received) >= limit:
                raise BenchError(f"the top sends {limit} bytes, but not {replies} replies")
            for _ in range(round(clock_hz / baud) * (SILENCE + 10 * len(line))):
                if not ctx.get(top.tx):
                    break
                await ctx.tick()
            else:
                raise BenchError(f"the serial line stays silent after {len(received)} bytes of its answer")
            await ctx.delay(1.5 / baud)
            byte = 0
            for k in range(8):
                byte |= ctx.get(top.tx) << k
                await ctx.delay(1 / baud)
            if not ctx.get(top.tx):
                raise BenchError(f"byte {len(received)} of the answer has no stop bit")
            received.append(byte)
            if byte == 0:
                labels.append(ctx.get(top.label))

    simulator = Simulator(top)
    simulator.add_clock(1 / clock_hz)
    simulator.add_testbench(send, background=True)
    simulator.add_testbench(receive)
    simulator.run()
    return [Frame.decode(block) for block in Splitter().feed(bytes(received))], labels


def through_pins(accelerator: Accelerator, samples: IntArray, clock_hz: float, baud: int) -> IntArray:
    """Results (samples, *shape) that an accelerator's top sends back for samples (samples, *shape).

    Raises
    ------
    BenchError
        The top is silent, or answers with an error.
    """
    rows = to_stream(samples)
    requests = [Frame(Kind.REQUEST, k, pack_sample(row, accelerator.input)) for k, row in enumerate(rows)]
    line = b"".join(request.encode() for request in requests)
    replies, _ = talk(LinkTop(accelerator, clock_hz, baud), line, len(samples), clock_hz, baud)
    for reply in replies:
        if reply.payload[:1] != bytes([Status.OK]):
            raise BenchError(f"the top answers request {reply.sequence} with status {Status(reply.payload[0]).name}")
    answers = np.stack([unpack_sample(reply.payload[1:], accelerator.output) for reply in replies])
    return from_stream(answers, accelerator.graph.types[accelerator.graph.output.name].shape)
