"""`numbered`: items as numbers, so that arrays can stand for them."""

from collections.abc import Hashable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Item = TypeVar("Item", bound=Hashable)


def numbered(items: Sequence[Item]) -> tuple[list[Item], NDArray[np.int64]]:
    """Different items in order of first appearance, and the number among them of each."""
    numbers: dict[Item, int] = {}
    indices = np.array([numbers.setdefault(item, len(numbers)) for item in items], np.int64)
    return list(numbers), indices
