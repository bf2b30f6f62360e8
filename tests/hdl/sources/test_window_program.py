"""`WindowProgram` against windows that are looked at one by one."""

import numpy as np
import pytest

from icepop.compiler.ops.window import Window
from icepop.compiler.types import BIPOLAR, Beats
from icepop.hdl.sources.window_program import Axis, WindowProgram, axes


def programs() -> list[WindowProgram]:
    """Random ones."""
    rng = np.random.default_rng(0)
    found = []
    while len(found) < 200:
        sizes = tuple(map(int, rng.integers(1, 9, 2)))
        parts = [tuple(map(int, rng.integers(low, high, 2))) for low, high in ((1, 5), (1, 5), (0, 4), (0, 4), (1, 4))]
        window = Window(*parts)
        full = np.add(sizes, window.before) + window.after
        if (full >= window.extents).all():
            channels, lanes = map(int, rng.integers(1, 6, 2))
            pixels, abreast = sizes[0] * sizes[1], len(found) % 4 // 2 * len(found) % 3 + 1
            beats = Beats(BIPOLAR, channels * pixels, lanes, pixels)
            found.append(WindowProgram(beats, *axes(window, sizes, abreast)))
    return found


def taps(axis: Axis, group: int) -> list[int]:
    """Pixels of an axis that a group of windows reads."""
    windows = range(group * axis.abreast, min(axis.windows, (group + 1) * axis.abreast))
    firsts = (window * axis.stride - axis.before for window in windows)
    positions = {first + k * axis.dilation for first in firsts for k in range(axis.kernel)}
    return sorted(position for position in positions if 0 <= position < axis.size)


@pytest.mark.parametrize("program", programs())
def test_windows_wait_for_what_they_read_and_find_it_kept(program: WindowProgram) -> None:
    x, y, pixels = program.columns, program.rows, program.beats.pixels
    needs = program.needs.reshape(y.count, x.count)
    assert (np.diff(program.needs) >= 0).all()
    assert program.needs[-1] <= pixels
    for row in range(y.count):
        for column in range(x.count):
            read = [r * x.size + c for r in taps(y, row) for c in taps(x, column)]
            need = needs[row, column]
            if read:
                assert need - program.reach <= read[0]
                assert read[-1] < need
                if not (x.padded or y.padded):
                    assert read[-1] == need - 1
    assert program.reach <= pixels


def test_a_window_inside_waits_for_no_more_than_its_last_pixel() -> None:
    beats = Beats(BIPOLAR, 3 * 6 * 7, 3, 42)
    program = WindowProgram(beats, *axes(Window((3, 3), (1, 1), (1, 1), (1, 1), (1, 1)), (6, 7)))
    expected = [[min(6, row + 2) * 7 - 7 + min(7, column + 2) for column in range(7)] for row in range(6)]
    expected[5] = [42] * 7
    assert program.needs.reshape(6, 7).tolist() == expected
    assert program.reach == 2 * 7 + 3
