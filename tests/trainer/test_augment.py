from dataclasses import replace

import pytest
import torch

from icepop.trainer.augment import Augmentation

NOTHING = Augmentation((5, 7), 16.0, shift=0, rotate=0, scale=0, shear=0, gain=0, noise=0)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def images(count: int) -> torch.Tensor:
    return torch.rand(count, 35)


def test_no_amount_changes_nothing() -> None:
    x = images(4)
    assert torch.allclose(NOTHING(x), x, atol=1e-5)


def test_a_shift_moves_by_parts_of_the_size_and_fills_with_zero() -> None:
    x = torch.zeros(2000, 35)
    x.reshape(-1, 5, 7)[:, 2, 3] = 1
    moved = replace(NOTHING, shift=0.2).moved(x.reshape(-1, 5, 7))
    mass = moved.sum(dim=(1, 2))
    rows = (moved * torch.arange(5.0)[:, None]).sum(dim=(1, 2)) / mass - 2
    columns = (moved * torch.arange(7.0)).sum(dim=(1, 2)) / mass - 3
    assert torch.allclose(mass, torch.ones(2000), atol=1e-4)
    assert 0.98 < rows.abs().max().item() <= 1.0001  # 0.2 of 5 rows
    assert 1.38 < columns.abs().max().item() <= 1.4001  # 0.2 of 7 columns
    assert replace(NOTHING, shift=0.9).moved(torch.ones(50, 5, 7)).min().item() == 0


def test_a_rotation_keeps_the_centre() -> None:
    x = torch.rand(50, 5, 5)
    turned = Augmentation((5, 5), 1.0, shift=0, rotate=30, scale=0, shear=0).moved(x)
    assert torch.allclose(turned[:, 2, 2], x[:, 2, 2], atol=1e-5)
    assert not torch.allclose(turned, x, atol=0.1)


def test_an_elastic_change_shifts_points_by_parts_of_the_size_smoothly() -> None:
    ramp = torch.arange(20.0).expand(200, 20, 20)  # values tell the column
    moved = replace(NOTHING, shape=(20, 20), elastic=0.05).moved(ramp)
    shift = (moved - ramp)[:, 3:-3, 3:-3]  # away from the border, beyond which is 0
    assert 0.9 < shift.abs().max().item() < 1.57  # 0.05 of 20 columns; bicubic curves overshoot by a quarter each way
    assert shift.diff(dim=1).abs().max().item() < 0.6
    assert shift.std(dim=(1, 2)).min().item() > 0.05  # not one shift of the whole image


def test_gain_scales_each_image_by_its_own_factor() -> None:
    x = 1 + images(1000)
    ratio = replace(NOTHING, gain=0.1)(x) / x
    assert torch.allclose(ratio, ratio[:, :1].expand_as(ratio), atol=1e-4)
    assert 0.899 < ratio.min() < 0.91
    assert 1.09 < ratio.max() < 1.101


def test_noise_is_measured_in_parts_of_the_peak() -> None:
    changed = replace(NOTHING, noise=0.125)(torch.zeros(1000, 35))
    assert changed.std().item() == pytest.approx(2.0, rel=0.02)
    assert changed.mean().item() == pytest.approx(0.0, abs=0.05)


def test_samples_that_are_no_images_get_noise_only() -> None:
    x = torch.full((2000, 6), 3.0)
    changed = Augmentation((6,), 2.0)(x)
    assert (changed - x).std().item() == pytest.approx(0.25, rel=0.03)
    assert torch.allclose(changed.mean(dim=0), x[0], atol=0.03)


def test_each_sample_and_call_is_different_and_the_seed_decides() -> None:
    augment = Augmentation((5, 7), 1.0)
    x = images(1).expand(3, -1)
    first, second = augment(x), augment(x)
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(first, second)
    torch.manual_seed(5)
    third = augment(x)
    torch.manual_seed(5)
    assert torch.equal(augment(x), third)
