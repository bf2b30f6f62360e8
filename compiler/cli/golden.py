"""`icepop golden`: what the exact integer model computes."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from icepop.compiler.cli.announce import say_accuracy
from icepop.compiler.cli.console import Output
from icepop.compiler.cli.options import Codes, Data, Input, Json, Limit, Model
from icepop.compiler.files import check_writable, replacing
from icepop.compiler.project import load_network
from icepop.compiler.samples import read_samples


def golden(
    model: Model,
    data: Data,
    output: Annotated[Path, typer.Option("-o", "--output", help="npz to write")],
    taps: Annotated[bool, typer.Option("--taps", help="add acc<i> and act<i> of every layer")] = False,
    input: Input = None,
    codes: Codes = False,
    limit: Limit = None,
    json: Json = False,
) -> int:
    """Run the exact integer model: acc (int64) and label, and every layer's accumulators and codes with --taps."""
    from icepop.compiler.taps import outputs

    out = Output(json)
    check_writable(output)
    network = load_network(model, input, raw=False)
    samples = read_samples(data).limited(limit)
    results = network.graph.run_from(network.start, samples.codes(network.graph, network.start, codes, network.format))
    arrays = outputs(network.graph, results, taps)
    with replacing(output) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # its stub takes arrays for flags
    out.say(f"golden: {len(samples.x)} samples, {', '.join(arrays)} written to {output}")
    say_accuracy(out, "golden", arrays["label"], samples.y)
    return out.finish()
