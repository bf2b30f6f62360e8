"""The client against the virtual board, over a real pseudo-terminal, with and without faults."""

import os
import threading
import time
import tty

import numpy as np
import pytest

from icepop.boards.host import Client
from icepop.boards.link import Frame, Kind, Splitter
from icepop.boards.virtual import VirtualBoard
from icepop.compiler.errors import DataError, ToolError
from icepop.compiler.types import Domain, TensorType

BAUD = 1_000_000


@pytest.fixture
def many():
    return np.random.default_rng(6).integers(0, 8, (300, 11))


def board(model, **faults):
    return VirtualBoard(model.golden, *model.types, **faults)


def client(virtual, model, timeout_s=0.15, tries=3):
    return Client(virtual.port, *model.types, BAUD, timeout_s=timeout_s, tries=tries)


def test_every_sample_is_answered_in_order(model, many):
    """More samples than sequence numbers."""
    told = []
    with board(model) as virtual, client(virtual, model, 2.0) as link:
        results = link.infer(many, progress=lambda done, total: told.append((done, total)))
    assert np.array_equal(results, model.golden(many))
    assert told == [(done, 300) for done in range(1, 301)]
    assert link.repeated == 0


def test_shape_of_a_sample_does_not_matter(model, many):
    with board(model) as virtual, client(virtual, model, 2.0) as link:
        assert np.array_equal(link.infer(many[:2].reshape(2, 1, 11)), model.golden(many[:2]))


def test_samples_that_do_not_fit_are_refused(model, many):
    with board(model) as virtual, client(virtual, model, 2.0) as link:
        with pytest.raises(DataError) as caught:
            link.infer(many[:2, :10])
        assert str(caught.value) == "samples must hold samples of 11 values (11), not shape (2, 10)"


def test_rasters_travel_with_the_channel_innermost():
    """The bytes on the line are checked, because a client and a virtual board could agree on another order."""
    source, result = TensorType((2, 3, 5), Domain(0, 255)), TensorType((3, 2, 4), Domain(0, 255))
    x = np.random.default_rng(8).integers(0, 256, (3, *source.shape))
    y = np.random.default_rng(9).integers(0, 256, (3, *result.shape))
    requests, replies = [], []

    def answer(sample):
        (which,) = (k for k in range(3) if np.array_equal(x[k], sample[0]))
        return y[which].reshape(1, -1)

    def request(number, block):
        requests.append(Frame.decode(block).payload)
        return block

    def reply(number, frame):
        (block,) = Splitter().feed(frame)
        replies.append(Frame.decode(block).payload[1:])
        return frame

    with (
        VirtualBoard(answer, source, result, on_request=request, on_reply=reply) as virtual,
        Client(virtual.port, source, result, BAUD, timeout_s=2.0) as link,
    ):
        assert np.array_equal(link.infer(x), y.reshape(3, -1))
    for values, lines in ((x, requests), (y, replies)):
        _, channels, rows, columns = values.shape
        for sample, line in zip(values, lines, strict=True):
            order = [sample[c, r, s] for r in range(rows) for s in range(columns) for c in range(channels)]
            assert line == bytes(order)


def flip(position):
    """Change one byte of a passing frame, now and then."""

    def fault(number, passing):
        if number % 3 != 1 or len(passing) <= position:
            return passing
        return passing[:position] + bytes([passing[position] ^ 0x10 or 0x01]) + passing[position + 1 :]

    return fault


def lose(number, passing):
    return b"" if number % 3 == 1 else passing


def late(number, passing):
    """A reply twice: the second must not be taken for the next one's."""
    return passing * 2


@pytest.mark.parametrize("position", [0, 1, 2, 5, 9])
def test_damaged_requests_are_repeated(model, samples, position):
    with board(model, on_request=flip(position)) as virtual, client(virtual, model) as link:
        assert np.array_equal(link.infer(samples), model.golden(samples))
    assert link.repeated > 0


@pytest.mark.parametrize("position", [0, 1, 2, 3, 5, 9])
def test_damaged_replies_are_repeated(model, samples, position):
    with board(model, on_reply=flip(position)) as virtual, client(virtual, model) as link:
        assert np.array_equal(link.infer(samples), model.golden(samples))
    assert link.repeated > 0


