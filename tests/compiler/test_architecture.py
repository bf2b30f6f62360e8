"""Imports point one way: compiler <- trainer, and compiler <- hdl <- boards <- sim. The command line alone sees all."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from icepop import compiler

ROOT = Path(compiler.__file__).parents[1]
"""Where the rooms are: the checkout, or the package folder of an installed wheel."""

SEES: dict[str, set[str]] = {
    "compiler": {"compiler"},
    "trainer": {"trainer", "compiler"},
    "hdl": {"hdl", "compiler"},
    "boards": {"boards", "hdl", "compiler"},
    "sim": {"sim", "boards", "hdl", "compiler"},
}
APART: dict[str, set[str]] = {
    "exact": {"frontend", "planner"},
    "planner": {"frontend", "exact"},
    "frontend": {"planner"},
}
"""Folders of the compiler, and what each does not see."""
EXEMPT = ROOT / "compiler" / "cli"
ONLY_IN: dict[str, set[str]] = {
    "torch": {"trainer"},
    "sklearn": {"trainer"},
    "amaranth": {"hdl", "boards", "sim"},
    "amaranth_boards": {"boards"},
    "cocotb": {"sim"},
    "onnx": {"compiler", "trainer"},
    "serial": {"boards"},
}
FILES = [path for room in SEES for path in sorted((ROOT / room).rglob("*.py"))]


def imported(tree: ast.AST) -> Iterator[str]:
    """Every module that is imported, at the top or anywhere else."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in (
            "import_module",
            "__import__",
        ):
            yield from (arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str))


def complaints(path: Path, source: str) -> list[str]:
    """What a file imports and should not."""
    room = path.relative_to(ROOT).parts[0]
    found = []
    for name in imported(ast.parse(source)):
        first, *rest = name.split(".")
        if not first:
            found.append(f"{name} is relative")
        elif first in SEES:
            found.append(f"{name} must be icepop.{name}")
        elif first == "icepop" and rest and rest[0] not in SEES[room] and path.parent != EXEMPT:
            found.append(f"{room} must not see {rest[0]}")
        elif rest[:1] == ["compiler"] and set(rest[1:2]) & {*APART.get(path.relative_to(ROOT).parts[1], ()), "cli"}:
            if path.parent != EXEMPT:
                found.append(f"{'/'.join(path.relative_to(ROOT).parts[:2])} must not see compiler/{rest[1]}")
        elif room not in ONLY_IN.get(first, {room}):
            found.append(f"{first} belongs to {', '.join(sorted(ONLY_IN[first]))}")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path: Path) -> None:
    assert complaints(path, path.read_text()) == []


def test_every_room_is_looked_at() -> None:
    rooms = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert rooms == set(SEES)
    assert len(FILES) > 50
    assert EXEMPT in {path.parent for path in FILES}


@pytest.mark.parametrize(
    ("file", "source", "complaint"),
    [
        ("compiler/x.py", "from icepop.hdl.arithmetic.bit_sum import BitSum", "compiler must not see hdl"),
        ("compiler/x.py", "from icepop import trainer", "compiler must not see trainer"),
        ("hdl/units/x.py", "def f():\n    import icepop.boards.base", "hdl must not see boards"),
        ("compiler/exact/x.py", "import icepop.compiler.planner.plan", "compiler/exact must not see compiler/planner"),
        ("compiler/graph.py", "import icepop.compiler.cli.main", "compiler/graph.py must not see compiler/cli"),
        ("boards/x.py", "from icepop.sim.bench import run", "boards must not see sim"),
        ("sim/x.py", "from icepop.trainer.data import load", "sim must not see trainer"),
        ("trainer/x.py", "from icepop.hdl import bit_sum", "trainer must not see hdl"),
        ("hdl/x.py", "from .bit_sum import BitSum", ".bit_sum is relative"),
        ("hdl/x.py", "from hdl.bit_sum import BitSum", "hdl.bit_sum must be icepop.hdl.bit_sum"),
        ("sim/x.py", "import torch.nn", "torch belongs to trainer"),
        ("compiler/cli/train.py", "import torch", "torch belongs to trainer"),
        ("compiler/x.py", "import_module('icepop.sim.bench')", "compiler must not see sim"),
    ],
)
def test_the_rule_can_be_broken(file: str, source: str, complaint: str) -> None:
    assert complaint in complaints(ROOT / file, source)


def test_the_command_line_alone_sees_all() -> None:
    assert complaints(EXEMPT / "sim.py", "from icepop.sim.bench import run") == []
