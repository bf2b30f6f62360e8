# amaranth: UnusedElaboratable=no
"""`LineSource`: the windows of a map, from a line buffer in block memory."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from amaranth import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib.wiring import Out
from amaranth.utils import bits_for, ceil_log2

from icepop.compiler.ops.window import Window
from icepop.compiler.planner.plan import Resources
from icepop.compiler.planner.timing import Inlet
from icepop.compiler.types import Beats
from icepop.hdl.memory import Ram, memory_cost
from icepop.hdl.sources.base import Source
from icepop.hdl.sources.loops import Loops, at_end, at_least
from icepop.hdl.sources.window_program import LEVELS, Axis, WindowProgram, axes

REPEAT, X, Y = (LEVELS.index(level) for level in ("repeat", "x", "y"))


INSIDE = 3
"""Cells that tell whether a further window's tap lies on the map."""


class LineSource(Source):
    """The beats under each window of a map: row by row of windows, tap by tap, channels innermost.

    For every window (row-major), for every one of its ``groups`` readings, for every tap (row-major), for every channel
    beat: one beat. With grouped convolution a reading covers only the channel beats of its convolution group, and the
    readings are dealt out evenly to these.

    Parameters
    ----------
    beats : Beats
        The map, a raster (H, W, C) with ``C`` innermost.
    sizes : tuple of int
        ``(H, W)``, or ``(W,)`` of a map of one axis.
    window : Window
        Where the kernel stands; taps on padding come with ``inside`` low.
    groups : int
        Readings of each window.
    conv_groups : int
        Convolution groups; divides ``groups`` and a pixel's beats.
    abreast : int
        Neighbouring windows of a row that are read at once, each from a copy of the buffer: a block memory has one
        port to read. Where they do not divide a row, what comes for those beyond its end may be anything.

    Members
    -------
    ends : Out(1)
        The beat that can be taken is the last one of its reading.

    Raises
    ------
    ValueError
        The map has more than two axes, or the groups do not divide.

    Notes
    -----
    The buffer is a ring over the stream of beats, a power of two deep, so that a beat's address is its number in the
    stream; in the copy for a further window its address is as much less as that window is ahead, so that one address
    reads all. An address register runs through the taps and adds a constant for each loop that turns. One counter knows
    how many pixels have come beyond those that the window waits for: negative, and the window has to wait; full, and
    the stream has to. The buffer frees with each window what lies `WindowProgram.reach` behind what it waits for.

    A window's first beat can be taken the cycle after its last pixel's last beat has come, and one each cycle then.
    """

    def __init__(
        self,
        beats: Beats,
        sizes: Sequence[int],
        window: Window,
        groups: int = 1,
        conv_groups: int = 1,
        abreast: int = 1,
    ) -> None:
        if groups % conv_groups:
            raise ValueError(f"readings must be dealt out evenly to {conv_groups} convolution groups, not {groups}")
        rows, columns = axes(window, sizes, abreast)
        self.program = WindowProgram(beats, rows, columns, groups // conv_groups, conv_groups)
        pixels = self.program.reach + self.program.slack
        depths = [1 << ceil_log2(more * beats.pixel_beats) for more in (pixels, pixels + columns.size)]
        costs = [memory_cost(depth, beats.width) for depth in depths]
        # a row more, for a producer that is fast at times, where it takes no more block memory
        choice = costs[0].ebr == costs[1].ebr
        self.depth, self.memory = depths[choice], costs[choice]
        super().__init__(beats, {"ends": Out(1)}, abreast)

    @cached_property
    def ahead(self) -> int:
        """Most pixels that are taken beyond those the window waits for: a power of two where one is enough."""
        most = self.depth // self.beats.pixel_beats - self.program.reach
        power = 1 << most.bit_length() - 1
        return power if power >= self.program.slack else most

    @cached_property
    def count(self) -> Signal:
        """Pixels that have come beyond those that the window needs."""
        program = self.program
        least = max(program.columns.step, program.line_jump, program.sample_jump, int(program.needs[0]))
        bits = max(bits_for(-least, True), 1 + bits_for(self.ahead))
        return Signal(bits, init=-int(program.needs[0]) % (1 << bits))

    @cached_property
    def inlet(self) -> Inlet:
        """A step is one reading of a window, or of a group of them.

        Beats are taken as far as `ahead` pixels beyond those the window waits for, so the last reading of a window
        frees as many places as the next one needs more, whatever of the map is held behind.
        """
        program, pixel = self.program, self.beats.pixel_beats
        readings = program.repeats * program.groups
        needs = np.repeat(program.needs, readings)
        frees = needs.copy()
        frees[readings - 1 :: readings] = np.append(program.needs[1:], self.beats.pixels + program.needs[0])
        first = int(program.needs[0])
        capacity = (first + self.ahead) * pixel
        return Inlet(needs * pixel, capacity, (frees - first) * pixel, total=self.beats.count)

    @cached_property
    def cost(self) -> Resources:
        """Memories; all addresses, of which the read one has constants to choose from; loops; the count of pixels."""
        program, copies = self.program, self.program.columns.abreast
        address, count = ceil_log2(self.depth), len(self.count)
        adders = (copies + 1) * address + count
        choices = address + count + 9
        for level, turns in enumerate(program.counts):
            axis = {X: program.columns, Y: program.rows}.get(level)
            if axis is not None and axis.padded:
                adders += bits_for(axis.last)
                choices += 6 + INSIDE * (axis.abreast - 1)
            elif turns > 1:
                choices += ceil_log2(turns) + 1 + (turns > 4)
        flip_flops = adders + sum(ceil_log2(turns) for turns in program.counts[:5])
        return self.memory * copies + Resources(adders + choices, flip_flops, adders, adders + choices)

    def elaborate(self, platform: object) -> Module:
        """Ring buffer, the loops that read it, and what is known of the pixels."""
        m = Module()
        program, pixel = self.program, Signal()
        copies = [Ram(self.beats.width, self.depth) for _ in range(program.columns.abreast)]
        m.submodules += copies
        self._write(m, copies, pixel)
        loops = Loops(m, program.counts, self.take, foreseen=X)
        for level in range(5):
            loops.count(level)
        x = self._position(m, loops, program.columns, X, program.column_strides)
        y = self._position(m, loops, program.rows, Y, program.row_strides)
        self._wait(m, loops, x, y, pixel)
        address = loops.follow(program.address_strides, ceil_log2(self.depth), program.origin)
        m.d.comb += [
            self.data.eq(Cat(ram.data for ram in copies)),
            self.ends.eq(Cat(loops.lasts[:REPEAT]).all()),
            *(ram.address.eq(address) for ram in copies),
            *(ram.en.eq(self.take) for ram in copies),
        ]
        if program.columns.padded or program.rows.padded:
            columns = Cat(on_map(x, program.columns, k) for k in range(len(copies)))
            with m.If(self.take):
                m.d.sync += self.inside.eq(Mux(on_map(y, program.rows), columns, 0))
        return m

    def _write(self, m: Module, copies: Sequence[Ram], pixel: Signal) -> None:
        """Write beats one after the other; ``pixel`` is high when one is complete."""
        count, bits = self.beats.pixel_beats, ceil_log2(self.depth)
        taken = Signal()
        behind = [k * self.program.neighbour for k in range(len(copies))]
        addresses = [Signal(bits, name=f"write_{k}", init=-far % (1 << bits)) for k, far in enumerate(behind)]
        m.d.comb += taken.eq(self.i.valid & self.i.ready)
        for ram, address in zip(copies, addresses, strict=True):
            m.d.comb += [
                ram.write_address.eq(address),
                ram.write_data.eq(self.i.payload),
                ram.write_en.eq(taken),
            ]
            with m.If(taken):
                m.d.sync += address.eq(address + 1)
        if count & (count - 1) == 0:
            m.d.comb += pixel.eq(taken & addresses[0][: ceil_log2(count)].all())
        else:
            writing = Loops(m, [count], taken)
            writing.count(0)
            m.d.comb += pixel.eq(writing.ends[1])

    def _position(self, m: Module, loops: Loops, axis: Axis, level: int, strides: Sequence[int]) -> Value:
        """Position of the tap on an axis, counted from the padding's first pixel; of no use without padding."""
        if not axis.padded:
            loops.count(level)
            return Const(0)
        position = loops.follow(strides, bits_for(axis.last)) if axis.last else Const(0, 1)
        if axis.count > 1:
            m.d.comb += loops.lasts[level].eq(at_end(position, axis.last))
        return position

    def _wait(self, m: Module, loops: Loops, x: Value, y: Value, pixel: Signal) -> None:
        """Count the pixels that have come beyond those that the window needs."""
        program = self.program
        jumps = (program.columns.step, program.line_jump, program.sample_jump)
        count, bits = self.count, len(self.count)
        column, line, sample = (Const(-jump % (1 << bits), bits) for jump in jumps)
        more_columns = ~(passed(x, program.columns) | passed(y, program.rows, 1))
        fewer = loops.choose(
            X, [*[Const(0)] * X, Mux(more_columns, column, 0), Mux(passed(y, program.rows), 0, line), sample]
        )
        change = Mux(loops.ends[X], fewer, 0)
        # a sum of three, of which one is a carry
        m.d.sync += count.eq((Cat(pixel, count) + Cat(pixel, change))[1:])
        m.d.comb += [self.valid.eq(~count[-1]), self.i.ready.eq(count[-1] | ~at_least(count[:-1], self.ahead))]


def on_map(position: Value, axis: Axis, window: int = 0) -> Value:
    """Whether a window's tap lies on the map, by the position of the first window's."""
    if not axis.padded:
        return Const(1)
    first = axis.before - window * axis.stride
    return at_least(position, max(0, first)) & ~at_least(position, max(0, first + axis.size))


def passed(position: Value, axis: Axis, groups: int = 0) -> Value:
    """Whether ``groups`` or more have passed since the last one whose successor needs more pixels, by its last tap."""
    if axis.growing == axis.count - 1:
        return Const(0)
    return at_least(position, (axis.growing + groups) * axis.step + axis.extent - 1)
