"""Data sets: loading, checking and splitting."""

import os
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from icepop.compiler.errors import DataError
from icepop.compiler.files import replacing

Array = NDArray[Any]

MNIST_VARIABLE = "ICEPOP_MNIST"
TEST_FRACTION = 0.3
VALIDATION_FRACTION = 0.2
SPLIT_SEED = 0  # splits never depend on the training seed, so that every seed is judged on the same images


@dataclass(frozen=True, eq=False)
class Part:
    """Samples and their labels.

    Parameters
    ----------
    x : float32 array (n, features)
        Inputs in the file's own unit.
    y : int64 array (n,)
        Labels from 0 to classes - 1.
    """

    x: NDArray[np.float32]
    y: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Three disjoint parts: one to fit, one to choose by, one to measure on once.

    Parameters
    ----------
    train, val, test : Part
        Validation is taken out of the training part, never the test part.
    shape : tuple of int
        Shape of a sample before it was flattened.
    classes : int
        Number of classes.
    """

    train: Part
    val: Part
    test: Part
    shape: tuple[int, ...]
    classes: int

    @property
    def fitting(self) -> Part:
        """Training and validation part together."""
        return Part(np.concatenate([self.train.x, self.val.x]), np.concatenate([self.train.y, self.val.y]))

    @property
    def peak(self) -> float:
        """Largest magnitude in the training part; 1 if all of it is 0."""
        return float(np.abs(self.train.x).max()) or 1.0

    @property
    def features(self) -> int:
        """Values of one flattened sample."""
        return self.train.x.shape[1]

    def save_test(self, path: Path) -> None:
        """Write the test part as an npz with ``x`` (n, features) and ``y`` (n,)."""
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez(file, x=self.test.x, y=self.test.y)


def load(spec: str) -> Dataset:
    """Load ``digits``, ``mnist`` or an npz file.

    Parameters
    ----------
    spec : str
        ``digits``: scikit-learn's 8x8 digits, values 0 to 16, 540 of the 1,797 for test. ``mnist``: the file that the
        environment variable ICEPOP_MNIST names. Else the path of an npz with ``x_train, y_train, x_test, y_test``, or
        with ``x, y``, of which 30 % become the test part.

    Raises
    ------
    DataError
        The file is missing, is no npz, lacks a key, or holds values or labels that cannot be trained on.
    """
    if spec == "digits":
        from sklearn.datasets import load_digits

        digits = load_digits()
        return _split({"x": digits.images, "y": digits.target}, spec)
    if spec == "mnist":
        return _split(_read(_mnist_path()), spec)
    return _split(_read(Path(spec)), spec)


def _mnist_path() -> Path:
    """Path that the user gave for MNIST."""
    path = os.environ.get(MNIST_VARIABLE)
    if not path:
        raise DataError(
            f"mnist is not downloaded: set {MNIST_VARIABLE} to the path of an npz with x_train, y_train, x_test and "
            "y_test, as Keras distributes it"
        )
    return Path(path)


def _read(path: Path) -> Mapping[str, Array]:
    """Arrays of an npz, without ever unpickling."""
    if not path.is_file():
        raise DataError(f"data must be 'digits', 'mnist' or the path of an npz, but there is no file '{path}'")
    if not zipfile.is_zipfile(path):
        raise DataError(f"'{path}' must be an npz, as numpy.savez writes it")
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"'{path}' must hold whole, plain arrays: {error}") from error
    if strange := [name for name, array in arrays.items() if not isinstance(array, np.ndarray)]:
        raise DataError(f"'{path}': {strange[0]} must be an array")
    return arrays


def _split(arrays: Mapping[str, Array], source: str) -> Dataset:
    """Check the arrays and divide them."""
    if {"x_train", "y_train", "x_test", "y_test"} <= arrays.keys():
        shape = arrays["x_train"].shape[1:]
        fit = _part(arrays, "x_train", "y_train", source)
        test = _part(arrays, "x_test", "y_test", source)
        if fit.x.shape[1] != test.x.shape[1]:
            raise DataError(f"'{source}': x_test must hold {fit.x.shape[1]} values a sample, not {test.x.shape[1]}")
    elif {"x", "y"} <= arrays.keys():
        shape = arrays["x"].shape[1:]
        fit, test = _divide(_part(arrays, "x", "y", source), TEST_FRACTION, source)
    else:
        found = ", ".join(sorted(arrays)) or "nothing"
        raise DataError(f"'{source}' must hold x and y, or x_train, y_train, x_test and y_test, not {found}")
    classes = int(fit.y.max()) + 1
    if absent := sorted(set(range(classes)) - set(fit.y.tolist())):
        wanted = f"labels must be 0 to {classes - 1} with each of them in the training part"
        raise DataError(f"'{source}': {wanted}; {absent[0]} is not there")
    if test.y.max() >= classes:
        raise DataError(f"'{source}': y_test must hold labels up to {classes - 1}, not {test.y.max()}")
    train, val = _divide(fit, VALIDATION_FRACTION, source)
    return Dataset(train, val, test, shape, classes)


def _part(arrays: Mapping[str, Array], x_name: str, y_name: str, source: str) -> Part:
    """Checked samples, flattened, and their labels."""
    x, y = arrays[x_name], arrays[y_name]
    if x.ndim < 2 or x.size == 0 or x.dtype.kind not in "fiub":
        raise DataError(f"'{source}': {x_name} must be numbers of shape (samples, ...), not {x.dtype} {x.shape}")
    if y.shape != x.shape[:1] or y.dtype.kind not in "iu":
        raise DataError(f"'{source}': {y_name} must be {len(x)} integer labels, not {y.dtype} {y.shape}")
    if y.min() < 0:
        raise DataError(f"'{source}': {y_name} must hold labels from 0 up, not {y.min()}")
    with np.errstate(over="ignore"):  # a float64 beyond float32 becomes infinite, which is what the error tells
        flat = x.reshape(len(x), -1).astype(np.float32)
    if not np.isfinite(flat).all():
        sample, value = np.argwhere(~np.isfinite(flat))[0]
        raise DataError(f"'{source}': {x_name} must be finite, not {flat[sample, value]} in sample {sample}")
    return Part(flat, y.astype(np.int64))


def _divide(part: Part, fraction: float, source: str) -> tuple[Part, Part]:
    """Two disjoint parts with the same mix of classes, the second one of size ``fraction``."""
    from sklearn.model_selection import train_test_split

    smallest = int(np.bincount(part.y)[np.unique(part.y)].min())
    try:
        x, x2, y, y2 = train_test_split(part.x, part.y, test_size=fraction, random_state=SPLIT_SEED, stratify=part.y)
    except ValueError as error:
        raise DataError(
            f"'{source}': {len(part)} samples, {smallest} of the rarest class, are too few to split"
        ) from error
    return Part(x, y), Part(x2, y2)
