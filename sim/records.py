"""What was seen: every transfer of every watched stream with its cycle, and whether the streams kept their rules."""

from bisect import bisect_left
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


class Observer:
    """Turn what a simulator sees into records, in pieces as they come.

    Parameters
    ----------
    layout : Layout
        What the bits of a row are.
    stimulus : Stimulus
        What is driven.

    Attributes
    ----------
    cycles : int
        Rows taken so far.
    records : dict of str to Record
        What they hold, by port, in pipeline order.
    """

    def __init__(self, layout: Layout, stimulus: Stimulus) -> None:
        self.layout = layout
        self.stimulus = stimulus
        self.cycles = 0
        self.records = {stream.port: Record([], []) for stream in layout.streams}
        self._last: Rows = np.zeros((0, layout.size), np.uint8)

    @property
    def taken(self) -> int:
        """Output beats so far."""
        return len(self.records[self.layout.streams[-1].port].cycles)

    def take(self, rows: Rows) -> None:
        """Take the next rows, as `observe` does.

        Raises
        ------
        BenchError
            A stream rule is broken.
        """
        for k, stream in enumerate(self.layout.streams):
            new = record(self.layout, rows, k, self.cycles)
            self.records[stream.port].payloads.extend(new.payloads)
            self.records[stream.port].cycles.extend(new.cycles)
        # with the row before, because a rule binds two cycles
        self._check(np.concatenate([self._last, rows]), self.cycles - len(self._last))
        self.cycles += len(rows)
        self._last = rows[-1:] if len(rows) else self._last

    def _check(self, rows: Rows, first: int) -> None:
        broken = earliest_break(self.layout, rows)
        if broken is None:
            return
        row, k, what = broken
        cycle = first + row
        beat = bisect_left(self.records[self.layout.streams[k].port].cycles, cycle)
        raise BenchError(f"{what} of beat {beat} at cycle {cycle} ({self.stimulus.accept})", self.stimulus, cycle)

    def run(self, seconds: float) -> Run:
        """All that was seen, in ``seconds`` of wall time.

        Raises
        ------
        BenchError
            The design stands still, or moves without coming to an end.
        """
        if self.taken < self.stimulus.outputs and self.cycles >= self.stimulus.limit:
            raise endless(self.layout, self.records, self.stimulus)
        if self.taken < self.stimulus.outputs:
            raise standstill(self.layout, self._last, self.records, self.stimulus)
        return Run(self.records, self.cycles, seconds)


def observe(layout: Layout, rows: Rows, stimulus: Stimulus, seconds: float) -> Run:
    """Turn all that a simulator saw into records.

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
        A stream rule is broken (the earliest break is named), or the design stands still or never ends.
    """
    observer = Observer(layout, stimulus)
    observer.take(rows)
    return observer.run(seconds)


def transfers(layout: Layout, rows: Rows) -> dict[str, Record]:
    """Record of every stream, by port."""
    return {stream.port: record(layout, rows, k) for k, stream in enumerate(layout.streams)}


def record(layout: Layout, rows: Rows, k: int, first: int = 0) -> Record:
    """Transfers of stream ``k`` in rows that begin with cycle ``first``."""
    valid, ready = layout.handshake(rows, k)
    moved = np.flatnonzero(valid & ready)
    payloads, cycles = rows[moved, layout.slices[k]], (first + moved).tolist()
    if payloads.shape[1] <= 8:
        words = np.zeros((len(moved), 8), np.uint8)
        words[:, : payloads.shape[1]] = payloads
        return Record(words.view("<u8")[:, 0].tolist(), cycles)
    return Record([int.from_bytes(payload.tobytes(), "little") for payload in payloads], cycles)


def earliest_break(layout: Layout, rows: Rows) -> tuple[int, int, str] | None:
    """Where it first shows that something offered does not stay offered, unchanged, until it is taken.

    Returns
    -------
    row, k : int
        In which row of which stream.
    what : str
        Which stream does what.
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
    return min(breaks, default=None)


def standstill(layout: Layout, last_row: Rows, records: dict[str, Record], stimulus: Stimulus) -> BenchError:
    """Error that tells where every stream stood when nothing moved any more, as ``last_row`` (1, layout.size) shows."""
    last = max((record.cycles[-1] for record in records.values() if record.cycles), default=-1)
    places = []
    for k, stream in enumerate(layout.streams):
        valid, ready = layout.handshake(last_row, k)
        beat = len(records[stream.port].cycles)
        state = {(True, False): "offered, not taken", (False, True): "awaited, not offered"}
        places.append(f"{stream.label} beat {beat} {state.get((bool(valid[0]), bool(ready[0])), 'not offered')}")
    taken = len(records[layout.streams[-1].port].cycles)
    if stimulus.polite(taken) and not layout.handshake(last_row, len(layout.streams) - 1)[0][0]:
        places.append("which must not wait for ready before it is offered")
    wait = f"no transfer in {stimulus.patience} cycles after cycle {last} ({stimulus.accept})"
    return BenchError(f"the design stands still: {wait}; {', '.join(places)}", stimulus, max(last, 0))


def endless(layout: Layout, records: dict[str, Record], stimulus: Stimulus) -> BenchError:
    """Error that tells what every stream moved in a run that was ended because it took too long."""
    beats = ", ".join(f"{stream.label} moved {len(records[stream.port].cycles)} beats" for stream in layout.streams)
    due = f"{len(stimulus.payloads)} were to be taken and {stimulus.outputs} to be given"
    message = f"the design does not come to an end: in {stimulus.limit} cycles ({stimulus.accept}) {beats}; {due}"
    return BenchError(message, stimulus, stimulus.limit)
