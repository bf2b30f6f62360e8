"""`Client`: a board on a serial port as a function."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from types import TracebackType

import numpy as np
import serial

from icepop.boards.link import (
    WINDOW,
    Frame,
    FrameError,
    Kind,
    Splitter,
    Status,
    line_order,
    longest_block,
    pack_sample,
    sample_bytes,
    unpack_sample,
)
from icepop.compiler.errors import ToolError
from icepop.compiler.raster import from_stream, to_stream
from icepop.compiler.types import IntArray, TensorType

POLL_S = 0.05
"""Longest wait for a byte; after such a silence nothing of an earlier session is under way any more."""


@dataclass(frozen=True)
class Pending:
    """A request that is not answered yet.

    Parameters
    ----------
    index : int
        Which sample it is.
    frame : bytes
        What was sent.
    deadline : float
        When to send it again, in seconds of the monotonic clock.
    tries : int
        How often it was sent.
    """

    index: int
    frame: bytes
    deadline: float = 0.0
    tries: int = 0


class Client:
    """Send samples, receive results; up to `WINDOW` requests are under way, so the line is busy both ways.

    A request whose answer is lost or damaged is sent again; the same sample gives the same result, so that does no
    harm. Every wait is bounded: a sample takes ``tries * timeout_s`` seconds at most.

    Parameters
    ----------
    port : str
        Serial port or pseudo-terminal.
    input, output : TensorType
        What the accelerator takes in and gives out.
    baud : int
        Bits a second.
    timeout_s : float
        Seconds after which a request is sent again; None derives it from the size of a frame.
    tries : int
        How often a request is sent before the board is given up.

    Attributes
    ----------
    repeated : int
        Requests that were sent again so far.

    Raises
    ------
    ToolError
        The port cannot be opened.
    """

    def __init__(
        self,
        port: str,
        input: TensorType,
        output: TensorType,
        baud: int,
        *,
        timeout_s: float | None = None,
        tries: int = 5,
    ):
        self.port, self.baud, self.tries = port, baud, tries
        self.input, self.output, self._types = line_order(input), line_order(output), (input, output)
        blocks = longest_block(sample_bytes(self.input)) + longest_block(1 + sample_bytes(self.output))
        line_s = 10 * (blocks + 4) / baud
        self.timeout_s = 0.5 + 4 * line_s if timeout_s is None else timeout_s
        self.repeated = 0
        self._sequence = 0
        self._splitter = Splitter()
        try:
            self._serial = serial.Serial(port, baud, timeout=POLL_S, write_timeout=self.timeout_s, exclusive=True)
        except (serial.SerialException, OSError, ValueError) as error:
            raise ToolError(f"cannot open serial port '{port}': {error}; check its name and permissions") from error
        with suppress(ValueError, OSError, AttributeError):
            # FTDI chips hold short answers back for 16 ms otherwise; a pseudo-terminal has no such setting
            self._serial.set_low_latency_mode(True)
        self._drain()

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the port back."""
        self._serial.close()

    def infer(self, samples: IntArray, progress: Callable[[int, int], None] = lambda done, total: None) -> IntArray:
        """Results for a batch.

        Parameters
        ----------
        samples : array (samples, *shape)
            Values in the input's domain.
        progress : callable
            Called with how many results are there, and of how many.

        Returns
        -------
        array (samples, length)
            Values in the output's domain, in the model's order.

        Raises
        ------
        DataError
            The samples are no values of the input.
        ToolError
            No answer, or one that belongs to another model.
        """
        source, result = self._types
        rows = to_stream(source.check(samples, "samples"))
        results = np.zeros((len(samples), self.output.length), np.int64)
        waiting: dict[int, Pending] = {}
        sent = done = 0
        while done < len(samples):
            while len(waiting) < WINDOW and sent < len(samples):
                waiting[self._sequence] = self._request(sent, rows[sent])
                self._sequence = (self._sequence + 1) % 256
                sent += 1
            for reply in self._receive():
                request = waiting.get(reply.sequence)
                if request is None:
                    continue
                if reply.payload[:1] == bytes([Status.BAD_CRC]):
                    waiting[reply.sequence] = self._send(request)
                    continue
                results[request.index] = self._result(reply)
                del waiting[reply.sequence]
                done += 1
                progress(done, len(samples))
            now = time.monotonic()
            for sequence, request in waiting.items():
                if request.deadline <= now:
                    waiting[sequence] = self._send(request)
        return from_stream(results, result.shape).reshape(results.shape)

    def _request(self, index: int, row: IntArray) -> Pending:
        """Send a sample for the first time."""
        payload = pack_sample(row, self.input)
        return self._send(Pending(index, Frame(Kind.REQUEST, self._sequence, payload).encode()))

    def _send(self, request: Pending) -> Pending:
        """Send a request once more; returns it with its new deadline."""
        if request.tries == self.tries:
            raise ToolError(
                f"no good answer on '{self.port}' after {self.tries} tries of {self.timeout_s:.2g} s; "
                f"is the board flashed with this model, and at {self.baud} baud?"
            )
        self.repeated += request.tries > 0
        try:
            self._serial.write(request.frame)
        except (serial.SerialException, OSError) as error:
            raise ToolError(f"cannot write to '{self.port}': {error}; is the board still connected?") from error
        return replace(request, tries=request.tries + 1, deadline=time.monotonic() + self.timeout_s)

    def _receive(self) -> list[Frame]:
        """Replies that come in next, or none after `POLL_S`; damaged ones are left out."""
        frames = []
        for block in self._splitter.feed(self._read()):
            with suppress(FrameError):
                frames.append(Frame.decode(block))
        return frames

    def _read(self) -> bytes:
        """Bytes that are there, or else the first to come within `POLL_S`."""
        try:
            return bytes(self._serial.read(max(1, self._serial.in_waiting)))
        except (serial.SerialException, OSError) as error:
            raise ToolError(f"cannot read from '{self.port}': {error}; is the board still connected?") from error

    def _result(self, reply: Frame) -> IntArray:
        """Values of a reply whose CRC is right."""
        if reply.kind != Kind.REPLY:
            raise ToolError(
                f"the board answers in format {reply.kind:#04x}, not {Kind.REPLY:#04x}; build its bitstream again"
            )
        status, payload = reply.payload[:1], reply.payload[1:]
        if status != bytes([Status.OK]) or len(payload) != sample_bytes(self.output):
            raise ToolError(f"the board on '{self.port}' holds another model; flash this one's bitstream")
        return unpack_sample(payload, self.output)

    def _drain(self) -> None:
        """Wait until the line is silent, for a second at most."""
        end = time.monotonic() + 1
        while time.monotonic() < end and self._read():
            pass
