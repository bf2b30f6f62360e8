"""Accuracy on digits of the default recipe, over seeds: ``python benchmarks/digits_accuracy.py``.

Each network is trained twice: on the training part, which gives the validation accuracy, then with the same recipe on
training and validation part together, which gives the network whose test accuracy is printed.
"""

import argparse
import statistics
import time

from icepop.trainer.config import TrainConfig
from icepop.trainer.train import train


def main() -> None:
    """Print a line for each seed, then the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    seeds = parser.parse_args().seeds
    results = []
    for seed in range(seeds):
        start = time.perf_counter()
        result = train(TrainConfig(seed=seed))
        seconds = time.perf_counter() - start
        accuracies = (result.val_accuracy, result.test_accuracy)
        print(f"seed {seed}: validation {accuracies[0]:.2%}, test {accuracies[1]:.2%}, {seconds:.0f} s", flush=True)
        results.append(accuracies)
    val, test = (statistics.median(column) for column in zip(*results, strict=True))
    print(f"median of {seeds}: validation {val:.2%}, test {test:.2%}")


if __name__ == "__main__":
    main()
