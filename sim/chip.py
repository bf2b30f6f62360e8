"""A built bitstream, simulated at its pins: a crystal at the clock's, a serial line at the UART's."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from icepop.boards.base import Board
from icepop.boards.build import NAME, Report, read_report
from icepop.boards.link import Frame, FrameError, Kind, Status, longest_block, pack_sample, sample_bytes, unpack_sample
from icepop.boards.registry import find
from icepop.boards.yosys import cell_models
from icepop.compiler.types import Beats, IntArray
from icepop.hdl.ice40 import RESET_CYCLES, RESET_S
from icepop.hdl.uart import FRAME_BITS
from icepop.sim.bench import BenchError, Progress
from icepop.sim.cocotb_run import Growth, Job, clean_environment, work, write_job
from icepop.sim.fabric import TOP, fabric
from icepop.sim.records import Record, Run

BENCH = "icepop.sim.chip_bench"
"""The bench for a chip."""

WHAT = "samples through the bitstream's pins"
"""What progress is told of."""

SLACK_CYCLES = 1000
"""What the link itself may take for a reply, beside its bytes."""


@dataclass(frozen=True)
class Script:
    """What the bench inside the simulator does; times in ps.

    Parameters
    ----------
    requests : list of str
        Frames to send, in hexadecimal.
    crystal, rx, tx : str
        Pins.
    crystal_ps, bit_ps : int
        Period of the crystal, and length of a bit on the line.
    start_ps : int
        When the first request is sent.
    silence_ps : int
        How long the board may be silent while a reply is due.
    longest : int
        Bytes that it may send before the end of a reply.
    """

    requests: list[str]
    crystal: str
    rx: str
    tx: str
    crystal_ps: int
    bit_ps: int
    start_ps: int
    silence_ps: int
    longest: int


def ask(folder: Path, rows: IntArray, input: Beats, output: Beats, patience: int, progress: Progress) -> Run:
    """Send samples to a built bitstream and return its answers as beats of the stream ``o``.

    A beat's cycle is the one in which its reply ended, counted from when the crystal started.

    Parameters
    ----------
    folder : Path
        What `build` left.
    rows : int64 array (samples, input.length)
        Samples as they are streamed.
    input, output : Beats
        Layout of the accelerator's streams.
    patience : int
        Cycles that the accelerator may take for a sample.
    progress : callable
        Told of the answers.

    Raises
    ------
    ToolError
        A tool is missing or fails, or the bitstream cannot be simulated.
    BenchError
        The board is silent, or what it says is no answer.
    """
    report = read_report(folder)
    frames = [Frame(Kind.REQUEST, k % 256, pack_sample(x, input)) for k, x in enumerate(rows)]
    script = plan_script(find(report.board), report, frames, round_trip(input, output), patience)
    progress(WHAT, 0, len(rows))
    chip = fabric(folder / f"{NAME}.asc", folder / f"{NAME}.pcf", script.crystal)
    with TemporaryDirectory(prefix="icepop-") as temporary:
        scratch = Path(temporary).resolve()
        run = scratch / "run0"
        run.mkdir()
        (run / "run.json").write_text(json.dumps(asdict(script)))
        job = Job("icarus", TOP, BENCH, ("-DNO_ICE40_DEFAULT_ASSIGNMENTS",), (run.name,), "1ps")
        write_job(scratch, job, {"cells.v": cell_models(), "chip.v": chip})
        work("icarus", scratch, clean_environment(), AnswerCount(scratch, run / "replies", len(rows), progress))
        lines = [line.split() for line in (run / "replies").read_text().splitlines()]
        end = json.loads((run / "end.json").read_text())
    answers = [read_reply(bytes.fromhex(block), k, output) for k, (_, block) in enumerate(lines)]
    if end["error"]:
        raise BenchError(f"{end['error']} after {len(answers)} of {len(rows)} replies")
    rate = report.clock_hz / 1e12
    cycles = [round(int(time) * rate) for time, _ in lines for _ in range(output.count)]
    record = Record(output.pack(np.stack(answers)), cycles)
    return Run({"o": record}, round(end["end_ps"] * rate), end["seconds"])


def round_trip(input: Beats, output: Beats) -> int:
    """Bits on the line from the first of a request to the last of its reply, at most."""
    blocks = longest_block(sample_bytes(input)) + longest_block(1 + sample_bytes(output))
    return FRAME_BITS * (blocks + 4)


def plan_script(board: Board, report: Report, frames: Sequence[Frame], bits: int, patience: int) -> Script:
    """Times and pins of a bench; the names of the pins are Amaranth's.

    The first request is sent once the board must be out of reset. The board may be silent for as long as two round
    trips take: while one request is answered the next is received.
    """
    cycle_ps = 1e12 / report.clock_hz
    bit_ps = round(1e12 / report.baud)
    return Script(
        requests=[frame.encode().hex() for frame in frames],
        crystal=f"{board.crystal}_0__io",
        rx=f"{board.uart}_0__rx__io",
        tx=f"{board.uart}_0__tx__io",
        crystal_ps=2 * round(1e12 / board.crystal_hz / 2),
        bit_ps=bit_ps,
        start_ps=round(2 * max(RESET_S * 1e12, RESET_CYCLES * cycle_ps)),
        silence_ps=2 * round(bits * bit_ps + (SLACK_CYCLES + patience) * cycle_ps),
        longest=bits // FRAME_BITS,
    )


def read_reply(block: bytes, number: int, output: Beats) -> IntArray:
    """Values (length,) of the reply to request ``number``.

    Raises
    ------
    BenchError
        It is no frame, or another one's, or tells of an error.
    """
    try:
        reply = Frame.decode(block)
    except FrameError as error:
        raise BenchError(f"the reply to request {number} is damaged: {error}") from error
    if (reply.kind, reply.sequence) != (Kind.REPLY, number % 256):
        raise BenchError(
            f"the reply to request {number} must have kind {Kind.REPLY:#04x} and sequence number {number % 256}, "
            f"not {reply.kind:#04x} and {reply.sequence}"
        )
    if reply.payload[:1] != bytes([Status.OK]) or len(reply.payload) != 1 + sample_bytes(output):
        raise BenchError(f"the reply to request {number} is {reply.payload.hex()}, which is no result of this model")
    return unpack_sample(reply.payload[1:], output)


class AnswerCount(Growth):
    """Progress of a simulation at the pins.

    Parameters
    ----------
    folder : Path
        Where the job is.
    replies : Path
        The file of replies.
    total : int
        How many there will be.
    progress : callable
        Who is told.
    """

    def __init__(self, folder: Path, replies: Path, total: int, progress: Progress) -> None:
        super().__init__([folder / "job.log", replies])
        self._replies, self._total, self._progress = replies, total, progress

    def look(self) -> bool:
        """Report what is new."""
        grown = super().look()
        if grown and self._replies.exists():
            self._progress(WHAT, self._replies.read_text().count("\n"), self._total)
        return grown
