"""Files that Brevitas' two exporters write of our networks."""

import contextlib
import io
import logging
import warnings
from typing import Any

import onnx
import torch
from brevitas_networks import NETWORKS, Network
from torch import nn

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Brevitas' own deprecations
    from brevitas.export import export_qonnx

EXPORTERS: dict[str, dict[str, Any]] = {
    "torchscript": {"dynamo": False, "opset_version": 13},
    "dynamo": {"dynamo": True, "opset_version": 20, "optimize": True},
}


def built(network: Network) -> nn.Module:
    """Module in inference, whose scales and statistics come from random data."""
    torch.manual_seed(7)
    module = network.make()
    module.train()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch on named tensors inside Brevitas
        for _ in range(4):
            module(torch.randn(16, *network.shape))
        if network.trained:
            train(module, network.shape)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            with torch.no_grad():
                part.weight[0], part.weight[1] = -0.8, 0.0
                part.bias.copy_(torch.randn_like(part.bias) / 2)
    return module.eval()


def train(module: nn.Module, shape: tuple[int, ...]) -> None:
    """A few steps towards labels that a random projection gives."""
    x = torch.randn(64, *shape)
    labels = (x.flatten(1) @ torch.randn(x[0].numel(), 4)).argmax(1)
    optimizer = torch.optim.Adam(module.parameters(), 0.01)
    for _ in range(20):
        optimizer.zero_grad()
        nn.functional.cross_entropy(module(x), labels).backward()
        optimizer.step()


def exported(name: str, exporter: str) -> onnx.ModelProto:
    """File of a network, for a batch of 1."""
    return export(NETWORKS[name], exporter)


def export(network: Network, exporter: str) -> onnx.ModelProto:
    """The same of a network that is given."""
    module = built(network)
    logging.disable(logging.WARNING)  # both exporters talk
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return export_qonnx(module, torch.randn(1, *network.shape), **EXPORTERS[exporter])
    finally:
        logging.disable(logging.NOTSET)
