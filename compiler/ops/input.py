"""`Input`: where data enters."""

from dataclasses import dataclass

from icepop.compiler.ops.base import Array, Op
from icepop.compiler.types import TensorType


@dataclass(frozen=True, eq=False)
class Input(Op):
    """The tensor the model is fed.

    Parameters
    ----------
    type : TensorType
        Float32 (domain None) or integer codes.
    """

    type: TensorType

    def infer(self, *types: TensorType) -> TensorType:
        """Return the declared type."""
        return self.type

    def golden(self, *values: Array) -> Array:
        """Never called: the run starts with the input's values."""
        raise TypeError("an Input has no value of its own")
