"""The graph while it grows: ops are appended, and functions of their elements become codes where a layer needs them."""

from dataclasses import dataclass, field, replace
from hashlib import sha256
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from icepop.compiler.errors import ModelError
from icepop.compiler.exact.budget import Budget
from icepop.compiler.exact.functions import distinct_functions
from icepop.compiler.exact.grid import Grid
from icepop.compiler.exact.integerize import materialize
from icepop.compiler.exact.steps.affine import AFFINE, Scale
from icepop.compiler.exact.symbols import Symbol, natural
from icepop.compiler.frontend.arrange import affine, affine_functions, channelwise, compact, whole
from icepop.compiler.frontend.turning import joined_halves, turns
from icepop.compiler.graph import Graph
from icepop.compiler.ops.base import Op
from icepop.compiler.ops.encode import Encode
from icepop.compiler.ops.gather import Gather
from icepop.compiler.ops.threshold import Threshold
from icepop.compiler.ops.window import MAX_ELEMENTS
from icepop.compiler.types import IntArray


@dataclass
class Builder:
    """The graph while it grows.

    Parameters
    ----------
    graph : Graph
        Ops so far.
    budget : Budget
        What reading the file may still take.
    """

    graph: Graph
    budget: Budget = field(default_factory=Budget)
    known: WeakKeyDictionary[Symbol, tuple[Symbol, Grid]] = field(default_factory=WeakKeyDictionary)
    gathered: dict[tuple[str, tuple[int, ...], bytes], Symbol] = field(default_factory=dict)

    def add(self, op: Op) -> Symbol:
        """Append an op; returns its whole result."""
        count = sum(value.size for value in vars(op).values() if isinstance(value, np.ndarray))
        self.budget.room(op.name, count)
        self.budget.numbers -= count
        self.graph = self.graph.extended(op)
        type = self.graph.types[op.name]
        if type.length > MAX_ELEMENTS:
            raise ModelError(f"'{op.name}' has a result of {type.shape}, more than {MAX_ELEMENTS} elements a sample")
        self.budget.spend(type.length // 16)
        return whole(op.name, type.shape)

    def free_name(self, name: str) -> str:
        """The name, with a number behind it where an op has it already."""
        if name not in self.graph.types:
            return name
        return next(
            other for k in range(2, len(self.graph.ops) + 3) if (other := f"{name}_{k}") not in self.graph.types
        )

    def tensor(self, symbol: Symbol) -> Symbol:
        """The same function, over a whole result of the symbol's shape: elements in another order become a `Gather`."""
        shape = symbol.index.shape[1:]
        if self.graph.types[symbol.source].shape == shape and natural(symbol.index):
            return symbol
        key = symbol.source, shape, sha256(symbol.index.tobytes()).digest()
        if key not in self.gathered:
            name = self.free_name(f"{symbol.label or symbol.source}_order")
            self.gathered[key] = self.add(Gather(name, (symbol.source,), np.ascontiguousarray(symbol.index[0])))
        picked = self.gathered[key]
        return replace(symbol, source=picked.source, index=picked.index)

    def coded(self, symbol: Symbol) -> tuple[Symbol, Grid]:
        """A quantized symbol's codes, without steps and in the same layout, and what they mean, element by element.

        The op that computes them is added if it is not there yet.
        """
        if symbol not in self.known:
            self.budget.spend(symbol.size // 16)
            self.known[symbol] = self.quantize(symbol)
        return self.known[symbol]

    def grid(self, symbol: Symbol) -> tuple[str, Grid]:
        """Op whose flattened result holds a quantized symbol's codes in order, and what the codes mean."""
        codes, grid = self.coded(symbol)
        in_order = self.graph.types[codes.source].length == codes.index.size and natural(codes.index)
        return codes.source if in_order else self.tensor(codes).source, grid

    def settled(self, symbol: Symbol) -> Symbol:
        """The same values; quantized ones become codes with one affine step."""
        if not symbol.quantized or (symbol.coded and all(isinstance(step, AFFINE) for step in symbol.steps)):
            return symbol
        codes, grid = self.coded(symbol)
        return codes.then(affine(grid.lines, grid.which))

    def quantize(self, symbol: Symbol) -> tuple[Symbol, Grid]:
        """Codes of a symbol that was not met yet: those there are, or those of a new `Threshold` or `Encode`."""
        type = self.graph.types[symbol.source]
        name = self.free_name(symbol.label or f"{symbol.source}_codes")
        if turns(symbol):
            return self.coded(joined_halves(symbol, name, self))
        if type.domain is None and (directions := falling(symbol, self.budget)) is not None:
            return self.coded(self.turned_back(symbol, directions, name))
        if type.domain is None:
            op, grid = materialize(symbol, self.graph, name, self.budget)
            known = next((found for old in self.graph.ops if (found := self.positions(old, op)) is not None), None)
            return replace(self.add(op) if known is None else known, label=symbol.label, coded=True), grid
        if symbol.coded and (meaning := affine_functions(symbol, self.budget)) is not None:
            lines, which = meaning
            if all(line.scale > 0 and line.offset == 0 for line in lines):
                return replace(symbol, steps=()), Grid(type.domain, tuple(lines), which)
        function, layout = self.by_channel(symbol)
        op, grid = materialize(function, self.graph, name, self.budget)
        present = next((old for old in self.graph.ops if self.same(old, op)), None)
        source = self.add(op).source if present is None else present.name
        codes = Symbol(source, layout, label=symbol.label, coded=True)
        return codes, replace(grid, which=grid.which.reshape(-1)[layout])

    def turned_back(self, symbol: Symbol, directions: NDArray[np.float64], name: str) -> Symbol:
        """The same values, from codes of the negated ones where functions of the model's input fall.

        Codes of the input only rise with it, as what is compared are floats.
        """
        turn = Scale(directions)
        codes, grid = self.coded(replace(symbol.then(turn), label=f"{name}_negated"))
        return replace(codes.then(affine(grid.lines, grid.which)).then(turn), label=name)

    def by_channel(self, symbol: Symbol) -> tuple[Symbol, IntArray]:
        """One function a channel over a whole result, and which of its elements each element of the symbol is."""
        found = channelwise(symbol, self.graph.types[symbol.source].shape)
        if found is not None:
            return found, symbol.index
        layout = np.arange(symbol.index.size).reshape(symbol.index.shape)
        found = channelwise(replace(symbol, index=layout), layout.shape[1:])
        if found is None:  # each element by itself
            flat = symbol.rearranged(lambda array: array.reshape(1, -1))
            return self.tensor(flat), layout
        return replace(found, source=self.tensor(replace(symbol, steps=())).source), layout

    def positions(self, old: Op, new: Op) -> Symbol | None:
        """Elements of an `Encode` that another one would compute again, in any order; None if one is missing."""
        if not isinstance(old, Encode) or not isinstance(new, Encode):
            return None
        if old.inputs != new.inputs or old.domain != new.domain:
            return None
        self.budget.spend((len(old.source) + len(new.source)) * (1 + new.domain.size // 256))
        known = {
            key: place for place, key in enumerate(zip(old.source.tolist(), map(bytes, old.thresholds), strict=True))
        }
        keys = zip(new.source.tolist(), map(bytes, new.thresholds), strict=True)
        places = [known.get(key, -1) for key in keys]
        return None if -1 in places else Symbol(old.name, np.array(places, np.int64).reshape(1, *new.shape))

    def same(self, old: Op, new: Op) -> bool:
        """Whether two thresholds compute the same."""
        if not isinstance(old, Threshold) or not isinstance(new, Threshold):
            return False
        if old.inputs != new.inputs or old.domain != new.domain:
            return False
        self.budget.spend(1 + new.thresholds.size // 256)
        return np.array_equal(old.thresholds, new.thresholds) and np.array_equal(old.sign, new.sign)


def falling(symbol: Symbol, budget: Budget) -> NDArray[np.float64] | None:
    """-1 for elements whose function falls and 1 for others, in a shape that broadcasts; None if none falls."""
    functions, which = distinct_functions(symbol, budget)
    directions = np.array([-1.0 if function.gain < 0 else 1.0 for function in functions])
    return compact(directions[which]) if (directions < 0).any() else None
