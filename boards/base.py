"""`Board`: what there is to know about a board, as a declaration."""

from collections.abc import Callable
from dataclasses import astuple, dataclass

from amaranth.build import Resource
from amaranth.vendor import SiliconBluePlatform

from icepop.boards.frame_receiver import payloads_cost
from icepop.boards.link import line_order, sample_bytes
from icepop.compiler.planner.plan import Resources
from icepop.compiler.types import TensorType

LINK = Resources(lut4=440, ff=290, carry=70, cells=600, ebr=1)
"""Set aside for serial link, UART, reset and LEDs, with some room, but without the memory that requests wait in. Input
beats of more than a few bits take a further logic cell for each bit."""


def link_resources(sample: TensorType) -> Resources:
    """What is set aside where samples are of this type."""
    return LINK + payloads_cost(sample_bytes(line_order(sample)))


@dataclass(frozen=True)
class Board:
    """An iCE40 board with a serial link.

    Parameters
    ----------
    name : str
        What the user calls it.
    platform : callable
        Makes the Amaranth platform: pins and toolchain.
    device, package : str
        Chip, as nextpnr calls it.
    budget : Resources
        What the chip has.
    crystal : str
        Name of the clock's resource; its pin must be one that the PLL can use.
    crystal_hz : float
        Its frequency in Hz.
    clock_hz : float
        Default frequency of the design in Hz: the crystal's, or one that the PLL makes.
    uart : str
        Name of the UART's resource.
    baud : int
        Default bits a second on the serial link.
    leds : tuple of Resource
        Names and numbers of the LEDs for the class's lowest bits, lowest first.
    rgb : tuple of Resource
        Pins RGB0, RGB1 and RGB2 for the next three bits; empty where no LED hangs there.
    programmer : str
        The board's name for openFPGALoader.
    """

    name: str
    platform: Callable[[], SiliconBluePlatform]
    device: str
    package: str
    budget: Resources
    crystal: str
    crystal_hz: float
    clock_hz: float
    uart: str
    baud: int
    leds: tuple[tuple[str, int], ...]
    rgb: tuple[Resource, ...]
    programmer: str

    def for_accelerator(self, sample: TensorType) -> Resources:
        """What the link leaves where samples are of this type."""
        link = link_resources(sample)
        return Resources(*(max(0, a - b) for a, b in zip(astuple(self.budget), astuple(link), strict=True)))
