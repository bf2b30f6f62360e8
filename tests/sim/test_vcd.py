import io

import pytest

from icepop.sim.vcd import Window

VCD = """$timescale 1 fs $end
$var wire 1 ! clk $end
$var wire 4 " count $end
$var wire 1 # late $end
$enddefinitions $end
#0
$dumpvars
0!
b0 "
0#
$end
#10
1!
b1 "
#20
0!
#30
1!
b10 "
#40
0!
1#
#50
1!
"""
HEADER = VCD[: VCD.index("#0")]


class Kept(io.StringIO):
    def close(self):
        self.text = self.getvalue()
        super().close()


def cut(start, stop, size=1000):
    file = Kept()
    with Window(file, start, stop) as window:
        for k in range(0, len(VCD), size):
            window.write(VCD[k : k + size])
    return file.text.removeprefix(HEADER)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_window_starts_with_the_values_of_then(size):
    assert cut(20, 40, size) == '#20\n$dumpvars\n1!\nb1 "\n0#\n$end\n#20\n0!\n#30\n1!\nb10 "\n'


def test_window_may_start_between_changes():
    assert cut(35, 41) == '#35\n$dumpvars\n1!\nb10 "\n0#\n$end\n#40\n0!\n1#\n'


def test_window_after_the_end_holds_the_last_values():
    assert cut(60, 70) == '#60\n$dumpvars\n1!\nb10 "\n1#\n$end\n'


def test_window_of_everything():
    assert cut(0, 100).count("#") == VCD.removeprefix(HEADER).count("#") + 1
