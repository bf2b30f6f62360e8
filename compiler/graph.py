"""The integer network: a DAG of ops, and the golden run that every simulator is compared with."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from icepop.compiler.errors import ModelError
from icepop.compiler.ops.base import Array, Op
from icepop.compiler.ops.input import Input
from icepop.compiler.types import TensorType


@dataclass(frozen=True)
class Graph:
    """Ops in topological order; the first is the only `Input`, the last gives the output.

    Parameters
    ----------
    ops : tuple of Op
        Each op names its inputs, which stand before it.
    """

    ops: tuple[Op, ...]

    def __post_init__(self) -> None:
        self.verify()

    @cached_property
    def types(self) -> Mapping[str, TensorType]:
        """Type of every op's result, by op name."""
        types: dict[str, TensorType] = {}
        for op in self.ops:
            types[op.name] = op.infer(*(types[name] for name in op.inputs))
        return types

    @property
    def input(self) -> Op:
        """The `Input` op."""
        return self.ops[0]

    @property
    def output(self) -> Op:
        """The last op."""
        return self.ops[-1]

    def verify(self) -> None:
        """Check the structure and infer every type.

        Raises
        ------
        ModelError
            A name is used twice or before it is defined, or shapes or domains do not fit an op.
        """
        seen: set[str] = set()
        for position, op in enumerate(self.ops):
            if op.name in seen:
                raise ModelError(f"op name '{op.name}' is used twice")
            if missing := [name for name in op.inputs if name not in seen]:
                raise ModelError(f"op '{op.name}' reads '{missing[0]}', which is not defined before it")
            if isinstance(op, Input) != (position == 0):
                raise ModelError(f"a graph must have one Input and it must be first, not at position {position}")
            seen.add(op.name)
        self.types  # noqa: B018  computing the types is the check

    def extended(self, op: Op) -> "Graph":
        """Graph with one more op at its end; only that one is checked, as the others are known to fit."""
        if op.name in self.types:
            raise ModelError(f"op name '{op.name}' is used twice")
        if missing := [name for name in op.inputs if name not in self.types]:
            raise ModelError(f"op '{op.name}' reads '{missing[0]}', which is not defined before it")
        longer = object.__new__(Graph)
        vars(longer).update(ops=(*self.ops, op))
        vars(longer).update(types={**self.types, op.name: op.infer(*(self.types[name] for name in op.inputs))})
        return longer

    def run(self, x: Array) -> dict[str, Array]:
        """Golden run: the exact value of every op for a batch.

        Parameters
        ----------
        x : array (samples, *shape)
            Float32 data for a float input, else int64 codes.

        Returns
        -------
        dict of str to array (samples, *shape)
            One entry an op, in graph order.
        """
        return self.run_from(self.input.name, x)

    def run_from(self, name: str, values: Array) -> dict[str, Array]:
        """Golden run that starts at op ``name``, whose result is given instead of computed.

        Parameters
        ----------
        name : str
            An op of which every later op depends on nothing before it.
        values : array (samples, *shape)
            That op's result.
        """
        start = next(i for i, op in enumerate(self.ops) if op.name == name)
        values = self.types[name].check(values, name)
        results: dict[str, Array] = {name: values}
        for op in self.ops[start + 1 :]:
            results[op.name] = op.golden(*(results[source] for source in op.inputs))
        return results