def test_lost_replies_are_repeated(model, samples):
    with board(model, on_reply=lose) as virtual, client(virtual, model) as link:
        assert np.array_equal(link.infer(samples), model.golden(samples))
    assert link.repeated == 3


def test_replies_that_come_twice_are_taken_once(model, many):
    with board(model, on_reply=late) as virtual, client(virtual, model) as link:
        assert np.array_equal(link.infer(many), model.golden(many))
        assert np.array_equal(link.infer(many[:5]), model.golden(many[:5]))


def test_noise_between_frames_is_ignored(model, samples):
    def noise(number, passing):
        return b"\x07\x01\0\xff\xff" * 40 + passing

    with board(model, on_reply=noise) as virtual, client(virtual, model) as link:
        assert np.array_equal(link.infer(samples), model.golden(samples))


def test_bytes_of_an_earlier_session_are_drained(model, samples):
    """A reply to the same sequence number that arrives just after the port is opened, which clears what is there."""
    stale = Frame(Kind.REPLY, 0, b"\0" + bytes(3)).encode()

    def slow(number, passing):
        time.sleep(0.1)
        return passing

    with board(model, on_reply=slow) as virtual:
        threading.Timer(0.03, lambda: os.write(virtual._master, stale)).start()
        with client(virtual, model, 2.0) as link:
            assert np.array_equal(link.infer(samples), model.golden(samples))


def test_a_silent_board_is_given_up(model, samples):
    master, slave = os.openpty()
    tty.setraw(slave)
    port = os.ttyname(slave)
    message = (
        f"no good answer on '{port}' after 3 tries of 0.1 s; is the board flashed with this model, and at 1000000 baud?"
    )
    with Client(port, *model.types, BAUD, timeout_s=0.1, tries=3) as link:
        with pytest.raises(ToolError) as caught:
            link.infer(samples)
        assert str(caught.value) == message
        assert link.repeated == 4
    os.close(master)
    os.close(slave)


def test_a_board_that_refuses_every_request_is_given_up(model, samples):
    def cut(number, block):
        return block[:-1]

    with board(model, on_request=cut) as virtual, client(virtual, model) as link:
        with pytest.raises(ToolError) as caught:
            link.infer(samples)
        assert str(caught.value).startswith(f"no good answer on '{virtual.port}' after 3 tries of 0.15 s; ")


@pytest.mark.parametrize("other", ["input", "output"])
def test_another_model_on_the_board_is_told(model, samples, other):
    types = {"input": model.types[0], "output": model.types[1], other: TensorType((20,), Domain(0, 7))}

    def answer(x):
        return np.zeros((1, types["output"].length), np.int64)

    with VirtualBoard(answer, **types) as virtual, client(virtual, model) as link:
        with pytest.raises(ToolError) as caught:
            link.infer(samples)
        assert str(caught.value) == f"the board on '{virtual.port}' holds another model; flash this one's bitstream"


def test_another_format_is_told(model, samples):
    def later(number, passing):
        return Frame(0x22, 0, b"\0\0\0\0").encode()

    with board(model, on_reply=later) as virtual, client(virtual, model) as link:
        with pytest.raises(ToolError) as caught:
            link.infer(samples)
        assert str(caught.value) == "the board answers in format 0x22, not 0x12; build its bitstream again"


def test_a_port_that_is_not_there_is_told(model):
    with pytest.raises(ToolError) as caught:
        Client("/dev/no-such-port", *model.types, BAUD)
    assert str(caught.value) == (
        "cannot open serial port '/dev/no-such-port': [Errno 2] could not open port /dev/no-such-port: "
        "[Errno 2] No such file or directory: '/dev/no-such-port'; check its name and permissions"
    )


def test_the_virtual_board_raises_what_its_function_raised(model, samples):
    def fails(x):
        raise ArithmeticError("golden run failed")

    virtual = VirtualBoard(fails, *model.types)
    virtual.__enter__()
    with client(virtual, model) as link, pytest.raises(ToolError):
        link.infer(samples)
    with pytest.raises(ArithmeticError, match=r"^golden run failed$"):
        virtual.__exit__(None, None, None)
