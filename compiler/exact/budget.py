"""What reading one file may take: a count of work that does not depend on the machine."""

from dataclasses import dataclass

from icepop.compiler.errors import ModelError

MAX_WORK = 1 << 23
"""Most work for one file. A unit is about a microsecond: an exact operation, or some dozens of elements of arrays."""
EXACT = 20
"""Work of one step of a function in exact arithmetic."""
GROWTH = 64
"""Steps after which one takes a unit more: each multiplies the mantissas before it by one more."""
MAX_NUMBERS = 1 << 26
"""Most weights, thresholds and places that all ops of a graph hold together, of 8 bytes at most."""


def grown(steps: int) -> int:
    """Work of so many steps in exact arithmetic beyond that of as many short numbers; none for few steps."""
    return steps * (steps // GROWTH)


@dataclass
class Budget:
    """Work that is left for reading a file.

    Parameters
    ----------
    left : int
        Units of work.
    numbers : int
        How many more the ops may hold.
    where : str
        The node that is being read, for the message.
    """

    left: int = MAX_WORK
    numbers: int = MAX_NUMBERS
    where: str = "the model"

    def spend(self, work: int) -> None:
        """Take work off, before it is done where it can be told by then.

        Raises
        ------
        ModelError
            There is not so much left.
        """
        self.left -= work
        if self.left < 0:
            raise ModelError(
                f"{self.where}: up to here the file has more thresholds, elements and functions than are searched "
                f"({MAX_WORK} units of work); use fewer bits, parameters per channel, or a smaller network"
            )

    def room(self, name: str, count: int) -> None:
        """Check that an op of so many numbers still fits.

        Raises
        ------
        ModelError
            It does not.
        """
        if count > self.numbers:
            raise ModelError(
                f"'{name}' needs {count} numbers, but all layers together may hold {MAX_NUMBERS}, of which "
                f"{self.numbers} are left; use fewer bits, or a smaller network"
            )
