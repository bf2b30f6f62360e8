"""Distillation: a float network whose soft answers teach the quantized one."""

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional


class Teacher(nn.Sequential):
    """Float network of two hidden layers with batch normalization and dropout.

    Parameters
    ----------
    features, classes : int
        Inputs and outputs.
    peak : float
        Largest input, in the input's unit; inputs are divided by it.
    hidden : int
        Width of both hidden layers.
    """

    def __init__(self, features: int, classes: int, peak: float, hidden: int = 256) -> None:
        widths = (features, hidden, hidden)
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            layers += [nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU(), nn.Dropout(0.2)]
        super().__init__(*layers, nn.Linear(hidden, classes))
        self.peak = peak

    def forward(self, input: Tensor) -> Tensor:
        """Logits (samples, classes) of inputs (samples, features)."""
        return super().forward(input / self.peak)


def soft_cross_entropy(logits: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    r"""Mean divergence from the teacher's answers, both softened by a temperature.

    .. math:: L = T^2\, \mathrm{KL}\!\left(\operatorname{softmax}(t / T) \,\|\, \operatorname{softmax}(z / T)\right)

    The factor T**2 keeps the gradient's size independent of the temperature.

    Parameters
    ----------
    logits, teacher : Tensor
        z and t, shape (samples, classes).
    temperature : float
        T, greater than 0.

    References
    ----------
    Hinton, Vinyals, Dean 2015: Distilling the Knowledge in a Neural Network. arXiv:1503.02531
    """
    target = functional.softmax(teacher / temperature, dim=1)
    divergence = functional.kl_div(functional.log_softmax(logits / temperature, dim=1), target, reduction="batchmean")
    return divergence * temperature**2
