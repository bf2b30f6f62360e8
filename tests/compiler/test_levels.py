import numpy as np
import pytest

from icepop.compiler.ops.levels import CHUNK, FEW, codes, reached
from icepop.compiler.types import Domain


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("count", [0, 1, FEW, FEW + 1, 255])
@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_reached_thresholds_are_counted(same: bool, count: int, dtype: type) -> None:
    """On both sides of every threshold and on it, however many there are."""
    rng = np.random.default_rng(count)
    thresholds = np.sort(rng.integers(-50, 50, (1 if same else 4, count)), axis=1).astype(dtype)
    thresholds = np.broadcast_to(thresholds, (4, count))
    x = rng.integers(-52, 53, (60, 4)).astype(dtype)
    expected = (x[:, :, None] >= thresholds).sum(axis=2)
    assert (reached(x, thresholds) == expected).all()
    result = codes(x, thresholds, Domain(-7, 2 * count - 7, 2))
    assert result.dtype == np.int64
    assert (result == 2 * expected - 7).all()


def test_infinity_is_never_reached() -> None:
    thresholds = np.full((1, FEW + 1), np.inf, np.float32)
    x = np.array([[np.finfo(np.float32).max]], np.float32)
    assert reached(x, thresholds).item() == reached(x, thresholds[:, :2]).item() == 0


def test_more_elements_than_a_chunk() -> None:
    x = np.arange(2 * CHUNK + 6).reshape(-1, 2)
    assert (reached(x, np.array([[10], [CHUNK + 1]]))[:, 1] == (x[:, 1] >= CHUNK + 1)).all()
    assert reached(np.zeros((3, CHUNK * 2)), np.zeros((CHUNK * 2, 1))).all()
