"""Data for a network: an npz with ``x`` and, if they are known, labels ``y``."""

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from icepop.compiler.errors import DataError
from icepop.compiler.graph import Graph
from icepop.compiler.input_format import InputFormat
from icepop.compiler.types import IntArray, TensorType

UNREADABLE = (ValueError, OSError, EOFError, MemoryError, RuntimeError, BadZipFile, zlib.error)
"""What zipfile and numpy raise on files that are cut off, changed, packed in unknown ways or encrypted."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples of one file.

    Parameters
    ----------
    x : array (n, ...)
        As in the file; `codes` checks it against a network.
    y : int64 array (n,) or None
        Labels.
    path : Path
        The file, for messages.
    """

    x: NDArray[Any]
    y: IntArray | None
    path: Path

    def limited(self, limit: int | None) -> "Samples":
        """Only the first ``limit`` samples."""
        return Samples(self.x[:limit], None if self.y is None else self.y[:limit], self.path)

    def codes(self, graph: Graph, start: str, given: bool, format: InputFormat | None = None) -> IntArray:
        """Values of op ``start``, which hardware takes in.

        Parameters
        ----------
        graph : Graph
            The network.
        start : str
            Its op whose result is streamed in.
        given : bool
            Whether ``x`` holds these values already, instead of the model's input.
        format : InputFormat, optional
            What the codes of ``start`` mean, where it is the input; the floats of ``x`` must be such values.

        Raises
        ------
        DataError
            Shape, range, a NaN, or a float that is no code's value.
        """
        name = f"x in '{self.path}'"
        if given:
            return graph.types[start].check(self.x, name)
        if format is not None:
            return format.codes(TensorType(graph.types[start].shape, None).check(self.x, name), name)
        return graph.run(graph.types[graph.input.name].check(self.x, name))[start]


def read_samples(path: Path) -> Samples:
    """Read ``x`` and ``y``; nothing is ever unpickled.

    Raises
    ------
    DataError
        No such file, not an npz, no ``x``, no samples, or labels of another number.
    """
    if not path.is_file():
        raise DataError(f"no data file '{path}'")
    if not zipfile.is_zipfile(path):
        raise DataError(f"'{path}' must be an npz, as numpy.savez writes it")
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files if name in ("x", "y")}
    except UNREADABLE as error:
        raise DataError(f"'{path}' must hold whole, plain arrays: {error}") from error
    if not all(isinstance(array, np.ndarray) for array in arrays.values()):  # numpy gives other members as bytes
        raise DataError(f"'{path}' must hold whole, plain arrays, as numpy.savez writes them")
    if "x" not in arrays:
        raise DataError(f"'{path}' must hold an array 'x' of samples")
    x, y = arrays["x"], arrays.get("y")
    if x.ndim == 0 or len(x) == 0:
        raise DataError(f"x in '{path}' must hold at least one sample, not shape {x.shape}")
    if y is not None and (y.shape != x.shape[:1] or y.dtype.kind not in "iu"):
        raise DataError(f"y in '{path}' must be {len(x)} integer labels, not {y.dtype} of shape {y.shape}")
    return Samples(x, None if y is None else y.astype(np.int64), path)
