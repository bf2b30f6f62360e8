"""`VirtualBoard`: speaks the link on a pseudo-terminal and answers with a function."""

import os
import select
import threading
import tty
from collections.abc import Callable
from types import TracebackType

import numpy as np

from icepop.boards.link import (
    Frame,
    FrameError,
    Kind,
    Splitter,
    Status,
    line_order,
    pack_sample,
    sample_bytes,
    unpack_sample,
)
from icepop.compiler.raster import from_stream, to_stream
from icepop.compiler.types import IntArray, TensorType

POLL_S = 0.05
"""How often the thread looks whether it shall end."""

Fault = Callable[[int, bytes], bytes]
"""Called with a running number and what passes; returns what arrives."""


def faultless(number: int, passing: bytes) -> bytes:
    """A line that changes nothing."""
    return passing


class VirtualBoard:
    """A board that needs no board; a context manager.

    Parameters
    ----------
    function : callable
        Values (1, *input.shape) to values (1, length) in the model's order: the golden run.
    input, output : TensorType
        What the accelerator takes in and gives out.
    on_request : callable
        What happens to a request's block on the line.
    on_reply : callable
        What happens to a reply's bytes on the line.

    Attributes
    ----------
    port : str
        Name of the pseudo-terminal, for `Client`.
    """

    def __init__(
        self,
        function: Callable[[IntArray], IntArray],
        input: TensorType,
        output: TensorType,
        *,
        on_request: Fault = faultless,
        on_reply: Fault = faultless,
    ):
        self.function, self.types = function, (input, output)
        self.input, self.output = line_order(input), line_order(output)
        self.on_request, self.on_reply = on_request, on_reply
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "VirtualBoard":
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        os.close(self._master)
        os.close(self._slave)
        if self._failure is not None:
            raise self._failure

    def _serve(self) -> None:
        """Answer until told to stop."""
        splitter = Splitter()
        number = 0
        try:
            while not self._stop.is_set():
                if not select.select([self._master], [], [], POLL_S)[0]:
                    continue
                for block in splitter.feed(os.read(self._master, 4096)):
                    reply = self.answer(self.on_request(number, block))
                    os.write(self._master, self.on_reply(number, reply.encode()))
                    number += 1
        except Exception as failure:
            self._failure = failure

    def answer(self, block: bytes) -> Frame:
        """Reply to a request's block, as the hardware gives it."""
        try:
            request = Frame.decode(block)
        except FrameError:
            return Frame(Kind.REPLY, 0, bytes([Status.BAD_CRC]))
        if request.kind != Kind.REQUEST:
            return Frame(Kind.REPLY, request.sequence, bytes([Status.BAD_KIND]))
        if len(request.payload) != sample_bytes(self.input):
            return Frame(Kind.REPLY, request.sequence, bytes([Status.BAD_LENGTH]))
        source, result = self.types
        sample = from_stream(unpack_sample(request.payload, self.input)[None], source.shape)
        values = np.asarray(self.function(sample)).reshape(1, *result.shape)
        payload = bytes([Status.OK]) + pack_sample(to_stream(values), self.output)
        return Frame(Kind.REPLY, request.sequence, payload)
