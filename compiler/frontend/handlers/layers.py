"""Layers: products and batch normalization."""

from collections.abc import Sequence

import numpy as np

from icepop.compiler.errors import ModelError
from icepop.compiler.exact.grid import Line
from icepop.compiler.exact.steps.affine import Normalize, Scale, Shift
from icepop.compiler.exact.symbols import Codes, Symbol, Value
from icepop.compiler.frontend.affine import constant_terms, folded_scales
from icepop.compiler.frontend.arrange import affine
from icepop.compiler.frontend.handlers.base import Node, OpBuilder, constant, folded, handles, symbol
from icepop.compiler.frontend.handlers.convolution import conv
from icepop.compiler.ops.dense import Dense


@handles("MatMul")
def matmul(node: Node, inputs: Sequence[Value], builder: OpBuilder) -> Value:
    """Quantized activations (1, …, K) times quantized weights (K, N)."""
    x, weights = symbol(node, inputs[0]), inputs[1]
    if not isinstance(weights, Codes):
        raise ModelError(f"node '{node.name}' (MatMul): the weights must be quantized by BipolarQuant or Quant")
    if x.index.ndim > 2 and weights.codes.ndim == 2:
        return pointwise(node, x, weights, builder)
    return dense(node, x, weights, builder)


def pointwise(node: Node, x: Symbol, weights: Codes, builder: OpBuilder) -> Symbol:
    """Product along the last of several axes, (1, …, K) times (K, N): a convolution with a kernel of 1."""
    spatial = (1,) * (x.index.ndim - 2)
    kernel = weights.rearranged(lambda array: array.T.reshape(*array.T.shape, *spatial))
    result = conv(node, [x.rearranged(lambda array: np.moveaxis(array, -1, 1)), kernel], builder)
    return result.rearranged(lambda array: np.moveaxis(array, 1, -1))


@handles("Gemm")
def gemm(node: Node, inputs: Sequence[Value], builder: OpBuilder) -> Value:
    """``alpha * A @ B + beta * C`` with quantized constants B and C."""
    x, weights = symbol(node, inputs[0]), inputs[1]
    if not isinstance(weights, Codes):
        raise ModelError(f"node '{node.name}' (Gemm): the weights must be quantized by BipolarQuant or Quant")
    if node.attributes.get("transA", 0):
        x = x.rearranged(np.transpose)
    if node.attributes.get("transB", 0):
        weights = weights.rearranged(np.transpose)
    result = dense(node, x, weights, builder)
    result = result.then(Scale(np.float32(node.attributes.get("alpha", 1.0))))
    if len(inputs) > 2:
        beta = np.array(node.attributes.get("beta", 1.0), np.float32)
        result = result.then(Shift(folded(node, np.multiply, beta, constant(node, inputs[2], "the bias"))))
    return result


def dense(node: Node, x: Symbol, weights: Codes, builder: OpBuilder) -> Symbol:
    """Integer product; the scales of activations and weights follow it as steps."""
    if weights.codes.ndim != 2 or x.index.shape != (1, len(weights.codes)):
        raise ModelError(
            f"node '{node.name}' ({node.op_type}) must multiply (1, K) by (K, N), "
            f"not {x.index.shape} by {weights.codes.shape}"
        )
    if not x.quantized:
        raise ModelError(
            f"node '{node.name}' ({node.op_type}) must read quantized values; put a BipolarQuant or Quant before it"
        )
    scale = np.broadcast_to(weights.scale, weights.codes.shape)
    if not (scale == scale[:1]).all():
        raise ModelError(
            f"node '{node.name}' ({node.op_type}): a weight scale must be per tensor or per output channel"
        )
    source, grid = builder.grid(x)
    rows = folded_scales(node, grid, weights.codes.T)
    product = builder.add(Dense(node.name, (source,), rows))
    builder.budget.spend(len(grid.lines) * len(rows))
    terms = constant_terms(grid, weights.codes.T)
    meaning = affine([Line(grid.unit, term) for term in terms], np.arange(len(terms))[None])
    return product.then(meaning).then(Scale(scale[:1]))


@handles("BatchNormalization")
def batch_normalization(node: Node, inputs: Sequence[Value], builder: OpBuilder) -> Value:
    """Per channel (axis 1) affine function."""
    x = symbol(node, inputs[0])
    if node.attributes.get("training_mode", 0):
        raise ModelError(f"node '{node.name}' (BatchNormalization) is in training mode; export the model after eval()")
    shape = (1, -1, *(1,) * (x.index.ndim - 2))
    gamma, beta, mean, variance = (constant(node, value, "a parameter").reshape(shape) for value in inputs[1:5])
    epsilon = np.float32(node.attributes.get("epsilon", 1e-5))
    if (variance < 0).any() or (variance + epsilon <= 0).any():
        raise ModelError(
            f"node '{node.name}' (BatchNormalization): the variance must be positive, not {variance.min()}"
        )
    return x.then(Normalize(gamma, beta, mean, variance, epsilon))
