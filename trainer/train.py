"""Training: one loop."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from icepop.trainer.augment import Augmentation
from icepop.trainer.config import TrainConfig
from icepop.trainer.data import Dataset, Part, load
from icepop.trainer.distill import Teacher, soft_cross_entropy
from icepop.trainer.layers import KBitInput, QuantProduct, Thermometer
from icepop.trainer.models import Encoder, NetSpec, QuantNet
from icepop.trainer.prune import Pruned
from icepop.trainer.trained import Trained, trained

EVALUATION_BATCH = 4096
SETTLE_SAMPLES = 10_000
TEACHER_EPOCHS, TEACHER_LR = 60, 0.003
TEMPERATURE = 2.0

Change = Callable[[Tensor], Tensor]
"""Inputs (samples, features) to augmented ones."""
Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Inputs (samples, features), logits (samples, classes) and labels (samples,) to the mean loss in nats."""
Report = Callable[[int, float, nn.Module], None]
"""Called after an epoch: how many are done, the mean loss, and the network in evaluation mode."""


@dataclass(frozen=True)
class Epoch:
    """Progress of training.

    Parameters
    ----------
    number, count : int
        Epochs done and to do, over all the networks that are trained.
    loss : float
        Mean loss over the epoch, in nats.
    val_accuracy : float or None
        Share of the validation part that is right, 0 to 1; None where that part is being trained on.
    """

    number: int
    count: int
    loss: float
    val_accuracy: float | None


def train(config: TrainConfig, progress: Callable[[Epoch], None] = lambda epoch: None) -> Trained[QuantNet]:
    """Train a network.

    Parameters
    ----------
    config : TrainConfig
        What and how.
    progress : callable
        Called after every epoch.

    Raises
    ------
    IcepopError
        The data cannot be read or trained on, or a quantizer does not exist.
    """
    data = load(config.data)
    count = config.epochs * (2 if config.refit else 1)

    def fit_to(part: Part, again: bool) -> QuantNet:
        def report(number: int, loss: float, model: nn.Module) -> None:
            seen = None if again else accuracy(model, data.val)
            progress(Epoch(number + config.epochs * again, count, loss, seen))

        return train_on(part, data, config, report)

    return trained(data, config.refit, fit_to, accuracy)


def train_on(part: Part, data: Dataset, config: TrainConfig, report: Report) -> QuantNet:
    """New network, trained on one part of the data; what is random depends on the seed alone."""
    change: Change = Augmentation(data.shape, data.peak) if config.augment else nn.Identity()
    with reproducible(config.seed):
        loss = new_loss(part, data, config, change)
        sizes = (data.shape, data.classes, config.hidden, config.channels)
        spec = NetSpec(*sizes, config.weights, config.activations, config.sparsity)
        model = QuantNet(spec, new_encoder(data, config))
        fit(model, loss, part, config, change, report)
    model.settle(torch.from_numpy(part.x[:SETTLE_SAMPLES]))
    return model


def fit(model: nn.Module, loss: Loss, part: Part, config: TrainConfig, change: Change, report: Report) -> None:
    """Train a network in place and leave it in evaluation mode."""
    x, y = torch.from_numpy(part.x), torch.from_numpy(part.y)
    batch = min(config.batch, len(x))
    steps = len(x) // batch
    layers = [module for module in model.modules() if isinstance(module, QuantProduct)]
    masks = [module for module in model.modules() if isinstance(module, Pruned)]
    optimizer = torch.optim.Adam(model.parameters(), lr=config.lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.epochs * steps)
    for number in range(1, config.epochs + 1):
        model.train()
        for mask in masks:
            mask.ramp(number / config.epochs)
        total = 0.0
        for index in torch.randperm(len(x))[: steps * batch].split(batch):
            inputs = change(x[index])
            value = loss(inputs, model(inputs), y[index])
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            schedule.step()
            for layer in layers:
                layer.clip()
            total += value.item()
        model.eval()
        report(number, total / steps, model)


def new_loss(part: Part, data: Dataset, config: TrainConfig, change: Change) -> Loss:
    """Cross-entropy, or its mix with the distance to a teacher that is trained here."""

    def hard(inputs: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
        return functional.cross_entropy(logits, labels)

    if config.distill == 0:
        return hard
    teacher = Teacher(data.features, data.classes, data.peak)
    recipe = replace(config, epochs=TEACHER_EPOCHS, lr=TEACHER_LR)
    fit(teacher, hard, part, recipe, change, lambda number, loss, model: None)

    def mixed(inputs: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
        with torch.no_grad():
            answers = teacher(inputs)
        soft = soft_cross_entropy(logits, answers, TEMPERATURE)
        return (1 - config.distill) * hard(inputs, logits, labels) + config.distill * soft

    return mixed


def new_encoder(data: Dataset, config: TrainConfig) -> Encoder:
    """Input encoder for the range of the training part."""
    low, high = float(data.train.x.min()), float(data.train.x.max())
    if config.input_bits:
        return KBitInput(config.input_bits, max(-low, high), signed=low < 0)
    if isinstance(config.thresholds, int):
        return Thermometer(np.linspace(low, high, config.thresholds + 2)[1:-1].tolist())
    return Thermometer(config.thresholds)


@torch.no_grad()
def accuracy(model: nn.Module, part: Part) -> float:
    """Share of samples whose largest logit is their label's, 0 to 1; ties go to the lowest class."""
    labels = [model(x).numpy().argmax(axis=1) for x in torch.from_numpy(part.x).split(EVALUATION_BATCH)]
    return float((np.concatenate(labels) == part.y).mean())


@contextmanager
def reproducible(seed: int) -> Iterator[None]:
    """Seed torch and use one thread, whose sums have one order; afterwards put both back."""
    threads = torch.get_num_threads()
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            torch.set_num_threads(1)
            yield
    finally:
        torch.set_num_threads(threads)
