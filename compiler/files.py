"""Files that appear under their name only when they are whole."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from icepop.compiler.errors import FileError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path`` and move it there when the block ends well; else delete it.

    Raises
    ------
    FileError
        The file cannot be written, or its folder not be made.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise FileError(f"cannot write '{path}': {error.strerror or error}; name another path") from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def check_writable(path: Path) -> None:
    """Raise `FileError`, before work that takes long, for a file that could not be written after it."""
    folder = next(each for each in path.absolute().parents if each.exists())
    if path.is_dir():
        raise FileError(f"cannot write '{path}': it is a folder; name a file")
    if not folder.is_dir():
        raise FileError(f"cannot write '{path}': '{folder}' is no folder; name another path")
    if not os.access(folder, os.W_OK):
        raise FileError(f"cannot write '{path}': nothing may be written to '{folder}'; name another path")


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text)
