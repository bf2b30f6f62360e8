"""What `icepop.trainer.train.train` is told."""

from dataclasses import dataclass
from itertools import pairwise

from icepop.compiler.errors import IcepopError


@dataclass(frozen=True)
class TrainConfig:
    """What is trained and how.

    The defaults are the recipe for digits, chosen inside the training part; `benchmarks/digits_choices.py` compares its
    main choices by 5-fold cross-validation.

    Parameters
    ----------
    data : str
        ``digits``, ``mnist`` or the path of an npz; see `icepop.trainer.data.load`.
    hidden : tuple of int
        Width of each hidden dense layer.
    channels : tuple of int
        Channels of each convolution of 3x3 windows, before the dense layers; a max pool halves the map behind each
        while it is at least 4 high and wide.
    thresholds : int or tuple of float
        Thermometer thresholds: how many, evenly spaced over the range of the training part, or the ascending values.
    input_bits : int
        If not 0, a k-bit input encoder of that width takes the place of the thermometer.
    weights, activations : str
        Names in `WEIGHT_QUANTIZERS` and `ACTIVATION_QUANTIZERS`.
    sparsity : float
        Share of weights, from 0 to below 1, that are pruned to zero; needs a weight quantizer that has a zero.
    epochs, batch : int
        Passes over the training part, and samples a step.
    lr : float
        Learning rate of Adam at the start; it falls to 0 along half a cosine.
    seed : int
        Of weights, order and augmentation. On one machine and version of torch, the same seed gives the same bits.
    augment : bool
        Whether training samples are changed at random; see `Augmentation`.
    distill : float
        Share of the loss, 0 to 1, that is the distance to a float teacher, which is trained first.
    refit : bool
        Whether the network that is returned was trained once more, on training and validation part together, with
        everything else the same. The validation accuracy is the first one's.
    """

    data: str = "digits"
    hidden: tuple[int, ...] = (128,)
    channels: tuple[int, ...] = ()
    thresholds: int | tuple[float, ...] = 3
    input_bits: int = 0
    weights: str = "binary"
    activations: str = "bireal"
    sparsity: float = 0.0
    epochs: int = 300
    batch: int = 128
    lr: float = 0.03
    seed: int = 0
    augment: bool = True
    distill: float = 0.0
    refit: bool = True

    def __post_init__(self) -> None:
        self._need(bool(self.hidden or self.channels), "hidden", "one or more widths of at least 1")
        self._need(min(self.hidden, default=1) > 0, "hidden", "widths of at least 1")
        self._need(min(self.channels, default=1) > 0, "channels", "at least 1 each")
        self._need(self.epochs > 0, "epochs", "at least 1")
        self._need(self.batch > 1, "batch", "at least 2")
        self._need(self.lr > 0, "lr", "greater than 0")
        self._need(0 <= self.distill <= 1, "distill", "from 0 to 1")
        self._need(0 <= self.sparsity < 1, "sparsity", "from 0 to below 1")
        self._need(0 <= self.input_bits <= 8, "input_bits", "from 0 to 8")
        if isinstance(self.thresholds, int):
            self._need(self.thresholds > 0, "thresholds", "at least 1")
        else:
            ascending = all(low < high for low, high in pairwise(self.thresholds))
            self._need(bool(self.thresholds) and ascending, "thresholds", "one or more ascending values")

    def _need(self, holds: bool, name: str, what: str) -> None:
        """Say what a field must be, if it is not."""
        if not holds:
            raise IcepopError(f"{name} must be {what}, not {getattr(self, name)}")
