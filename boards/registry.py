"""The boards: every file of this folder that declares a ``BOARD``."""

from icepop import boards
from icepop.boards.base import Board
from icepop.compiler.errors import PlanError
from icepop.compiler.registry import modules


def all_boards() -> dict[str, Board]:
    """Boards by name."""
    found = (getattr(module, "BOARD", None) for _, module in modules(boards))
    return {board.name: board for board in found if isinstance(board, Board)}


def find(name: str) -> Board:
    """Board of that name.

    Raises
    ------
    PlanError
        There is none.
    """
    known = all_boards()
    if name not in known:
        raise PlanError(f"no board named '{name}'; boards are: {', '.join(sorted(known))}")
    return known[name]
