"""Augmentation: training samples changed a little, differently each time they are seen."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

KNOTS = 5
"""Points each way that an elastic change shifts."""


@dataclass(frozen=True)
class Augmentation:
    """Random affine and elastic maps and brightness for images, noise for any data.

    Each amount is drawn anew for each sample, evenly between minus and plus the largest, the noise from a normal
    distribution. All come from torch's random state.

    Parameters
    ----------
    shape : tuple of int
        Shape of a sample; (height, width) is an image, anything else gets noise only.
    peak : float
        Largest input, in the input's unit.
    shift : float
        Largest shift each way, in parts of the image's size.
    rotate : float
        Largest rotation, in degrees.
    scale, shear, gain : float
        Largest relative change of size, skew and brightness.
    elastic : float
        Largest shift of each of `KNOTS` x `KNOTS` points of the image, in parts of its size, smooth between them
        (Simard, Steinkraus, Platt 2003).
    noise : float
        Standard deviation of the noise, in parts of ``peak``.
    """

    shape: tuple[int, ...]
    peak: float
    shift: float = 0.04
    rotate: float = 8.0
    scale: float = 0.07
    shear: float = 0.07
    gain: float = 0.1
    noise: float = 0.125
    elastic: float = 0.0

    def __call__(self, x: Tensor) -> Tensor:
        """Changed samples, shape (n, features) as given."""
        if len(self.shape) == 2:
            x = self.moved(x.reshape(-1, *self.shape)).flatten(1) * (1 + _draw(self.gain, len(x), 1))
        return x + torch.randn_like(x) * (self.noise * self.peak)

    def moved(self, images: Tensor) -> Tensor:
        """Images (n, height, width) under random maps, bilinear, 0 outside."""
        count = len(images)
        angle, size = _draw(math.radians(self.rotate), count), 1 + _draw(self.scale, count)
        cosine, sine = torch.cos(angle) * size, torch.sin(angle) * size
        shear = _draw(self.shear, count)
        shift = 2 * _draw(self.shift, 2, count)  # affine_grid's coordinates run from -1 to 1
        rows = [cosine, shear * cosine - sine, shift[0], sine, shear * sine + cosine, shift[1]]
        maps = torch.stack(rows, dim=1).reshape(count, 2, 3)
        grid = functional.affine_grid(maps, [count, 1, *self.shape], align_corners=False)
        if self.elastic:
            knots = 2 * _draw(self.elastic, count, 2, KNOTS, KNOTS)
            smooth = functional.interpolate(knots, self.shape, mode="bicubic", align_corners=True)
            grid = grid + smooth.permute(0, 2, 3, 1)
        return functional.grid_sample(images[:, None], grid, align_corners=False)[:, 0]


def _draw(largest: float, *shape: int) -> Tensor:
    """Even random numbers between ``-largest`` and ``largest``."""
    return torch.empty(shape).uniform_(-largest, largest)
