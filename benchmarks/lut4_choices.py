"""The recipe for look-up table voters against others: cross-validation inside digits' training part.

    python benchmarks/lut4_choices.py share=0.6 spread=8.0 thresholds=3 window=3000

The recipe, then the recipe with one field of `Lut4Config` changed, on each of five folds: mean accuracy on the part of
the fold that was left out, with its standard error. The test part is never read.
"""

from ast import literal_eval
from dataclasses import replace
from typing import Annotated

import numpy as np
import typer
from digits_choices import folds

from icepop.trainer.data import load
from icepop.trainer.lut4_train import Lut4Config, train_on


def main(
    changes: Annotated[list[str] | None, typer.Argument(help="FIELD=VALUE")] = None, voters: int = 180, seeds: int = 1
) -> None:
    """Print a line for each choice."""
    recipe, divided = Lut4Config(voters=voters), folds(load("digits"))
    for change in ["", *(changes or [])]:
        name, _, value = change.partition("=")
        config = replace(recipe, **{name: literal_eval(value)}) if change else recipe
        found = []
        for seed in range(seeds):
            for data in divided:
                net = train_on(data.train, data, replace(config, seed=seed), lambda done: None)
                found.append(net.accuracy(data.val))
        error = np.std(found) / len(found) ** 0.5
        print(f"{change or 'recipe':22} {np.mean(found):.2%} ± {error:.2%}", flush=True)


if __name__ == "__main__":
    typer.run(main)
