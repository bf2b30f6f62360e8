"""Accuracy of look-up table voters: every seed on the project's split of digits, and one seed on each of other splits.

    python benchmarks/lut4_accuracy.py --voters 70 --voters 170 --voters 260 --out out/lut4
    python benchmarks/lut4_accuracy.py --voters 370 --mnist mnist.npz --first 10000 --out out/lut4

A network is trained on the whole training part, as the recipe was chosen by cross-validation inside it
(`lut4_choices.py`), and the test part is read once. With ``--mnist``, the first images of that file's training part
are divided, 8,000 to train on and the others to test; without ``--first``, its own two parts are used. Models and test
data go to a folder, for `lut4_hardware.py`.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import mean
from time import process_time
from typing import Annotated

import numpy as np
import typer
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from icepop.trainer.data import TEST_FRACTION, Dataset, Part
from icepop.trainer.lut4_export import save
from icepop.trainer.lut4_train import Lut4Config, train_on

MNIST_TRAIN = 8000
"""Images of the first 10,000 that are trained on."""


def digits(split: int) -> Dataset:
    """Digits, divided by a seed; seed 0 is `icepop.trainer.data`'s split."""
    found = load_digits()
    x, y = found.data.astype(np.float32), found.target.astype(np.int64)
    x, x_test, y, y_test = train_test_split(x, y, test_size=TEST_FRACTION, random_state=split, stratify=y)
    return Dataset(Part(x, y), Part(x[:0], y[:0]), Part(x_test, y_test), (8, 8), 10)


def mnist(path: Path, first: int | None) -> Dataset:
    """MNIST, all of it or the first images of its training part."""
    with np.load(path) as file:
        parts = [
            Part(file[f"x_{name}"].reshape(-1, 784).astype(np.float32), file[f"y_{name}"].astype(np.int64))
            for name in ("train", "test")
        ]
    fit, test = parts
    if first is not None:
        fit, test = (
            Part(fit.x[:MNIST_TRAIN], fit.y[:MNIST_TRAIN]),
            Part(fit.x[MNIST_TRAIN:first], fit.y[MNIST_TRAIN:first]),
        )
    return Dataset(fit, Part(fit.x[:0], fit.y[:0]), test, (28, 28), 10)


def runs(path: Path | None, first: int | None, seeds: int, splits: int) -> Iterator[tuple[str, int, Dataset]]:
    """Name, training seed and data of every run; splits are counted from 1, split 0 is the seeds'."""
    if path is not None:
        data = mnist(path, first)
        yield from ((f"seed {seed}", seed, data) for seed in range(seeds))
        return
    own = digits(0)
    yield from ((f"seed {seed}", seed, own) for seed in range(seeds))
    yield from ((f"split {split}", 0, digits(split)) for split in range(1, splits + 1))


def main(
    voters: Annotated[list[int], typer.Option(help="look-up tables that vote; repeat for more networks")],
    out: Annotated[Path, typer.Option(help="folder for the models and test data")],
    seeds: int = 5,
    splits: int = 4,
    mnist: Annotated[Path | None, typer.Option(help="MNIST as an npz")] = None,
    first: Annotated[int | None, typer.Option(help="only so many images of MNIST's training part")] = None,
    augment: bool = True,
    sweeps: int = Lut4Config.sweeps,
    samples: int = Lut4Config.samples,
    window: int = Lut4Config.window,
    share: float = Lut4Config.share,
    elastic: float = Lut4Config.elastic,
    thresholds: int = Lut4Config.thresholds,
) -> None:
    """Print a line for each run, and means."""
    out.mkdir(parents=True, exist_ok=True)
    for count in voters:
        config = Lut4Config(
            voters=count,
            augment=augment,
            sweeps=sweeps,
            samples=samples,
            window=window,
            share=share,
            elastic=elastic,
            thresholds=thresholds,
        )
        found: dict[str, list[float]] = {"seed": [], "split": []}
        for name, seed, data in runs(mnist, first, seeds, splits):
            start = process_time()
            net = train_on(data.train, data, replace(config, seed=seed), lambda done: None)
            seconds = process_time() - start
            right = net.accuracy(data.test)
            kind, number = name.split()
            found[kind].append(right)
            print(f"{count} voters, {name}: test {right:.2%}, {seconds:.0f} s of processor time", flush=True)
            source = "digits" if mnist is None else f"mnist{first or ''}"
            stem = f"{source}_{count}{'' if augment else '_plain'}_{kind}{number}"
            save(net, out / f"{stem}.onnx")
            data.save_test(out / f"{stem}.npz")
        for kind, each in found.items():
            if each:
                print(
                    f"{count} voters, mean of {len(each)} {kind}s: {mean(each):.2%}, least {min(each):.2%}", flush=True
                )


if __name__ == "__main__":
    typer.run(main)
