import numpy as np
import pytest
import torch

from icepop.trainer.distill import Teacher, soft_cross_entropy


def test_distance_is_the_divergence_of_the_softened_answers() -> None:
    rng = np.random.default_rng(0)
    student, teacher = rng.normal(size=(2, 5, 4))
    p, q = (np.exp(z / 3) / np.exp(z / 3).sum(axis=1, keepdims=True) for z in (teacher, student))
    expected = 9 * (p * np.log(p / q)).sum(axis=1).mean()
    found = soft_cross_entropy(torch.tensor(student), torch.tensor(teacher), 3.0)
    assert found.item() == pytest.approx(expected)


def test_distance_to_the_same_answers_is_zero_and_any_offset_is_free() -> None:
    logits = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    assert soft_cross_entropy(logits + 5, logits, 2.0).item() == pytest.approx(0, abs=1e-6)


def test_teacher_divides_by_the_peak() -> None:
    torch.manual_seed(0)
    teacher = Teacher(6, 3, peak=16.0, hidden=8).eval()
    plain = Teacher(6, 3, peak=1.0, hidden=8).eval()
    plain.load_state_dict(teacher.state_dict())
    x = 16 * torch.rand(5, 6)
    assert teacher(x).shape == (5, 3)
    assert torch.equal(teacher(x), plain(x / 16))
