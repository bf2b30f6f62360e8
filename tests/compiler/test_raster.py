import numpy as np
import pytest

from icepop.compiler.raster import from_stream, streamed_index, to_stream

SHAPES = [(7,), (1,), (3, 5), (1, 4), (2, 3, 5), (4, 1, 3), (3, 2, 1)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("samples", [0, 1, 4])
def test_back_and_forth(shape, samples):
    values = np.arange(samples * np.prod(shape)).reshape(samples, *shape)
    rows = to_stream(values)
    assert rows.shape == (samples, np.prod(shape))
    assert np.array_equal(from_stream(rows, shape), values)


def test_a_raster_has_the_channel_innermost():
    values = np.arange(2 * 2 * 3 * 5).reshape(2, 2, 3, 5)
    rows = to_stream(values)
    for sample, channel, row, column in np.ndindex(values.shape):
        assert rows[sample, (row * 5 + column) * 2 + channel] == values[sample, channel, row, column]


def test_a_line_has_the_channel_innermost():
    assert to_stream(np.arange(6).reshape(1, 2, 3)).tolist() == [[0, 3, 1, 4, 2, 5]]


def test_a_vector_stays():
    assert to_stream(np.arange(6).reshape(2, 3)).tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("shape", SHAPES)
def test_index_of_every_position(shape):
    values = np.arange(np.prod(shape)).reshape(1, *shape)
    for position, value in enumerate(to_stream(values)[0]):
        assert values[(0, *streamed_index(position, shape))] == value
