"""The dense networks that are measured: where their files are, or how they are trained.

    python benchmarks/networks.py 784_1w2a -o out/784_1w2a

writes ``model.onnx`` and ``test.npz`` there. MNIST is read from the file that ICEPOP_MNIST names.
"""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from icepop.compiler.errors import IcepopError
from icepop.trainer.config import TrainConfig
from icepop.trainer.export import save
from icepop.trainer.train import train

MNIST_SHAPE = (64, 64, 64)
JET_SHAPE = (64, 32, 32)
CLASSES = 5

BINARY_2 = TrainConfig("mnist", MNIST_SHAPE, weights="binary", activations="uint2", input_bits=2, refit=False)
CONFIGS = {
    "784_1w2a": BINARY_2,
    "784_2w2a": TrainConfig("mnist", MNIST_SHAPE, weights="int2", activations="uint2", input_bits=2, refit=False),
    "16_6w6a": TrainConfig("", JET_SHAPE, weights="int6", activations="uint6", input_bits=6, refit=False),
}
"""Two-bit networks of the shape of TFC, and one of the shape of the jet taggers (Duarte et al. 2018)."""

EPOCHS = {"784_1w2a": 15, "784_2w2a": 15, "16_6w6a": 60}


def small_digits(path: Path) -> None:
    """Write scikit-learn's digits from 0 to 4 at 4x4 pixels: as many inputs and classes as a jet tagger has."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    chosen = digits.target < CLASSES
    pixels = digits.images[chosen].reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4))
    np.savez(path, x=pixels.reshape(len(pixels), -1), y=digits.target[chosen])


def main(name: str, output: Annotated[Path, typer.Option("-o")], epochs: int = 0, lr: float = 0.01) -> None:
    """Train a network and write it with its test samples."""
    if name not in CONFIGS:
        raise IcepopError(f"network must be one of {', '.join(CONFIGS)}, not '{name}'")
    output.mkdir(parents=True, exist_ok=True)
    config = CONFIGS[name]
    data = config.data
    if not data:
        data = str(output / "data.npz")
        small_digits(Path(data))
    config = replace(config, data=data, epochs=epochs or EPOCHS[name], lr=lr, augment=False)
    result = train(config, lambda epoch: print(f"epoch {epoch.number}: {epoch.val_accuracy:.2%}", flush=True))
    save(result.model, output / "model.onnx")
    result.data.save_test(output / "test.npz")
    print(f"{name}: validation {result.val_accuracy:.2%}, test {result.test_accuracy:.2%}")


if __name__ == "__main__":
    typer.run(main)
