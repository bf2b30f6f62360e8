"""The frames of the serial link: the one definition that host and hardware share.

On the line a frame is a COBS code block [1]_ between 0x00 bytes (its end is also the next one's beginning; empty
frames mean nothing, so a sender may start with 0x00 to end whatever noise came before). Decoded, it is

====== ======== ==========================================================================================
offset bytes    content
====== ======== ==========================================================================================
0      1        kind: format version in the high four bits, `Kind` in the low four
1      1        sequence number of the request; its reply repeats it
2      n        payload
2 + n  4        CRC-32 of all bytes before (zlib's polynomial), least significant byte first
====== ======== ==========================================================================================

A request's payload is one sample, a reply's is a `Status` byte followed, if that is ``OK``, by the result. Samples and
results are packed the same way: the codes of the elements (`Domain.encode`, ``bits`` each, element 0 first, least
significant bit first) form one string of bits without gaps, and bit k of it is bit ``k % 8`` of byte ``k // 8``; the
last byte is filled with zeros. So the payload depends on the model, not on how a plan folds it into beats.

.. [1] S. Cheshire and M. Baker, "Consistent Overhead Byte Stuffing", IEEE/ACM Transactions on Networking 7(2), 1999.
"""

import zlib
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from amaranth.lib.crc import Algorithm
from amaranth.lib.crc.catalog import CRC32_ISO_HDLC
from cobs import cobs

from icepop.compiler.types import Beats, IntArray, TensorType, pack_words, unpack_words
from icepop.hdl.uart import FRAME_BITS

VERSION = 1
"""Format version; a frame of another one is refused."""

CRC: Algorithm = CRC32_ISO_HDLC
"""The polynomial of zlib's crc32, for the hardware."""

HEADER_BYTES = 2
CRC_BYTES = 4
STATUS_BYTES = 1

LONGEST_BLOCK = 1 << 16
"""Bytes between two delimiters that are kept; more than any sample is noise, or the wrong port."""

WINDOW = 2
"""Requests the hardware holds at once: one that it answers and one that it receives meanwhile."""


class Kind(IntEnum):
    """What a frame is, with the format version in its high bits."""

    REQUEST = VERSION << 4 | 1
    REPLY = VERSION << 4 | 2


class Status(IntEnum):
    """How a request was taken."""

    OK = 0
    BAD_CRC = 1
    BAD_KIND = 2
    BAD_LENGTH = 3


class FrameError(ValueError):
    """Bytes that are no frame; whoever receives them ignores them."""


@dataclass(frozen=True)
class Frame:
    """One frame's content.

    Parameters
    ----------
    kind : int
        First byte; a `Kind` if the sender speaks this version.
    sequence : int
        In [0, 256).
    payload : bytes
    """

    kind: int
    sequence: int
    payload: bytes

    def encode(self) -> bytes:
        """Bytes on the line, with a delimiter on both ends."""
        content = bytes([self.kind, self.sequence]) + self.payload
        return b"\0" + cobs.encode(content + zlib.crc32(content).to_bytes(CRC_BYTES, "little")) + b"\0"

    @staticmethod
    def decode(block: bytes) -> "Frame":
        """Inverse of `encode` for what stands between two delimiters.

        Raises
        ------
        FrameError
            The block is no COBS, too short, or its CRC differs.
        """
        try:
            content = cobs.decode(block)
        except cobs.DecodeError as error:
            raise FrameError(f"block is no COBS: {error}") from error
        if len(content) < HEADER_BYTES + CRC_BYTES:
            raise FrameError(f"frame must have at least {HEADER_BYTES + CRC_BYTES} bytes, not {len(content)}")
        body, crc = content[:-CRC_BYTES], int.from_bytes(content[-CRC_BYTES:], "little")
        if zlib.crc32(body) != crc:
            raise FrameError(f"frame must have CRC {zlib.crc32(body):08x}, not {crc:08x}")
        return Frame(body[0], body[1], body[HEADER_BYTES:])


def line_order(type: TensorType) -> Beats:
    """Layout of a tensor on the line: element after element, as `to_stream` orders them."""
    return Beats(type.integers, type.length, 1)


def sample_bytes(beats: Beats) -> int:
    """Bytes of one sample or result."""
    return -(-beats.length * beats.domain.bits // 8)


def pack_sample(values: IntArray, beats: Beats) -> bytes:
    """Payload of one sample's values (length,)."""
    codes = beats.domain.encode(np.asarray(values, np.int64).reshape(1, beats.length))
    return pack_words(codes, beats.domain.bits)[0].to_bytes(sample_bytes(beats), "little")


def unpack_sample(payload: bytes, beats: Beats) -> IntArray:
    """Values (length,) of one sample's payload; inverse of `pack_sample`."""
    word = int.from_bytes(payload, "little") & ((1 << beats.length * beats.domain.bits) - 1)
    return beats.domain.decode(unpack_words([word], beats.length, beats.domain.bits)[0])


class Splitter:
    """Cuts a stream of bytes into the blocks between delimiters.

    Parameters
    ----------
    longest : int
        Bytes of the longest block that is kept; what is longer is dropped.
    """

    def __init__(self, longest: int = LONGEST_BLOCK):
        self.longest = longest
        self._open = bytearray()

    def feed(self, received: bytes) -> list[bytes]:
        """Blocks that ``received`` completes, without the empty ones."""
        *blocks, rest = (bytes(self._open) + received).split(b"\0")
        # what is already too long keeps one byte too many, so that its end is refused too
        self._open = bytearray(rest[: self.longest + 1])
        return [block for block in blocks if 0 < len(block) <= self.longest]


def link_rate(input: Beats, output: Beats, baud: int) -> float:
    """Inferences a second that the link carries, requests and replies overlapping, two delimiters a frame."""
    blocks = longest_block(sample_bytes(input)), longest_block(STATUS_BYTES + sample_bytes(output))
    return baud / (FRAME_BITS * (max(blocks) + 2))


def longest_block(payload: int) -> int:
    """Bytes of the COBS block of a frame with ``payload`` bytes, at most."""
    content = HEADER_BYTES + payload + CRC_BYTES
    return content + 1 + content // 254
