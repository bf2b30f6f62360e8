import pytest

from icepop.boards.base import Board, link_resources
from icepop.boards.registry import all_boards, find
from icepop.compiler.errors import PlanError
from icepop.compiler.types import BIPOLAR, TensorType
from icepop.hdl.ice40 import choose_pll


def test_a_board_is_found_by_its_name():
    assert find("icebreaker").name == "icebreaker"


def test_an_unknown_board_is_told():
    with pytest.raises(PlanError, match=r"^no board named 'icestick9'; boards are: icebreaker$"):
        find("icestick9")


@pytest.mark.parametrize("board", all_boards().values(), ids=lambda board: board.name)
def test_a_declaration_is_complete(board: Board):
    platform = board.platform()
    platform.add_resources(board.rgb)
    for name, number in [
        (board.crystal, 0),
        (board.uart, 0),
        *board.leds,
        *((pin.name, pin.number) for pin in board.rgb),
    ]:
        platform.lookup(name, number)
    assert platform.lookup(board.crystal).clock.frequency == board.crystal_hz
    assert platform.package.lower() == board.package
    assert board.device in platform.device.lower()
    assert board.clock_hz == board.crystal_hz or choose_pll(board.crystal_hz, board.clock_hz)
    bit = TensorType((1,), BIPOLAR)
    assert board.for_accelerator(bit) + link_resources(bit) == board.budget
