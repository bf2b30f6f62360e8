"""`icepop train`: a network in torch, or of look-up tables, as a model file."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from icepop.compiler.cli.console import Output, progress
from icepop.compiler.cli.options import Json
from icepop.compiler.errors import IcepopError
from icepop.compiler.files import check_writable

DEFAULT_SIZES: dict[str, dict[str, Any]] = {
    "mlp": {"hidden": (128,)},
    "cnn": {"channels": (16, 32), "hidden": ()},
}
"""Sizes of the networks that torch trains, where none are given."""


def train(
    output: Annotated[Path, typer.Option("-o", "--output", help="QONNX file to write")],
    data: Annotated[str, typer.Option(help="digits, mnist, or an npz")] = "digits",
    save_test: Annotated[Path | None, typer.Option(help="npz to write the test samples to")] = None,
    net: Annotated[str, typer.Option(help="mlp, cnn, or lut4:VOTERS for look-up tables that vote")] = "mlp",
    channels: Annotated[list[int] | None, typer.Option(min=1, help="of a convolution; repeat; cnn: 16, 32")] = None,
    hidden: Annotated[list[int] | None, typer.Option(min=1, help="width of a dense layer; repeat; mlp: 128")] = None,
    weights: Annotated[str | None, typer.Option(help="binary, xnor, ternary, pow2, int4, shared8, ...")] = None,
    activations: Annotated[str | None, typer.Option(help="binary, bireal, uint2, ...")] = None,
    sparsity: Annotated[float | None, typer.Option(help="share of weights pruned to zero")] = None,
    distill: Annotated[float | None, typer.Option(help="share of the loss that a float teacher gives")] = None,
    thresholds: Annotated[int | None, typer.Option(min=1, help="thermometer bits of an input")] = None,
    input_bits: Annotated[int | None, typer.Option(min=1, help="integers instead of thermometer bits")] = None,
    batch: Annotated[int | None, typer.Option(min=2, help="samples a step")] = None,
    lr: Annotated[float | None, typer.Option(help="learning rate at the start")] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="passes over the data; done twice: to validate, then on all")
    ] = None,
    seed: Annotated[int, typer.Option(help="of weights, order and augmentation")] = 0,
    json: Json = False,
) -> int:
    """Train a network, binarized, of a few bits or of look-up tables, and write it as ONNX."""
    out = Output(json)
    if thresholds is not None and input_bits is not None:
        raise IcepopError("give either --thresholds or --input-bits, not both")
    for path in filter(None, (output, save_test)):
        check_writable(path)
    sizes = {"channels": channels and tuple(channels), "hidden": hidden and tuple(hidden)}
    bits = {"weights": weights, "activations": activations, "thresholds": thresholds, "input_bits": input_bits}
    recipe = {"sparsity": sparsity, "distill": distill, "batch": batch, "lr": lr}
    given = {name: value for name, value in {**sizes, **bits, **recipe}.items() if value is not None}
    result: Any
    with progress() as report:
        if net in DEFAULT_SIZES:
            from icepop.trainer.export import save
            from icepop.trainer.train import TrainConfig
            from icepop.trainer.train import train as fit

            if net == "mlp" and channels:
                raise IcepopError("--channels belongs to --net cnn, not to mlp; add --net cnn or leave it out")
            config = TrainConfig(data=data, seed=seed, **{**DEFAULT_SIZES[net], **given})
            if epochs is not None:
                config = replace(config, epochs=epochs)
            result = fit(config, lambda epoch: report("training epochs", epoch.number, epoch.count))
            save(result.model, output)
        else:
            from icepop.trainer.lut4_export import save as save_net
            from icepop.trainer.lut4_train import Lut4Config
            from icepop.trainer.lut4_train import train as descend

            lut4 = Lut4Config.named(net, data=data, seed=seed, sweeps=epochs)
            if given:
                option = min(given).replace("_", "-")
                raise IcepopError(f"--{option} belongs to --net mlp or cnn, not to {net}; leave it out")
            result = descend(lut4, lambda done, count: report("training sweeps", done, count))
            save_net(result.model, output)
    if save_test is not None:
        result.data.save_test(save_test)
    who = "torch" if net in DEFAULT_SIZES else "numpy"
    out.say(f"{who}: validation accuracy {result.val_accuracy:.2%}, test accuracy {result.test_accuracy:.2%}")
    out.say(f"wrote {output}" + (f" and {save_test}" if save_test else ""))
    out.result(val_accuracy=result.val_accuracy, test_accuracy=result.test_accuracy, model=str(output))
    return out.finish()
