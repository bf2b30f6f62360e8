"""Frames through the hardware, byte by byte, without the UART."""

import zlib

import pytest
from amaranth import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped
from cobs import cobs

from icepop.boards.link import Frame, Kind, Splitter, Status, pack_sample, unpack_sample
from icepop.boards.responder import Responder
from icepop.compiler.types import Beats, Domain

SPACING = 40
"""Cycles between bytes: the fastest line, 4 cycles a bit."""


class Loop(wiring.Component):
    """The responder with its accelerator; keeps bytes apart as a line does."""

    def __init__(self, accelerator):
        self.accelerator = accelerator
        super().__init__({"i": In(stream.Signature(8)), "o": Out(stream.Signature(8))})

    def elaborate(self, platform):
        m = Module()
        m.submodules.accelerator = accelerator = self.accelerator
        m.submodules.responder = responder = Responder(accelerator.input, accelerator.output)
        connect(m, responder.samples, accelerator.i)
        connect(m, accelerator.o, responder.results)
        connect(m, responder.tx, flipped(self.o))
        pause = Signal(8)
        m.d.comb += [
            responder.rx.payload.eq(self.i.payload),
            responder.rx.valid.eq(self.i.valid & (pause == 0)),
            self.i.ready.eq(pause == 0),
        ]
        with m.If(pause != 0):
            m.d.sync += pause.eq(pause - 1)
        with m.Elif(self.i.valid):
            m.d.sync += pause.eq(SPACING)
        return m


def content(kind, sequence, payload, crc_xor=0):
    body = bytes([kind, sequence]) + payload
    return body + (zlib.crc32(body) ^ crc_xor).to_bytes(4, "little")


def line(*contents):
    return b"".join(b"\0" + cobs.encode(one) + b"\0" for one in contents)


@pytest.fixture
def talk(transact, digest):
    """Send bytes, expect some replies; a reply is (sequence, status, values or None)."""

    def run(sent, *sizes, stall=0.0):
        # a reply's size on the line: content, code byte, delimiter
        sizes = [2 + 1 + size + 4 + 2 for size in sizes]
        received = bytes(transact(Loop(digest), sent, sum(sizes), stall=stall))
        replies = [Frame.decode(block) for block in Splitter(99).feed(received)]
        assert all(reply.kind == Kind.REPLY for reply in replies)
        return [
            (reply.sequence, reply.payload[0], unpack_sample(reply.payload[1:], digest.output).tolist())
            if reply.payload[0] == Status.OK
            else (reply.sequence, reply.payload[0], reply.payload[1:])
            for reply in replies
        ]

    return run


def answers(model, samples, first=0):
    return [(first + position, Status.OK, values.tolist()) for position, values in enumerate(model.golden(samples))]


@pytest.mark.parametrize("stall", [0.0, 0.3])
def test_each_request_is_answered(talk, model, samples, stall):
    requests = b"".join(
        Frame(Kind.REQUEST, position, pack_sample(x, model.input)).encode() for position, x in enumerate(samples)
    )
    assert talk(requests, *[3] * len(samples), stall=stall) == answers(model, samples)


def bad(request):
    """Broken variants of a good request's content, with the status each must get."""
    kind, sequence, payload = request[0], request[1], request[2:-4]
    return {
        "crc": (content(kind, sequence, payload, crc_xor=1 << 31), Status.BAD_CRC),
        "flipped bit": (request[:3] + bytes([request[3] ^ 4]) + request[4:], Status.BAD_CRC),
        "cut": (request[:-1], Status.BAD_CRC),
        "other version": (content(kind + 0x10, sequence, payload), Status.BAD_KIND),
        "a reply": (content(Kind.REPLY, sequence, payload), Status.BAD_KIND),
        "short by one": (content(kind, sequence, payload[:-1]), Status.BAD_LENGTH),
        "long by one": (content(kind, sequence, payload + b"\7"), Status.BAD_LENGTH),
        "long by the memory": (content(kind, sequence, payload + bytes(range(1, 17))), Status.BAD_LENGTH),
        "very long": (content(kind, sequence, bytes(200)), Status.BAD_LENGTH),
        "empty": (content(kind, sequence, b""), Status.BAD_LENGTH),
    }


