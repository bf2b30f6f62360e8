from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from messages import says

from icepop.compiler.errors import IcepopError
from icepop.trainer.config import TrainConfig


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"hidden": ()}, "hidden must be one or more widths of at least 1, not ()"),
        ({"hidden": (8, 0)}, "hidden must be widths of at least 1, not (8, 0)"),
        ({"channels": (8, 0)}, "channels must be at least 1 each, not (8, 0)"),
        ({"epochs": 0}, "epochs must be at least 1, not 0"),
        ({"batch": 1}, "batch must be at least 2, not 1"),
        ({"lr": 0.0}, "lr must be greater than 0, not 0.0"),
        ({"distill": 1.5}, "distill must be from 0 to 1, not 1.5"),
        ({"sparsity": 1.0}, "sparsity must be from 0 to below 1, not 1.0"),
        ({"input_bits": 9}, "input_bits must be from 0 to 8, not 9"),
        ({"thresholds": 0}, "thresholds must be at least 1, not 0"),
        ({"thresholds": ()}, "thresholds must be one or more ascending values, not ()"),
        ({"thresholds": (2.0, 1.0)}, "thresholds must be one or more ascending values, not (2.0, 1.0)"),
    ],
)
def test_values_that_make_no_sense(fields: dict[str, Any], message: str) -> None:
    with says(IcepopError, message):
        TrainConfig(**fields)


def test_defaults_are_the_recipe_of_the_hardware_budget() -> None:
    config = TrainConfig()
    assert (config.data, config.hidden, config.thresholds) == ("digits", (128,), 3)
    assert (config.weights, config.activations, config.sparsity) == ("binary", "bireal", 0.0)
    with pytest.raises(FrozenInstanceError):
        config.seed = 1  # type: ignore[misc]
