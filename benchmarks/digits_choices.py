"""The default recipe against others: cross-validation inside digits' training part, which never sees the test part.

``python benchmarks/digits_choices.py [NAME ...]`` trains the recipe, or the recipe with one thing changed, on each of
five folds and prints the mean accuracy on the part of the fold that was left out, with its standard error.
"""

import argparse
from dataclasses import replace
from itertools import product

import numpy as np
from sklearn.model_selection import StratifiedKFold

from icepop.trainer.config import TrainConfig
from icepop.trainer.data import Dataset, Part, load
from icepop.trainer.train import accuracy, train_on

RECIPE = TrainConfig()
CHOICES = {
    "recipe": RECIPE,
    "epochs 150": replace(RECIPE, epochs=150),
    "epochs 600": replace(RECIPE, epochs=600),
    "no augmentation": replace(RECIPE, augment=False),
    "lr 0.01": replace(RECIPE, lr=0.01),
    "lr 0.1": replace(RECIPE, lr=0.1),
    "batch 64": replace(RECIPE, batch=64),
    "gradient of hardtanh": replace(RECIPE, activations="binary"),
    "thresholds 2, 7, 12": replace(RECIPE, thresholds=(2.0, 7.0, 12.0)),
    "4-bit input": replace(RECIPE, input_bits=4),
    "xnor": replace(RECIPE, weights="xnor"),
    "ternary": replace(RECIPE, weights="ternary"),
    "distilled": replace(RECIPE, distill=0.5),
}


def folds(data: Dataset) -> list[Dataset]:
    """Five ways to divide the training and validation part of a data set."""
    both = data.fitting
    splits = StratifiedKFold(5, shuffle=True, random_state=0).split(both.x, both.y)
    parts = [[Part(both.x[index], both.y[index]) for index in split] for split in splits]
    return [replace(data, train=train, val=val) for train, val in parts]


def main() -> None:
    """Print a line for each choice."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(CHOICES)}; all if none is given")
    parser.add_argument("--seeds", type=int, default=2)
    arguments = parser.parse_args()
    divided = folds(load("digits"))
    for name in arguments.names or CHOICES:
        found = []
        for seed, data in product(range(arguments.seeds), divided):
            model = train_on(data.train, data, replace(CHOICES[name], seed=seed), lambda number, loss, model: None)
            found.append(accuracy(model, data.val))
        error = np.std(found) / len(found) ** 0.5
        print(f"{name:22} {np.mean(found):.2%} ± {error:.2%}", flush=True)


if __name__ == "__main__":
    main()
