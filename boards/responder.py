"""`Responder`: bytes from the line, samples to the accelerator, results and bytes back."""

from amaranth import Module, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from icepop.boards.bits import BIT, BeatAssembler, BeatSerializer, BitReader, ByteAssembler
from icepop.boards.cobs_decoder import CobsDecoder
from icepop.boards.cobs_encoder import CobsEncoder
from icepop.boards.frame_receiver import FrameReceiver
from icepop.boards.link import sample_bytes
from icepop.boards.reply import ReplyComposer
from icepop.compiler.types import Beats


class Responder(wiring.Component):
    """Answer each request frame with one reply frame, in order.

    A sample reaches the accelerator only when the whole frame is there and its CRC, kind and length are right;
    otherwise the reply's status says what is wrong. While one request is answered the next is received. A reply
    leaves as soon as its result does: the accelerator is never asked to hold more than one result.

    Parameters
    ----------
    input, output : Beats
        Layout of the accelerator's streams.

    Members
    -------
    rx : In(stream.Signature(unsigned(8)))
        Bytes from the line, at least 10 cycles apart on average over two.
    tx : Out(stream.Signature(unsigned(8)))
        Bytes for the line.
    samples : Out(stream.Signature(input.width))
        To the accelerator.
    results : In(stream.Signature(output.width))
        From it.
    """

    def __init__(self, input: Beats, output: Beats):
        self.input, self.output = input, output
        super().__init__(
            {
                "rx": In(stream.Signature(unsigned(8))),
                "tx": Out(stream.Signature(unsigned(8))),
                "samples": Out(stream.Signature(unsigned(input.width))),
                "results": In(stream.Signature(unsigned(output.width))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """The bits of a request go to its reply first, then to the accelerator."""
        m = Module()
        m.submodules.decoder = decoder = CobsDecoder()
        m.submodules.receiver = receiver = FrameReceiver(sample_bytes(self.input))
        m.submodules.reader = reader = BitReader(receiver.bits, self.input.length * self.input.domain.bits)
        m.submodules.assembler = assembler = BeatAssembler(self.input.width)
        m.submodules.serializer = serializer = BeatSerializer(self.output)
        m.submodules.composer = composer = ReplyComposer()
        m.submodules.bytes = assemble = ByteAssembler()
        m.submodules.encoder = encoder = CobsEncoder()

        connect(m, flipped(self.rx), decoder.i)
        connect(m, decoder.o, receiver.i)
        connect(m, receiver.o, composer.request)
        connect(m, assembler.o, flipped(self.samples))
        connect(m, flipped(self.results), serializer.i)
        connect(m, serializer.o, composer.result)
        connect(m, composer.o, assemble.i)
        connect(m, assemble.o, encoder.i)
        connect(m, encoder.o, flipped(self.tx))

        # a bit every other cycle is enough, and no ready runs from the line's end to the accelerator's
        bit, full = Signal(BIT), Signal()
        m.d.comb += [
            receiver.address.eq(reader.address),
            reader.data.eq(receiver.data),
            reader.restart.eq(composer.request.valid & composer.request.ready),
            composer.fed.eq(reader.done & ~full),
            composer.sequence.payload.eq(bit),
            composer.sequence.valid.eq(full),
            assembler.i.payload.eq(bit),
            assembler.i.valid.eq(full & composer.feed),
            reader.o.ready.eq(~full & composer.request.valid),
        ]
        with m.If(~full):
            m.d.sync += [bit.eq(reader.o.payload), full.eq(reader.o.valid & reader.o.ready)]
        with m.Elif((assembler.i.ready & composer.feed) | composer.sequence.ready):
            m.d.sync += full.eq(0)
        with m.If(reader.restart):
            m.d.sync += full.eq(0)
        return m
