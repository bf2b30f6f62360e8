"""`Window`: a file that keeps only some cycles of the VCD that is written to it."""

import io
from typing import TextIO


class Window(io.TextIOBase):
    """Pass on the header, the values at the start of the window, and the changes within it.

    Waves of a whole run would fill a disk; simulators can only write all of them.

    Parameters
    ----------
    file : text file
        Where the cut goes; closed with the window.
    start, stop : int
        First time that is kept, and first time that is not, in the VCD's own unit.
    """

    def __init__(self, file: TextIO, start: int, stop: int) -> None:
        self._file = file
        self._start, self._stop = start, stop
        self._time = -1
        self._header = True
        self._before: dict[str, str] = {}
        self._partial = ""

    def writable(self) -> bool:
        """It is only for writing."""
        return True

    def write(self, text: str) -> int:
        """Take any piece of a VCD."""
        *lines, self._partial = (self._partial + text).split("\n")
        for line in lines:
            self._take(line)
        return len(text)

    def close(self) -> None:
        """Write the last values if the window never began."""
        if not self.closed:
            if self._time < self._start:
                self._begin()
            self._file.close()
        super().close()

    def _take(self, line: str) -> None:
        if self._header:
            self._file.write(line + "\n")
            self._header = not line.startswith("$enddefinitions")
        elif line.startswith("#"):
            before, self._time = self._time, int(line[1:])
            if before < self._start <= self._time:
                self._begin()
            if self._start <= self._time < self._stop:
                self._file.write(line + "\n")
        elif line and not line.startswith("$"):
            if self._time < self._start:
                self._before[line.split()[1] if line[0] in "bBrRsS" else line[1:]] = line
            elif self._time < self._stop:
                self._file.write(line + "\n")

    def _begin(self) -> None:
        values = "".join(f"{line}\n" for line in self._before.values())
        self._file.write(f"#{self._start}\n$dumpvars\n{values}$end\n")
