"""Primitives of the iCE40 around a design: clock and LED driver. Simulators do not know them."""

from dataclasses import dataclass
from math import ceil

from amaranth import ClockDomain, ClockSignal, Module, ResetSignal, Signal
from amaranth.hdl import Elaboratable, Instance
from amaranth.lib import io, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out
from amaranth.vendor import SiliconBluePlatform

from icepop.compiler.errors import PlanError

PHASE_DETECTOR_HZ = (10e6, 133e6)
VCO_HZ = (533e6, 1066e6)
OUTPUT_HZ = (16e6, 275e6)
"""Limits of the iCE40 PLL (Lattice FPGA-DS-02008, sysCLOCK PLL timing)."""

FILTER_LIMITS_HZ = (17e6, 26e6, 44e6, 66e6, 101e6)
"""FILTER_RANGE is 1 below the first phase detector frequency, 2 below the second, and so on."""

RESET_S = 15e-6
"""Length of the power-on reset: EBR read zero for 3 us after configuration, and this is five times as long."""

RESET_CYCLES = 64
"""Shortest power-on reset in cycles, whatever the clock."""


@dataclass(frozen=True)
class Pll:
    """Dividers of an SB_PLL40 with simple feedback.

    ``output = input (divf + 1) / ((divr + 1) 2**divq)``.

    Parameters
    ----------
    input_hz, requested_hz, actual_hz : float
        Frequencies in Hz.
    divr, divf, divq : int
        Reference, feedback and output dividers.
    """

    input_hz: float
    requested_hz: float
    actual_hz: float
    divr: int
    divf: int
    divq: int

    @property
    def filter_range(self) -> int:
        """Loop filter that suits the phase detector's frequency."""
        detector = self.input_hz / (self.divr + 1)
        return 1 + sum(detector >= limit for limit in FILTER_LIMITS_HZ)


def choose_pll(input_hz: float, requested_hz: float) -> Pll:
    """Dividers whose output is nearest to the request.

    Parameters
    ----------
    input_hz : float
        Frequency of the crystal, in Hz.
    requested_hz : float
        Frequency wanted, in Hz.

    Raises
    ------
    PlanError
        The PLL cannot make such a frequency.
    """
    low, high = OUTPUT_HZ
    if not low <= requested_hz <= high:
        raise PlanError(
            f"clock must be the crystal's {input_hz / 1e6:g} MHz or the PLL's {low / 1e6:g} to {high / 1e6:g} MHz, "
            f"not {requested_hz / 1e6:g} MHz; choose another one"
        )
    options = [
        Pll(input_hz, requested_hz, vco / (1 << divq), divr, divf, divq)
        for divr in range(16)
        if PHASE_DETECTOR_HZ[0] <= input_hz / (divr + 1) <= PHASE_DETECTOR_HZ[1]
        for divf in range(128)
        if VCO_HZ[0] <= (vco := input_hz / (divr + 1) * (divf + 1)) <= VCO_HZ[1]
        for divq in range(1, 7)
        if low <= vco / (1 << divq) <= high
    ]
    if not options:
        raise PlanError(f"the PLL cannot run from {input_hz / 1e6:g} MHz; use the crystal's frequency")
    return min(options, key=lambda pll: (abs(pll.actual_hz - requested_hz), pll.divr))


class PowerOnReset(wiring.Component):
    """Hold reset for a number of cycles after configuration, counted from when the clock is steady.

    ``rst`` is high for ``cycles + 3`` cycles of the clock domain ``por`` after ``steady`` rises (two for the
    synchronizer), and never again.

    Parameters
    ----------
    cycles : int
        Length.

    Members
    -------
    steady : In(1)
        The clock is good; asynchronous.
    rst : Out(1, init=1)
        Reset of the design, straight from a flip-flop.
    """

    def __init__(self, cycles: int):
        self.cycles = cycles
        super().__init__({"steady": In(1), "rst": Out(1, init=1)})

    def elaborate(self, platform: object) -> Module:
        """Count up, because flip-flops start at zero."""
        m = Module()
        steady, count = Signal(), Signal(range(self.cycles + 1))
        m.submodules.synchronizer = FFSynchronizer(self.steady, steady, o_domain="por", reset_less=True)
        with m.If(count == self.cycles):
            m.d.por += self.rst.eq(0)
        with m.Elif(steady):
            m.d.por += count.eq(count + 1)
        return m


class Clocking(Elaboratable):
    """Drive clock and reset of the domain ``sync`` from a crystal's pin, through the PLL where there is one.

    Parameters
    ----------
    pin : SingleEndedPort
        The clock's pin.
    frequency_hz : float
        Frequency of the domain in Hz.
    pll : Pll or None
        None uses the crystal as it is.
    """

    def __init__(self, pin: io.SingleEndedPort, frequency_hz: float, pll: Pll | None):
        self.pin, self.frequency_hz, self.pll = pin, frequency_hz, pll

    def elaborate(self, platform: SiliconBluePlatform) -> Module:
        """PLL or input buffer, and reset; nextpnr derives the PLL's frequency from the crystal's."""
        m = Module()
        clock, steady = Signal(name="clock"), Signal()
        if self.pll is None:
            m.submodules.buffer = buffer = io.Buffer("i", self.pin)
            m.d.comb += [clock.eq(buffer.i), steady.eq(1)]
        else:
            m.submodules.pll = Instance(
                "SB_PLL40_PAD",
                p_FEEDBACK_PATH="SIMPLE",
                p_DIVR=self.pll.divr,
                p_DIVF=self.pll.divf,
                p_DIVQ=self.pll.divq,
                p_FILTER_RANGE=self.pll.filter_range,
                i_PACKAGEPIN=self.pin.io,
                i_RESETB=1,
                i_BYPASS=0,
                o_PLLOUTGLOBAL=clock,
                o_LOCK=steady,
            )
        cycles = max(RESET_CYCLES, ceil(RESET_S * self.frequency_hz))
        m.submodules.reset = reset = PowerOnReset(cycles)
        m.domains.por = ClockDomain(reset_less=True, local=True)
        m.d.comb += [
            ClockSignal("por").eq(clock),
            ClockSignal("sync").eq(clock),
            ResetSignal("sync").eq(reset.rst),
            reset.steady.eq(steady),
        ]
        return m


class LedDriver(Elaboratable):
    """Current source of an RGB LED, at its lowest current (half mode, 2 mA); a plain pin would not limit it.

    Parameters
    ----------
    pins : tuple of SingleEndedPort
        The chip's pins RGB0, RGB1 and RGB2, in this order; other pins are not wired to the source.

    Attributes
    ----------
    lit : Signal(3)
        Which are lit, RGB0 first.
    """

    def __init__(self, pins: tuple[io.SingleEndedPort, ...]):
        self.pins = pins
        self.lit = Signal(3)

    def elaborate(self, platform: SiliconBluePlatform) -> Instance:
        """The primitive."""
        return Instance(
            "SB_RGBA_DRV",
            p_CURRENT_MODE="0b1",
            **{f"p_RGB{k}_CURRENT": "0b000001" for k in range(3)},
            i_CURREN=1,
            i_RGBLEDEN=1,
            **{f"i_RGB{k}PWM": self.lit[k] for k in range(3)},
            **{f"o_RGB{k}": pin.io for k, pin in enumerate(self.pins)},
        )
