# amaranth: UnusedElaboratable=no
"""Which source brings a layer's beats."""

from icepop.compiler.ops.conv import Conv
from icepop.compiler.ops.dense import Dense
from icepop.compiler.planner.plan import Folding
from icepop.compiler.types import Beats
from icepop.hdl.matrix.tiling import Tiling
from icepop.hdl.sources.direct import Direct
from icepop.hdl.sources.held import Held
from icepop.hdl.sources.lines import LineSource
from icepop.hdl.sources.ping_pong import PingPong
from icepop.hdl.sources.registers import Registers
from icepop.hdl.sources.vector import VectorSource


def windowed(op: Dense | Conv) -> bool:
    """Whether an output pixel reads anything but the input pixel at its own place."""
    return isinstance(op, Conv) and ({*op.window.kernel, *op.window.stride} != {1} or op.window.padded)


def waits(op: Dense | Conv, tiling: Tiling) -> bool:
    """Whether vectors have to be whole before they are read, so that there is a choice of where."""
    return not windowed(op) and tiling.tiles > 1 and tiling.depth > 1


def source_for(
    op: Dense | Conv, sizes: tuple[int, ...], beats: Beats, tiling: Tiling, folding: Folding
) -> VectorSource | LineSource:
    """Source of a layer that reads a map of these sizes (none for a vector)."""
    if isinstance(op, Conv) and windowed(op):
        return LineSource(beats, sizes, op.window, tiling.groups * tiling.tiles, tiling.groups, folding.pixels)
    if tiling.tiles == 1:
        return Direct(beats)
    if tiling.depth == 1 or folding.buffer == "sums":
        return Held(beats, tiling.tiles)
    kind = Registers if folding.buffer == "registers" else PingPong
    return kind(beats, tiling.depth, tiling.tiles)
