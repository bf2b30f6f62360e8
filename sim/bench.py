"""What drives a design: the payloads, the stalls on both sides, and the decision of every cycle.

Nothing here knows a simulator, so every backend drives the same inputs in the same cycle.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from icepop.compiler.errors import IcepopError

PERIOD = 65521
"""Cycles after which a stall pattern repeats; prime, so that it never locks to a design's interval."""

POLITE = 8
"""In a stalled run, for one in so many beats the bench is ready only once it has seen valid: a design that waits for
ready stands still there."""

TAIL = 32
"""Cycles without a transfer that a run goes on after the last output beat, in which a surplus beat would show."""

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and of how much."""


class BenchError(IcepopError):
    """The design broke a rule of the streams or stands still.

    Parameters
    ----------
    message : str
        What, on which stream, at which cycle.
    stimulus : Stimulus or None
        What was driven.
    cycle : int or None
        Where to look.
    """

    def __init__(self, message: str, stimulus: "Stimulus | None" = None, cycle: int | None = None) -> None:
        super().__init__(message)
        self.stimulus = stimulus
        self.cycle = cycle


Pattern = Callable[[float, int, np.random.Generator], NDArray[np.bool_]]
"""From rate, length and random numbers to whether the stream may move in each of `PERIOD` cycles."""


def no_stalls(rate: float, length: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Never stall."""
    return np.ones(PERIOD, bool)


