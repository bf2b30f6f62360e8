import pickle
import random
import zipfile
from pathlib import Path

import numpy as np
import pytest
from messages import says
from networks import binary_mlp

from icepop.compiler.errors import DataError
from icepop.compiler.graph import Graph
from icepop.compiler.ops.encode import Encode
from icepop.compiler.ops.input import Input
from icepop.compiler.samples import Samples, read_samples
from icepop.compiler.types import BIPOLAR, TensorType


def saved(path: Path, **arrays: object) -> Path:
    np.savez(path, **arrays)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data.npz"


def test_samples_and_labels_come_back(path: Path) -> None:
    x, y = np.random.default_rng(0).normal(size=(5, 2, 3)), np.array([3, 1, 4, 1, 5], np.uint8)
    for write in (np.savez, np.savez_compressed):
        write(path, x=x, y=y, something_else=[1])
        samples = read_samples(path)
        assert samples.path == path
        assert (samples.x == x).all()
        assert samples.y is not None
        assert samples.y.dtype == np.int64
        assert samples.y.tolist() == [3, 1, 4, 1, 5]


def test_labels_may_be_missing(path: Path) -> None:
    assert read_samples(saved(path, x=np.ones((2, 3)))).y is None


def test_a_limit_takes_the_first(path: Path) -> None:
    samples = Samples(np.arange(6).reshape(3, 2), np.array([5, 6, 7]), path)
    assert samples.limited(2).x.tolist() == [[0, 1], [2, 3]]
    assert samples.limited(2).y.tolist() == [5, 6]
    assert len(samples.limited(None).x) == len(samples.limited(99).x) == 3
    assert Samples(samples.x, None, path).limited(1).y is None


class Bomb:
    """Leaves a trace if it is ever unpickled."""

    def __init__(self, trace: Path):
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.trace,)


def test_nothing_is_unpickled(path: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    bomb = np.array([Bomb(trace)], dtype=object)
    message = f"'{path}' must hold whole, plain arrays: Object arrays cannot be loaded when allow_pickle=False"
    for arrays in ({"x": bomb}, {"x": np.ones((1, 2)), "y": bomb}):
        with says(DataError, message):
            read_samples(saved(path, **arrays))
    path.write_bytes(pickle.dumps(Bomb(trace)))
    with says(DataError, f"'{path}' must be an npz, as numpy.savez writes it"):
        read_samples(path)
    # an array that nobody asked for is not even looked at
    read_samples(saved(path, x=np.ones((1, 2)), z=bomb))
    assert not trace.exists()


def test_no_file(path: Path) -> None:
    with says(DataError, f"no data file '{path}'"):
        read_samples(path)


def test_not_an_npz(path: Path) -> None:
    for content in (b"", b"x,y\n1,2\n", b"\x93NUMPY"):
        path.write_bytes(content)
        with says(DataError, f"'{path}' must be an npz, as numpy.savez writes it"):
            read_samples(path)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": np.ones(3)}, "'{path}' must hold an array 'x' of samples"),
        ({"x": np.float32(3)}, "x in '{path}' must hold at least one sample, not shape ()"),
        ({"x": np.ones((0, 64))}, "x in '{path}' must hold at least one sample, not shape (0, 64)"),
        ({"x": np.ones((3, 2)), "y": [1, 2]}, "y in '{path}' must be 3 integer labels, not int64 of shape (2,)"),
        (
            {"x": np.ones((2, 2)), "y": np.eye(2, dtype=np.int8)},
            "y in '{path}' must be 2 integer labels, not int8 of shape (2, 2)",
        ),
        (
            {"x": np.ones((2, 2)), "y": np.array([1.0, 2.0])},
            "y in '{path}' must be 2 integer labels, not float64 of shape (2,)",
        ),
    ],
)
def test_arrays_that_are_no_samples(arrays: dict[str, object], message: str, path: Path) -> None:
    with says(DataError, message.format(path=path)):
        read_samples(saved(path, **arrays))


def test_members_that_are_no_arrays(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("x.npy", b"not an array")
    with says(DataError, f"'{path}' must hold whole, plain arrays, as numpy.savez writes them"):
        read_samples(path)


def test_a_changed_file_is_read_or_refused(path: Path) -> None:
    rng = random.Random(0)
    refused = 0
    for write in (np.savez, np.savez_compressed):
        write(path, x=np.arange(12.0).reshape(3, 4), y=np.arange(3))
        content = path.read_bytes()
        for _ in range(150):
            changed = bytearray(content)
            at = rng.randrange(len(changed))
            changed[at] = rng.choice([0, 1, 255, rng.randrange(256)])
            path.write_bytes(changed if rng.random() < 0.9 else changed[:at])
            try:
                read_samples(path)
            except DataError:
                refused += 1
    assert refused > 200


def float_network() -> Graph:
    body = binary_mlp(np.random.default_rng(0), [6, 4, 3])
    thresholds = np.full((6, 1), 0.5, np.float32)
    return Graph(
        (
            Input("image", (), TensorType((2, 3), None)),
            Encode("x", ("image",), np.arange(6), thresholds, BIPOLAR, (6,)),
            *body.ops[1:],
        )
    )


def test_floats_become_the_codes_that_hardware_takes(path: Path) -> None:
    x = np.array([[0, 0.25, 0.5, 0.75, 1, -1]] * 2)
    codes = Samples(x, None, path).codes(float_network(), "x", given=False)
    assert codes.tolist() == [[-1, -1, 1, 1, 1, -1]] * 2


def test_codes_may_be_given(path: Path) -> None:
    x = np.array([[1, -1, 1, 1, -1, 1]], np.int8)
    codes = Samples(x, None, path).codes(float_network(), "x", given=True)
    assert codes.dtype == np.int64
    assert (codes == x).all()


@pytest.mark.parametrize(
    ("x", "given", "message"),
    [
        (np.ones((2, 5)), False, "x in '{path}' must hold samples of 6 values (2x3), not shape (2, 5)"),
        (np.full((2, 6), np.nan), False, "x in '{path}' must be finite, not nan at index [0, 0]"),
        (np.full((2, 2, 3), np.inf), False, "x in '{path}' must be finite, not inf at index [0, 0, 0]"),
        (np.full((2, 6), "1"), False, "x in '{path}' must be numbers, not <U1"),
        (np.ones((2, 5), int), True, "x in '{path}' must hold samples of 6 values (6), not shape (2, 5)"),
        (np.ones((2, 6)), True, "x in '{path}' must be integer codes, not float64"),
        (np.zeros((2, 6), int), True, "x in '{path}' must hold codes in {{-1, +1}}, not [0, 0]"),
    ],
)
def test_data_that_does_not_fit_the_network(x: np.ndarray, given: bool, message: str, path: Path) -> None:
    with says(DataError, message.format(path=path)):
        Samples(x, None, path).codes(float_network(), "x", given)
