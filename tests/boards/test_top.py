"""The whole top, bit by bit through its two pins."""

import numpy as np
import pytest
from amaranth.hdl import Fragment
from networks import binary_mlp

from icepop.boards.icebreaker import BOARD
from icepop.boards.link import Frame, Kind, Status, pack_sample, unpack_sample
from icepop.boards.top import LinkTop
from icepop.compiler.planner.search import search
from icepop.hdl.accelerator import Accelerator
from icepop.hdl.units.registry import unit_library
from icepop.sim.pins import talk
from icepop.sim.verilog import refuse_instances

BAUD = 1_000_000


@pytest.mark.parametrize("clock_hz", [4e6, 12e6, 12.75e6])
def test_two_samples_through_the_pins(digest, model, samples, clock_hz):
    """The second request follows at once and is received while the first is answered."""
    line = b"".join(Frame(Kind.REQUEST, 9 + k, pack_sample(x, model.input)).encode() for k, x in enumerate(samples[:2]))
    replies, labels = talk(LinkTop(digest, clock_hz, BAUD), line, 2, clock_hz, BAUD)
    assert [(reply.kind, reply.sequence, reply.payload[0]) for reply in replies] == [
        (Kind.REPLY, 9, Status.OK),
        (Kind.REPLY, 10, Status.OK),
    ]
    results = np.stack([unpack_sample(reply.payload[1:], model.output) for reply in replies])
    assert np.array_equal(results, model.golden(samples[:2]))
    assert labels[-1] == results[-1][-1]


@pytest.mark.parametrize("interval", [400, 20])
def test_a_real_accelerator_through_the_pins(interval):
    """A binarized network at two foldings: the class on the line and on the LEDs is the golden one."""
    rng = np.random.default_rng(11)
    graph = binary_mlp(rng, [30, 16, 10])
    plan = search(graph, "x", unit_library(), BOARD.name, BOARD.for_accelerator(graph.types["x"]), interval)
    accelerator = Accelerator(graph, plan)
    x = rng.choice([-1, 1], (2, 30))
    line = b"".join(Frame(Kind.REQUEST, k, pack_sample(row, accelerator.input)).encode() for k, row in enumerate(x))
    replies, labels = talk(LinkTop(accelerator, 4e6, BAUD), line, 2, 4e6, BAUD)
    classes = [int(unpack_sample(reply.payload[1:], accelerator.output)[0]) for reply in replies]
    assert classes == graph.run(x)[graph.output.name][:, 0].tolist()
    assert labels[-1] == classes[-1]


def test_a_damaged_sample_gets_an_error_and_the_next_a_result(digest, model, samples):
    good = Frame(Kind.REQUEST, 1, pack_sample(samples[0], model.input)).encode()
    bad = good[:4] + bytes([good[4] ^ 0x80]) + good[5:]
    replies, _ = talk(LinkTop(digest, 4e6, BAUD), bad + good, 2, 4e6, BAUD)
    assert replies[0].payload == bytes([Status.BAD_CRC])
    assert unpack_sample(replies[1].payload[1:], model.output).tolist() == model.golden(samples[:1])[0].tolist()


def test_the_simulated_top_has_no_primitives(digest):
    refuse_instances(Fragment.get(LinkTop(digest, 4e6, BAUD), None), "top")
