"""Names of the quantizers, as a user writes them."""

from collections.abc import Callable, Mapping
from functools import partial

from icepop.compiler.errors import ModelError
from icepop.trainer.prune import Pruned
from icepop.trainer.quantizers import ApproxSign, Binary, PowerOfTwo, Quantizer, Ternary, Uniform, Xnor
from icepop.trainer.share import Shared

Choices = Mapping[str, Callable[[], Quantizer]]

WEIGHT_QUANTIZERS: Choices = {
    "binary": Binary,
    "bireal": ApproxSign,
    "xnor": Xnor,
    "ternary": Ternary,
    "pow2": PowerOfTwo,
    **{f"int{bits}": partial(Uniform, bits, signed=True, step=2.0 ** (1 - bits), learned=True) for bits in range(2, 9)},
    **{f"shared{levels}": partial(Shared, levels) for levels in (4, 8, 16)},
}

ACTIVATION_QUANTIZERS: Choices = {
    "binary": Binary,
    "bireal": ApproxSign,
    **{
        f"uint{bits}": partial(Uniform, bits, signed=False, step=2.0 ** (1 - bits), learned=False)
        for bits in range(1, 9)
    },
}


def weight_quantizer(name: str, sparsity: float = 0.0) -> Quantizer:
    """New quantizer for a layer's weight, with a share ``sparsity`` of zeros at least.

    Raises
    ------
    ModelError
        No quantizer has that name, or it has no zero to prune to.
    """
    quantizer = _new(WEIGHT_QUANTIZERS, name, "weights")
    if sparsity == 0:
        return quantizer
    if not quantizer.prunable:
        able = ", ".join(key for key, make in WEIGHT_QUANTIZERS.items() if make().prunable)
        raise ModelError(f"weights must be one of {able} to be pruned, not '{name}'")
    return Pruned(quantizer, sparsity)


def activation_quantizer(name: str) -> Quantizer:
    """New quantizer for a layer's activations.

    Raises
    ------
    ModelError
        No quantizer has that name.
    """
    return _new(ACTIVATION_QUANTIZERS, name, "activations")


def _new(choices: Choices, name: str, role: str) -> Quantizer:
    """Quantizer called ``name``."""
    if name not in choices:
        raise ModelError(f"{role} must be one of {', '.join(choices)}, not '{name}'")
    return choices[name]()
