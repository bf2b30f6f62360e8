"""Compare what was seen with the golden model: how many samples agree, and the first layer that does not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from icepop.compiler.raster import streamed_index, to_stream
from icepop.compiler.types import Beats, IntArray
from icepop.hdl.accelerator import Tap
from icepop.sim.records import Record


@dataclass(frozen=True)
class Mismatch:
    """The first wrong element of the first wrong layer.

    Parameters
    ----------
    port : str
        Tap, or ``o``.
    op : str
        Layer.
    sample : int
        Which sample, in the order they were fed.
    index : tuple of int
        Element in the op's own shape (C, H, W).
    expected : int or None
        Golden value; None if the hardware gave a beat too many.
    got : int or None
        Hardware's value; None if it never came.
    cycle : int
        When it was transferred; of a value that never came, when the last one before it was.
    """

    port: str
    op: str
    sample: int
    index: tuple[int, ...]
    expected: int | None
    got: int | None
    cycle: int

    def __str__(self) -> str:
        where = f"layer '{self.op}', sample {self.sample}, index {list(self.index)}"
        if self.got is None:
            return f"{where}: expected {self.expected}, but nothing came after cycle {self.cycle}"
        expected = "nothing" if self.expected is None else self.expected
        return f"{where}: expected {expected}, got {self.got} at cycle {self.cycle}"


@dataclass(frozen=True)
class Verdict:
    """Result of a comparison.

    Parameters
    ----------
    samples, exact : int
        Samples compared, and those of which everything seen is equal to golden.
    mismatch : Mismatch or None
        None exactly if everything agrees.
    """

    samples: int
    exact: int
    mismatch: Mismatch | None


def compare(taps: Sequence[Tap], records: Mapping[str, Record], golden: Mapping[str, IntArray]) -> Verdict:
    """Compare every tap's record with its op's golden values.

    Parameters
    ----------
    taps : sequence of Tap
        What was watched, in pipeline order; the output stream is a tap too.
    records : mapping of str to Record
        By tap name.
    golden : mapping of str to int64 array (samples, *shape)
        By op name.
    """
    samples = len(golden[taps[-1].op])
    exact = np.ones(samples, bool)
    first: Mismatch | None = None
    for tap in taps:
        wrong, mismatch = compare_tap(tap, records[tap.name], golden[tap.op])
        exact &= ~wrong
        first = first or mismatch
    return Verdict(samples, int(exact.sum()), first)


def compare_tap(tap: Tap, record: Record, golden: IntArray) -> tuple[NDArray[np.bool_], Mismatch | None]:
    """Which samples (samples,) are wrong at one tap, and the first mismatch."""
    beats = tap.beats
    whole = min(len(record.payloads) // beats.count, len(golden))
    payloads = record.payloads[: whole * beats.count]
    got = beats.unpack(payloads) if whole else np.zeros((0, beats.length), np.int64)
    expected = to_stream(golden)
    different = got != expected[:whole]
    wrong = np.ones(len(golden), bool)
    wrong[:whole] = different.any(axis=1)
    if wrong.any():
        sample = int(wrong.argmax())
        came = sample < whole
        position = int(different[sample].argmax()) if came else 0
        cycle = record.cycles[sample * beats.count + beats.beat(position)] if came else max(record.cycles, default=0)
        value = int(got[sample, position]) if came else None
        index = streamed_index(position, golden.shape[1:])
        return wrong, Mismatch(tap.name, tap.op, sample, index, int(expected[sample, position]), value, cycle)
    return wrong, surplus(tap, record, len(golden))


def surplus(tap: Tap, record: Record, samples: int) -> Mismatch | None:
    """Mismatch of the first beat after all samples, if there is one."""
    due = samples * tap.beats.count
    if len(record.payloads) <= due:
        return None
    one_beat = Beats(tap.beats.domain, tap.beats.lanes, tap.beats.lanes)
    value = int(one_beat.unpack(record.payloads[due : due + 1])[0, 0])
    return Mismatch(tap.name, tap.op, samples, (0,), None, value, record.cycles[due])
