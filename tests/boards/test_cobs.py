import random

import pytest
from cobs import cobs

from icepop.boards.cobs_decoder import CobsDecoder
from icepop.boards.cobs_encoder import CobsEncoder

NOISE = random.Random(1)
CONTENTS = [
    b"\0",
    b"\0\0",
    b"\1",
    b"\0\1\0",
    bytes(range(1, 20)) + b"\0" + bytes(range(3)),
    b"\x11" * 253,
    b"\x11" * 254,
    b"\x11" * 255,
    b"\x11" * 254 + b"\0",
    b"\x11" * 253 + b"\0\2",
    bytes(NOISE.randrange(4) for _ in range(300)),
    bytes(NOISE.randrange(256) for _ in range(600)),
]


@pytest.mark.parametrize("content", CONTENTS, ids=lambda content: f"{len(content)}-{content[:4].hex()}")
def test_encoder_is_cobs(transact, content):
    frames = [content, b"\5\0"]
    payloads = [
        {"data": byte, "last": int(position == len(frame) - 1)}
        for frame in frames
        for position, byte in enumerate(frame)
    ]
    wanted = b"".join(cobs.encode(frame) + b"\0" for frame in frames)
    assert bytes(transact(CobsEncoder(), payloads, len(wanted))) == wanted


@pytest.mark.parametrize("content", CONTENTS, ids=lambda content: f"{len(content)}-{content[:4].hex()}")
def test_decoder_undoes_cobs(transact, content):
    line = b"\0" + cobs.encode(content) + b"\0" + cobs.encode(b"\7") + b"\0"
    events = transact(CobsDecoder(), line, len(content) + 4)
    ends = [position for position, event in enumerate(events) if event.end]
    assert ends == [0, len(content) + 1, len(content) + 3]
    assert not any(events[end].broken for end in ends)
    assert bytes(event.data for event in events if not event.end) == content + b"\7"


def test_decoder_tells_a_frame_that_ends_inside_a_block(transact):
    events = transact(CobsDecoder(), b"\5\1\2\0\2\1\0", 5)
    assert [(event.end, event.broken) for event in events if event.end] == [(1, 1), (1, 0)]
    assert bytes(event.data for event in events if not event.end) == b"\1\2\1"