@pytest.mark.parametrize("flaw", list(bad(bytes(11))))
def test_bad_request_is_refused_and_the_next_answered(talk, model, samples, flaw):
    good = [content(Kind.REQUEST, 7 + k, pack_sample(x, model.input)) for k, x in enumerate(samples[:2])]
    wrong, status = bad(good[0])[flaw]
    replies = talk(line(wrong, good[0], good[1]), 0, 3, 3)
    assert replies == [(7, status, b""), *answers(model, samples[:2], first=7)]


def test_noise_before_a_request_is_ended_by_its_first_delimiter(talk, model, samples):
    request = Frame(Kind.REQUEST, 1, pack_sample(samples[0], model.input)).encode()
    (_, status, _), reply = talk(b"\x09\x08\x07" + request, 0, 3)
    assert status == Status.BAD_CRC
    assert [reply] == answers(model, samples[:1], first=1)


def test_a_third_request_is_dropped_while_two_are_held(transact, digest, model, samples):
    """The line out is stuck, so nothing is released; what is held is answered when it moves again."""
    requests = b"".join(
        Frame(Kind.REQUEST, position, pack_sample(x, model.input)).encode() for position, x in enumerate(samples[:4])
    )
    stuck = Stuck(Loop(digest), 42 * len(requests) + 200)
    size = 2 + 1 + 3 + 4 + 2
    received = bytes(transact(stuck, requests, 2 * size, stall=0.0))
    sequences = [Frame.decode(block).sequence for block in Splitter(99).feed(received)]
    assert sequences == [0, 1]


def test_a_dropped_request_leaves_the_waiting_one_alone(transact, late_digest, model, samples):
    """The first sample is still in the memory when the third request, which has no room, arrives."""
    requests = b"".join(
        Frame(Kind.REQUEST, position, pack_sample(x, model.input)).encode() for position, x in enumerate(samples[:3])
    )
    received = bytes(transact(Loop(late_digest), requests, 2 * (2 + 1 + 3 + 4 + 2), stall=0.0))
    replies = [Frame.decode(block) for block in Splitter().feed(received)]
    results = [unpack_sample(reply.payload[1:], model.output).tolist() for reply in replies]
    assert results == model.golden(samples[:2]).tolist()


def test_a_result_before_the_end_of_its_sample_does_not_end_it(transact, samples):
    """The next request waits until all of the sample is in, so the accelerator never sees a part of one."""
    requests = b"".join(
        Frame(Kind.REQUEST, position, pack_sample(x, First.input)).encode() for position, x in enumerate(samples[:4])
    )
    # the result is a single byte, and may be a zero
    received = bytes(transact(Loop(First()), requests, 4 * (2 + 1 + 1 + 4 + 2), stall=0.0))
    replies = [Frame.decode(block) for block in Splitter().feed(received)]
    results = [int(unpack_sample(reply.payload[1:], First.output)[0]) for reply in replies]
    assert results == samples[:4, 0].tolist()


class First(wiring.Component):
    """Answer with the first element as soon as it is there, and take the other beats slowly."""

    input = Beats(Domain(0, 7), 11, 1)
    output = Beats(Domain(0, 7), 1, 1)

    def __init__(self):
        super().__init__({"i": In(stream.Signature(3)), "o": Out(stream.Signature(3))})

    def elaborate(self, platform):
        m = Module()
        beat, pause = Signal(range(11)), Signal(5)
        m.d.comb += [
            self.o.payload.eq(self.i.payload),
            self.o.valid.eq(self.i.valid & (beat == 0)),
            self.i.ready.eq(Mux(beat == 0, self.o.ready, pause == 0)),
        ]
        with m.If(pause != 0):
            m.d.sync += pause.eq(pause - 1)
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [beat.eq(Mux(beat == 10, 0, beat + 1)), pause.eq(-1)]
        return m


class Stuck(wiring.Component):
    """Hold back the output of ``inner`` for the first cycles."""

    def __init__(self, inner, cycles):
        self.inner, self.cycles = inner, cycles
        super().__init__({"i": In(stream.Signature(8)), "o": Out(stream.Signature(8))})

    def elaborate(self, platform):
        m = Module()
        m.submodules.inner = inner = self.inner
        left = Signal(20, init=self.cycles)
        connect(m, flipped(self.i), inner.i)
        m.d.comb += [
            self.o.payload.eq(inner.o.payload),
            self.o.valid.eq(inner.o.valid & (left == 0)),
            inner.o.ready.eq(self.o.ready & (left == 0)),
        ]
        with m.If(left != 0):
            m.d.sync += left.eq(left - 1)
        return m
