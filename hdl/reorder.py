"""The order of elements as beats: which input beat, and which of its lanes, each output beat is wired to."""

from dataclasses import dataclass
from functools import cached_property
from math import gcd

import numpy as np
from numpy.typing import NDArray

from icepop.compiler.ops.gather import Gather
from icepop.compiler.raster import to_stream
from icepop.compiler.types import IntArray


def stream_positions(op: Gather, shape: tuple[int, ...]) -> IntArray:
    """Where in the input's stream of ``shape`` each element of the result's stream comes from, (result length,)."""
    flat = to_stream(np.arange(int(np.prod(shape))).reshape(1, *shape))[0]
    place = np.empty_like(flat)
    place[flat] = np.arange(len(flat))
    return place[to_stream(op.index[None])[0]]


@dataclass(frozen=True, eq=False)
class Reorder:
    """An order in which every output beat comes from one input beat, and its lanes always from the same lanes.

    It is cut into as many equal blocks as there are that keep to themselves: a block of the output reads nothing but
    the same block of the input, each in the same order.

    Parameters
    ----------
    sources : int64 array (beats out,)
        Input beat of each output beat.
    lanes : int64 array (lanes out,)
        Input lane of each output lane.
    count : int
        Input beats.
    """

    sources: NDArray[np.int64]
    lanes: NDArray[np.int64]
    count: int

    @staticmethod
    def of(positions: IntArray, length: int, lanes: tuple[int, int]) -> "Reorder | None":
        """Order of a stream of ``length`` elements with these lanes in and out; None if it is no order of beats."""
        lanes_in, lanes_out = lanes
        beats, places = np.divmod(positions.reshape(-1, lanes_out), lanes_in)
        if (beats != beats[:, :1]).any() or (places != places[:1]).any():
            return None
        return Reorder(beats[:, 0], places[0], length // lanes_in)

    @cached_property
    def blocks(self) -> int:
        """Most blocks that keep to themselves."""
        most = gcd(self.count, len(self.sources))
        return next(blocks for blocks in range(most, 0, -1) if most % blocks == 0 and self._separate(blocks))

    def _separate(self, blocks: int) -> bool:
        """Whether so many blocks keep to themselves."""
        size = self.count // blocks
        inside = self.sources.reshape(blocks, -1) - size * np.arange(blocks)[:, None]
        return bool((inside == inside[:1]).all() and inside.min() >= 0 and inside.max() < size)

    @property
    def program(self) -> NDArray[np.int64]:
        """Input beat of each output beat of a block."""
        return self.sources[: len(self.sources) // self.blocks]

    @property
    def block(self) -> int:
        """Input beats of a block."""
        return self.count // self.blocks

    @property
    def wires(self) -> bool:
        """Whether every beat becomes one, in order."""
        return np.array_equal(self.sources, np.arange(self.count))

    @property
    def ascending(self) -> bool:
        """Whether beats are only left out."""
        return bool((np.diff(self.sources) > 0).all())

    @cached_property
    def kept(self) -> NDArray[np.bool_]:
        """Which input beats of a block are used."""
        return np.isin(np.arange(self.block), self.program)
