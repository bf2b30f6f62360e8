"""Accumulators and codes of the layers, under the names that ``golden`` writes."""

from collections.abc import Mapping

import numpy as np

from icepop.compiler.graph import Graph
from icepop.compiler.ops.base import Array
from icepop.compiler.ops.linear import SUMMING
from icepop.compiler.ops.max_pool import MaxPool
from icepop.compiler.ops.sum_pool import SumPool


def outputs(graph: Graph, results: Mapping[str, Array], taps: bool) -> dict[str, Array]:
    """Arrays of a golden run.

    Parameters
    ----------
    graph : Graph
        As the front end made it.
    results : mapping of str to array (samples, *shape)
        By op name.
    taps : bool
        Whether to add ``acc<i>`` and ``act<i>`` for the i-th layer in graph order.

    Returns
    -------
    dict of str to array
        ``acc`` (samples, classes) int64: sums of weight code times activation code of the last layer, before scale
        and bias; the votes of a `LutVote`. ``label`` (samples,) int64. ``logit`` (samples, classes) int64, where a pool
        follows that layer: what is compared. ``acc<i>``: the same sums of the i-th; ``act<i>``: the codes of its input.
        Maps are in NCHW order.
    """
    layers = [op for op in graph.ops if isinstance(op, SUMMING)]
    arrays = {"acc": results[layers[-1].name], "label": np.asarray(results[graph.output.name]).reshape(-1)}
    behind = graph.ops[graph.ops.index(layers[-1]) :]
    if any(isinstance(op, (MaxPool, SumPool)) for op in behind):
        arrays["logit"] = results[graph.output.inputs[0]].reshape(len(arrays["label"]), -1)
    if taps:
        for number, op in enumerate(layers):
            arrays[f"acc{number}"] = results[op.name]
            arrays[f"act{number}"] = results[op.inputs[0]]
    return arrays
