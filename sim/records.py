"""What was seen: every transfer of every watched stream with its cycle, and whether the streams kept their rules."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from icepop.sim.bench import BenchError, Stimulus

Rows = NDArray[np.uint8]


@dataclass(frozen=True)
class Stream:
    """A stream that is watched.

    Parameters
    ----------
    port : str
        Port of the design: ``i``, ``o``, or a tap's.
    label : str
        What messages call it.
    width : int
        Bits of its payload.
    """

    port: str
    label: str
    width: int


@dataclass(frozen=True)
class Layout:
    """Where each stream lies in the one vector that a simulator reads each cycle.

    Bit ``2 k`` is the valid and bit ``2 k + 1`` the ready of stream ``k``; the payloads follow, each from a byte
    boundary.

    Parameters
    ----------
    streams : tuple of Stream
        In pipeline order: the input first, the output last.
    """

    streams: tuple[Stream, ...]

    @property
    def flags(self) -> int:
        """Bits before the payloads."""
        return 8 * -(-2 * len(self.streams) // 8)

    @cached_property
    def slices(self) -> tuple[slice, ...]:
        """Bytes of each stream's payload."""
        ends = np.cumsum([self.flags // 8, *(-(-stream.width // 8) for stream in self.streams)]).tolist()
        return tuple(slice(start, end) for start, end in pairwise(ends))

    @property
    def size(self) -> int:
        """Bytes of the vector."""
        return self.slices[-1].stop

    def events(self, flags: int) -> tuple[bool, bool, bool, bool]:
        """Whether in a cycle with these ``flags`` the input moved, the output moved, it was valid, any stream moved."""
        pairs = [flags >> 2 * k & 3 for k in range(len(self.streams))]
        return pairs[0] == 3, pairs[-1] == 3, pairs[-1] & 1 == 1, 3 in pairs

    def handshake(self, rows: Rows, k: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Valid and ready of stream ``k`` in each cycle."""
        flags = rows[:, k // 4] >> 2 * (k % 4)
        return flags & 1 != 0, flags & 2 != 0


@dataclass(frozen=True)
class Record:
    """The transfers of one stream.

    Parameters
    ----------
    payloads : list of int
        One a transfer.
    cycles : list of int
        When each took place; cycle 0 is the first after reset.
    """

    payloads: list[int]
    cycles: list[int]


@dataclass(frozen=True)
class Run:
    """One run of a design in a simulator.

    Parameters
    ----------
    records : dict of str to Record
        By port, in pipeline order.
    cycles : int
        Cycles simulated.
    seconds : float
        Wall time of these cycles, without building the simulation.
    """

    records: dict[str, Record]
    cycles: int
    seconds: float


def observe(layout: Layout, rows: Rows, stimulus: Stimulus, seconds: float) -> Run:
    """Turn what a simulator saw into records.

    Parameters
    ----------
    layout : Layout
        What the bits of a row are.
    rows : uint8 array (cycles, layout.size)
        Settled values of each cycle, just before the clock edge that ends it.
    stimulus : Stimulus
        What was driven.
    seconds : float
        Wall time of the simulation.

    Raises
    ------
    BenchError
        A stream rule is broken (the earliest break is named), or the design stands still.
    """
    check_rules(layout, rows, stimulus)
    records = transfers(layout, rows)
    if len(records[layout.streams[-1].port].cycles) < stimulus.outputs:
        raise standstill(layout, rows, records, stimulus)
    return Run(records, len(rows), seconds)


def transfers(layout: Layout, rows: Rows) -> dict[str, Record]:
    """Record of every stream, by port."""
    return {stream.port: record(layout, rows, k) for k, stream in enumerate(layout.streams)}


def record(layout: Layout, rows: Rows, k: int) -> Record:
    """Transfers of stream ``k``."""
    valid, ready = layout.handshake(rows, k)
    cycles = np.flatnonzero(valid & ready)
    payloads = rows[cycles, layout.slices[k]]
    if payloads.shape[1] <= 8:
        words = np.zeros((len(cycles), 8), np.uint8)
        words[:, : payloads.shape[1]] = payloads
        return Record(words.view("<u8")[:, 0].tolist(), cycles.tolist())
    return Record([int.from_bytes(payload.tobytes(), "little") for payload in payloads], cycles.tolist())


def check_rules(layout: Layout, rows: Rows, stimulus: Stimulus) -> None:
    """Check that what is offered stays offered, unchanged, until it is taken.

    Raises
    ------
    BenchError
        Naming the earliest break.
    """
    breaks: list[tuple[int, int, str]] = []
    for k, stream in enumerate(layout.streams):
        valid, ready = layout.handshake(rows, k)
        stalled = (valid & ~ready)[:-1]
        payload = rows[:, layout.slices[k]]
        changed = (payload[1:] != payload[:-1]).any(axis=1)
        for broken, what in (
            (stalled & ~valid[1:], "dropped valid before the transfer"),
            (stalled & valid[1:] & changed, "changed its payload before the transfer"),
        ):
            if broken.any():
                breaks.append((int(broken.argmax()) + 1, k, f"{stream.label} {what}"))
    if breaks:
        cycle, k, what = min(breaks)
        beat = int(np.logical_and(*layout.handshake(rows[:cycle], k)).sum())
        raise BenchError(f"{what} of beat {beat} at cycle {cycle} ({stimulus.accept})", stimulus, cycle)


def standstill(layout: Layout, rows: Rows, records: dict[str, Record], stimulus: Stimulus) -> BenchError:
    """Error that tells where every stream stood when nothing moved any more."""
    last = max((record.cycles[-1] for record in records.values() if record.cycles), default=-1)
    places = []
    for k, stream in enumerate(layout.streams):
        valid, ready = layout.handshake(rows, k)
        beat = len(records[stream.port].cycles)
        state = {(True, False): "offered, not taken", (False, True): "awaited, not offered"}
        places.append(f"{stream.label} beat {beat} {state.get((bool(valid[-1]), bool(ready[-1])), 'not offered')}")
    taken = len(records[layout.streams[-1].port].cycles)
    if stimulus.polite(taken) and not layout.handshake(rows, len(layout.streams) - 1)[0][-1]:
        places.append("which must not wait for ready before it is offered")
    wait = f"no transfer in {stimulus.patience} cycles after cycle {last} ({stimulus.accept})"
    return BenchError(f"the design stands still: {wait}; {', '.join(places)}", stimulus, max(last, 0))