def random_stalls(rate: float, length: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Stall each cycle with probability ``rate``, but move or stall throughout in some stretches of ``length`` cycles.

    Buffers run full and empty only in those stretches.
    """
    regime = np.repeat(rng.random(-(-PERIOD // length)), length)[:PERIOD]
    chance = np.where(regime < (1 - rate) / 2, 0.0, np.where(regime > 1 - rate / 2, 1.0, rate))
    return rng.random(PERIOD) >= chance


def bursts(rate: float, length: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Stall for ``length`` cycles on average, and move in between so that a share ``rate`` is stalled."""
    stalled = rng.geometric(1 / length, PERIOD)
    moving = rng.geometric(min(1.0, rate / (length * (1 - rate))), PERIOD)
    runs = np.stack([moving, stalled], axis=1).reshape(-1)
    return np.repeat(np.tile([True, False], PERIOD), runs)[:PERIOD]


def one_in_n(rate: float, length: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Move in every n-th cycle, ``n = 1 / (1 - rate)``; below half, stall in every n-th, ``n = 1 / rate``."""
    cycles = np.arange(PERIOD)
    return cycles % round(1 / (1 - rate)) == 0 if rate >= 0.5 else cycles % round(1 / rate) != 0


KINDS: dict[str, Pattern] = {
    "none": no_stalls,
    "random": random_stalls,
    "bursts": bursts,
    "one-in-n": one_in_n,
}


@dataclass(frozen=True)
class Stall:
    """When one side of a stream holds it up; a function of its parameters alone.

    Parameters
    ----------
    kind : str
        A key of `KINDS`.
    rate : float
        Share of stalled cycles, in (0, 1); not used by 'none'.
    length : int
        Cycles of a stretch of 'random' and of a stall of 'bursts': more than a design's interval stalls all of it.
    seed : int
        Picks one pattern of the kind.
    """

    kind: str = "none"
    rate: float = 0.5
    length: int = 16
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise BenchError(f"stalls must be one of {', '.join(KINDS)}, not '{self.kind}'")
        if not 0 < self.rate < 1:
            raise BenchError(f"the share of stalled cycles must lie between 0 and 1, not {self.rate}")
        if self.length < 1:
            raise BenchError(f"a stretch of stalls must be at least 1 cycle long, not {self.length}")

    @property
    def moves(self) -> NDArray[np.bool_]:
        """Whether the stream may move, for each of `PERIOD` cycles; then they repeat."""
        return KINDS[self.kind](self.rate, self.length, np.random.default_rng(self.seed))

    @property
    def longest(self) -> int:
        """Longest stall in cycles."""
        moving = np.flatnonzero(self.moves)
        return int(np.diff(moving, append=moving[0] + PERIOD).max()) - 1

    def __str__(self) -> str:
        return "no stalls" if self.kind == "none" else f"{self.kind} stalls"


def silent(what: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True)
class Stimulus:
    """Everything a run depends on besides the design.

    Parameters
    ----------
    payloads : tuple of int
        Input beats.
    outputs : int
        Output beats to wait for.
    offer, accept : Stall
        When the bench starts to offer a beat, and when it is ready for one.
    patience : int
        Cycles without a transfer on any watched stream after which the design stands still.
    limit : int
        Cycles after which a run ends in any case: taps can move for ever. By default as many as there are if every
        beat of input and output takes all the patience.
    tail : int
        Cycles without a transfer after which a run ends once all output has come. What no output depends on may still
        be on its way to a tap then, such as the last row of a map whose pool leaves it out.
    """

    payloads: tuple[int, ...]
    outputs: int
    offer: Stall = field(default=Stall())
    accept: Stall = field(default=Stall())
    patience: int = 10_000
    limit: int = 0
    tail: int = TAIL

    def __post_init__(self) -> None:
        if self.limit == 0:
            beats = len(self.payloads) + self.outputs
            object.__setattr__(self, "limit", self.tail + self.patience * (beats + 1))

    def polite(self, beat: int) -> bool:
        """Whether the bench waits for output ``beat`` to be valid before it is ready."""
        return self.accept.kind != "none" and beat % POLITE == POLITE - 1

    def to_json(self) -> str:
        """Text that `from_json` reads."""
        record = {
            "payloads": [f"{payload:x}" for payload in self.payloads],
            "outputs": self.outputs,
            "offer": vars(self.offer),
            "accept": vars(self.accept),
            "patience": self.patience,
            "limit": self.limit,
            "tail": self.tail,
        }
        return json.dumps(record)

    @staticmethod
    def from_json(text: str) -> "Stimulus":
        """Inverse of `to_json`."""
        record = json.loads(text)
        payloads = tuple(int(payload, 16) for payload in record["payloads"])
        offer, accept = Stall(**record["offer"]), Stall(**record["accept"])
        ends = (record[key] for key in ("patience", "limit", "tail"))
        return Stimulus(payloads, record["outputs"], offer, accept, *ends)


class Driver:
    """Inputs of each cycle, decided from what moved in the cycle before.

    A beat is offered when the stall allows it, whatever ``ready`` says, and stays until it is taken. While nothing
    is offered the payload is wrong on purpose, so that a design which takes it is found.

    Parameters
    ----------
    stimulus : Stimulus
        What to drive.
    width : int
        Bits of an input payload.

    Attributes
    ----------
    word : int
        Inputs of the current cycle: bit 0 is the output's ready, bit 1 the input's valid, the payload follows.
    taken : int
        Output beats taken so far.
    """

    def __init__(self, stimulus: Stimulus, width: int) -> None:
        self._payloads = stimulus.payloads
        self._wanted = stimulus.outputs
        self._patience, self._limit = stimulus.patience, stimulus.limit
        self._offer = stimulus.offer.moves.tolist()
        self._accept = stimulus.accept.moves.tolist()
        self._mask = (1 << width) - 1
        self._position = self._cycle = self._idle = self.taken = 0
        self._left = self._tail = stimulus.tail
        self._offering = self._offered = False
        self._polite = stimulus.polite
        self.word = self._decide()

    def step(self, given: bool, taken: bool, offered: bool, moved: bool) -> bool:
        """Go to the next cycle, and tell whether there is one.

        Parameters
        ----------
        given, taken : bool
            Whether the input, and the output, moved a beat in this cycle.
        offered : bool
            Whether the output was valid.
        moved : bool
            Whether any watched stream moved a beat.
        """
        if given:
            self._position += 1
            self._offering = False
        self.taken += taken
        self._offered = offered and not taken
        self._idle = 0 if moved else self._idle + 1
        self._cycle += 1
        if self.taken >= self._wanted:
            self._left = (self._tail if moved else self._left) - 1
        self.word = self._decide()
        return self._left > 0 and self._idle < self._patience and self._cycle < self._limit

    def _decide(self) -> int:
        phase = self._cycle % PERIOD
        ready = self._accept[phase] and (self._offered or not self._polite(self.taken))
        if self._position >= len(self._payloads):
            return ready | self._mask << 2
        payload = self._payloads[self._position]
        if self._offering or self._offer[phase]:
            self._offering = True
            return ready | 2 | payload << 2
        return ready | (payload ^ self._mask) << 2
