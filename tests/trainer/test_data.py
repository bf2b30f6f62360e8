import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from messages import says
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from icepop.compiler.errors import DataError
from icepop.trainer.data import Dataset, load


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load("digits")


def rows(x: np.ndarray) -> set[bytes]:
    return {row.tobytes() for row in x}


def saved(path: Path, **arrays: object) -> str:
    np.savez(path, **arrays)
    return str(path)


def small(samples: int = 60, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(samples, 4)), np.arange(samples) % classes


def test_digits_have_the_parts_that_were_promised(digits: Dataset) -> None:
    assert (len(digits.train), len(digits.val), len(digits.test)) == (1005, 252, 540)
    assert (digits.features, digits.classes, digits.shape, digits.peak) == (64, 10, (8, 8), 16.0)
    assert digits.train.x.dtype == np.float32
    assert digits.train.y.dtype == np.int64


def test_digits_test_part_is_scikit_learns_split(digits: Dataset) -> None:
    x, y = load_digits(return_X_y=True)
    fit_x, test_x, fit_y, test_y = train_test_split(x, y, test_size=0.3, random_state=0, stratify=y)
    assert np.array_equal(digits.test.x, test_x)
    assert np.array_equal(digits.test.y, test_y)
    assert rows(digits.fitting.x) == rows(fit_x.astype(np.float32))
    assert np.array_equal(np.sort(digits.fitting.y), np.sort(fit_y))


def test_parts_share_no_image_and_lose_none(digits: Dataset) -> None:
    parts = [rows(part.x) for part in (digits.train, digits.val, digits.test)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 1797


def test_validation_has_the_same_mix_of_classes(digits: Dataset) -> None:
    assert set(np.bincount(digits.val.y)) <= {24, 25, 26}


def test_saved_test_part_reads_back(digits: Dataset, tmp_path: Path) -> None:
    digits.save_test(tmp_path / "test.npz")
    with np.load(tmp_path / "test.npz") as file:
        assert set(file.files) == {"x", "y"}
        assert np.array_equal(file["x"], digits.test.x)
        assert np.array_equal(file["y"], digits.test.y)
    assert [path.name for path in tmp_path.iterdir()] == ["test.npz"]


def test_given_test_part_is_kept(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (40, 5, 6), dtype=np.uint8), np.arange(40) % 4
    spec = saved(tmp_path / "a.npz", x_train=images, y_train=labels, x_test=images[:9], y_test=labels[:9])
    data = load(spec)
    assert (len(data.train), len(data.val), len(data.test)) == (32, 8, 9)
    assert (data.shape, data.features, data.classes) == ((5, 6), 30, 4)
    assert np.array_equal(data.test.x, images[:9].reshape(9, 30).astype(np.float32))


def test_mnist_is_found_by_its_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = small()
    monkeypatch.setenv("ICEPOP_MNIST", saved(tmp_path / "m.npz", x_train=x, y_train=y, x_test=x, y_test=y))
    assert len(load("mnist").test) == 60


def test_mnist_without_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ICEPOP_MNIST", raising=False)
    message = (
        "mnist is not downloaded: set ICEPOP_MNIST to the path of an npz with x_train, y_train, x_test and y_test, "
        "as Keras distributes it"
    )
    with says(DataError, message):
        load("mnist")


def test_missing_file() -> None:
    with says(DataError, "data must be 'digits', 'mnist' or the path of an npz, but there is no file 'no/such.npz'"):
        load("no/such.npz")


def test_not_an_npz(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    path.write_text("x,y\n1,2\n")
    with says(DataError, f"'{path}' must be an npz, as numpy.savez writes it"):
        load(str(path))


def test_pickles_are_not_loaded(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npz", x=np.array([{}, []], dtype=object), y=np.arange(2))
    message = "must hold whole, plain arrays: Object arrays cannot be loaded when allow_pickle=False"
    with says(DataError, f"'{path}' {message}"):
        load(path)


def test_member_that_is_no_array(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("x", b"text")
        file.writestr("y", b"text")
    with says(DataError, f"'{path}': x must be an array"):
        load(str(path))


def test_truncated_member(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    whole = io.BytesIO()
    np.save(whole, np.zeros((10, 10)))
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("x.npy", whole.getvalue()[:300])
    with pytest.raises(DataError, match=rf"^'{path}' must hold whole, plain arrays: .+"):
        load(str(path))


X, Y = small()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": X, "b": Y}, "'{path}' must hold x and y, or x_train, y_train, x_test and y_test, not a, b"),
        ({}, "'{path}' must hold x and y, or x_train, y_train, x_test and y_test, not nothing"),
        ({"x": X[:, 0], "y": Y}, "'{path}': x must be numbers of shape (samples, ...), not float64 (60,)"),
        ({"x": X[:0], "y": Y[:0]}, "'{path}': x must be numbers of shape (samples, ...), not float64 (0, 4)"),
        ({"x": X.astype(str), "y": Y}, "'{path}': x must be numbers of shape (samples, ...), not <U32 (60, 4)"),
        ({"x": X, "y": Y[:9]}, "'{path}': y must be 60 integer labels, not int64 (9,)"),
        ({"x": X, "y": Y * 1.0}, "'{path}': y must be 60 integer labels, not float64 (60,)"),
        ({"x": X, "y": Y - 1}, "'{path}': y must hold labels from 0 up, not -1"),
        (
            {"x": X, "y": Y * 2},
            "'{path}': labels must be 0 to 4 with each of them in the training part; 1 is not there",
        ),
        ({"x": np.where(X > 2, np.nan, X), "y": Y}, "'{path}': x must be finite, not nan in sample 19"),
        ({"x": np.where(X > 2, 1e300, X), "y": Y}, "'{path}': x must be finite, not inf in sample 19"),
        ({"x": X[:4], "y": Y[:4]}, "'{path}': 4 samples, 1 of the rarest class, are too few to split"),
        (
            {"x_train": X, "y_train": Y, "x_test": X[:, :3], "y_test": Y},
            "'{path}': x_test must hold 4 values a sample, not 3",
        ),
        (
            {"x_train": X, "y_train": Y, "x_test": X, "y_test": Y + 1},
            "'{path}': y_test must hold labels up to 2, not 3",
        ),
    ],
)
def test_wrong_contents(arrays: dict[str, np.ndarray], message: str, tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npz", **arrays)
    with says(DataError, message.format(path=path)):
        load(path)
