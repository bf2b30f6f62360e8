"""The order of training: choose by the validation part, train on everything, read the test part once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from icepop.trainer.data import Dataset, Part

Net = TypeVar("Net")


@dataclass(frozen=True, eq=False)
class Trained(Generic[Net]):
    """A trained network and how good it is.

    Parameters
    ----------
    model : Net
        The network, as it is used.
    data : Dataset
        What it was trained and measured on.
    val_accuracy : float
        Share of the validation part that is right, 0 to 1, of the network that never saw it.
    test_accuracy : float
        Share of the test part that is right, of ``model``; measured once, here.
    """

    model: Net
    data: Dataset
    val_accuracy: float
    test_accuracy: float


def trained(
    data: Dataset, refit: bool, fit: Callable[[Part, bool], Net], accuracy: Callable[[Net, Part], float]
) -> Trained[Net]:
    """Train on the training part, and once more on training and validation part together.

    Parameters
    ----------
    data : Dataset
        The parts.
    refit : bool
        Whether to train the second time; without it, the first network is the result.
    fit : callable
        A new network from a part, and whether it is trained for the second time.
    accuracy : callable
        Share of a part that a network has right, 0 to 1.
    """
    model = fit(data.train, False)
    val_accuracy = accuracy(model, data.val)
    if refit:
        model = fit(data.fitting, True)
    return Trained(model, data, val_accuracy, accuracy(model, data.test))
