"""Training of a network of look-up tables: sweeps of coordinate descent over fresh samples."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from icepop.compiler.errors import IcepopError
from icepop.compiler.ops.lut_vote import INPUTS
from icepop.trainer.augment import Augmentation
from icepop.trainer.data import Dataset, Part, load
from icepop.trainer.lut4 import LutNet, Thermometer
from icepop.trainer.lut4_descent import Descent, Sample, random_voters
from icepop.trainer.train import reproducible
from icepop.trainer.trained import Trained, trained

MAX_BITS, MAX_THRESHOLDS = 1600, 7
"""Bits and thresholds that are chosen by default at most."""
RAREST = 0.01
"""Bits of which one value is rarer than this are dropped."""
WIDEST = 150.0
"""Logits of a class at most, so that float32 holds their exponentials."""

FEWEST_SAMPLES, MOST_SAMPLES = 25_000, 120_000
"""Samples of a sweep that are chosen by default."""

CHANGES = {"shift": 0.05, "rotate": 8.0, "scale": 0.07, "shear": 0.07, "gain": 0.08, "noise": 0.0}
"""Largest changes of a copy."""


@dataclass(frozen=True)
class Lut4Config:
    """What is trained and how.

    Parameters
    ----------
    data : str
        ``digits``, ``mnist`` or the path of an npz; see `icepop.trainer.data.load`.
    voters : int
        Look-up tables of all classes together; a multiple of the number of classes.
    thresholds : int or tuple of float
        Thermometer thresholds: how many, evenly spaced over the range of the training part, or the ascending values. 0
        takes as many as give at most `MAX_BITS` bits, up to `MAX_THRESHOLDS`.
    sweeps : int
        Visits of each voter.
    samples : int
        Samples of one sweep, originals and changed copies, at most. 0 takes twice the samples there are, within limits.
    window : int
        Samples of a sweep that candidates for a voter's inputs are compared on; those far from their label.
    share : float
        Share of the loss, 0 to 1, that is the original samples'; the changed copies' is the rest.
    spread : float
        Scale of the logits times the square root of the number of voters.
    seed : int
        Of voters, order and augmentation. On one machine, the same seed gives the same network.
    augment : bool
        Whether sweeps see randomly changed copies of the samples beside them.
    elastic : float
        Largest elastic change of a copy, in parts of the image's size.
    refit : bool
        Whether the network that is returned was trained once more, on training and validation part together.
    """

    data: str = "digits"
    voters: int = 150
    thresholds: int | tuple[float, ...] = 0
    sweeps: int = 8
    samples: int = 0
    window: int = 8_000
    share: float = 0.3
    spread: float = 12.0
    seed: int = 0
    augment: bool = True
    elastic: float = 0.0
    refit: bool = True

    @staticmethod
    def named(net: str, data: str, seed: int, sweeps: int | None) -> "Lut4Config":
        """Configuration from the words of the command line: ``lut4:VOTERS``.

        Raises
        ------
        IcepopError
            Other words.
        """
        match = re.fullmatch(r"lut4:([1-9]\d{0,5})", net)
        if match is None:
            raise IcepopError(f"a network must be mlp, cnn or lut4:VOTERS, such as lut4:150, not '{net}'")
        config = Lut4Config(data=data, voters=int(match[1]), seed=seed)
        return config if sweeps is None else replace(config, sweeps=sweeps)

    def __post_init__(self) -> None:
        self._need(self.voters > 0, "voters", "at least 1")
        self._need(self.sweeps > 0, "sweeps", "at least 1")
        self._need(self.samples >= 0 and self.samples != 1, "samples", "0 or at least 2")
        self._need(0 <= self.share <= 1, "share", "from 0 to 1")
        self._need(self.spread > 0, "spread", "greater than 0")
        if isinstance(self.thresholds, int):
            self._need(self.thresholds >= 0, "thresholds", "at least 0")
        else:
            self._need(bool(self.thresholds), "thresholds", "one or more values")

    def _need(self, holds: bool, name: str, what: str) -> None:
        """Say what a field must be, if it is not."""
        if not holds:
            raise IcepopError(f"{name} must be {what}, not {getattr(self, name)}")


Progress = Callable[[int, int], None]
"""Called with the sweeps done and to do."""


def train(config: Lut4Config, progress: Progress = lambda done, count: None) -> Trained[LutNet]:
    """Train a network.

    Raises
    ------
    IcepopError
        The data cannot be read, or the voters cannot be divided among its classes.
    """
    data = load(config.data)
    count = config.sweeps * (2 if config.refit else 1)

    def fit_to(part: Part, again: bool) -> LutNet:
        return train_on(part, data, config, lambda done: progress(done + config.sweeps * again, count))

    return trained(data, config.refit, fit_to, LutNet.accuracy)


def train_on(part: Part, data: Dataset, config: Lut4Config, report: Callable[[int], None]) -> LutNet:
    """New network, trained on one part of the data; what is random depends on the seed alone."""
    each, rest = divmod(config.voters, data.classes)
    if rest or not each:
        raise IcepopError(f"voters must be a multiple of the {data.classes} classes, not {config.voters}")
    encoder = Thermometer.of(part.x, levels(data, config.thresholds), RAREST)
    if len(encoder) < INPUTS:
        raise IcepopError(f"voters read {INPUTS} different bits, but the inputs give only {len(encoder)} that vary")
    change = Augmentation(data.shape, data.peak, elastic=config.elastic, **CHANGES) if config.augment else None
    rng = np.random.default_rng(config.seed)
    with reproducible(config.seed), threadpool_limits(1):
        voters = random_voters(data.classes, each, len(encoder), rng)
        alpha = min(config.spread / config.voters**0.5, WIDEST / each)
        for number in range(1, config.sweeps + 1):
            x, y, weights = drawn(part, config, change, rng)
            sample = Sample(encoder.bits(x), y, weights)
            Descent(voters, sample, alpha, config.window, rng).sweep()
            report(number)
    return LutNet(data.features, encoder, voters)


def levels(data: Dataset, thresholds: int | tuple[float, ...]) -> NDArray[np.float32]:
    """Values of the thermometer's thresholds."""
    if not isinstance(thresholds, int):
        return np.array(thresholds, np.float32)
    count = thresholds or max(1, min(MAX_THRESHOLDS, MAX_BITS // data.features))
    return np.linspace(data.train.x.min(), data.train.x.max(), count + 2)[1:-1].astype(np.float32)


def drawn(
    part: Part, config: Lut4Config, change: Augmentation | None, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float64]]:
    """Samples of one sweep, with labels and weights: originals, and changed copies of them, in random order."""
    count = config.samples or min(max(FEWEST_SAMPLES, 2 * len(part)), MOST_SAMPLES)
    limit = count if change is None else count // 2
    chosen = np.arange(len(part)) if len(part) <= limit else rng.choice(len(part), limit, replace=False)
    if change is None:
        rng.shuffle(chosen)
        return part.x[chosen], part.y[chosen], np.full(len(chosen), 1 / len(chosen))
    copied = np.tile(chosen, (count - len(chosen)) // len(chosen))
    copies = change(torch.from_numpy(part.x[copied])).numpy()
    parts = (chosen, config.share), (copied, 1 - config.share)
    weights = np.concatenate([np.full(len(part), share / len(part)) for part, share in parts])
    x, y = np.concatenate([part.x[chosen], copies]), part.y[np.concatenate([chosen, copied])]
    order = rng.permutation(len(y))
    return x[order], y[order], weights[order]
