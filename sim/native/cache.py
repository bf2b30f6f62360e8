"""Compiled simulators, kept in the user's cache folder by a digest of all that they are made of.

They lie in ``$ICEPOP_CACHE/simulators``, ``$XDG_CACHE_HOME/icepop/simulators`` or ``~/.cache/icepop/simulators``; the
folder may be deleted at any time. A file appears under its name only when it is whole.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from icepop.compiler.errors import ToolError

VARIABLE = "ICEPOP_CACHE"

BOUND = 1 << 30
"""Bytes that are kept; what was not used for the longest time goes first."""

STALE_S = 24 * 3600
"""Age of a scratch folder or lock whose process must be gone."""


def folder() -> Path:
    """Where everything is kept, made if need be.

    Raises
    ------
    ToolError
        It cannot be made.
    """
    shared = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    path = Path(os.environ.get(VARIABLE) or shared / "icepop").absolute() / "simulators"
    with writable(path):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


@contextmanager
def writable(path: Path) -> Iterator[None]:
    """Say what to do if the cache cannot be written."""
    try:
        yield
    except OSError as error:
        told = error.strerror or error
        raise ToolError(f"cannot write the cache '{path}': {told}; set {VARIABLE} to another folder") from error


def find(name: str) -> Path | None:
    """File ``name``, marked as used, if it is there."""
    path = folder() / name
    try:
        os.utime(path)
    except FileNotFoundError:
        return None
    return path


@contextmanager
def alone(name: str) -> Iterator[None]:
    """Let one process at a time make what is called ``name``; the others wait, and then find it."""
    root = folder()
    with writable(root):
        file = (root / f".{name}.lock").open("w")
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def scratch() -> Iterator[Path]:
    """Folder beside what is kept to make something in, deleted in the end."""
    root = folder()
    with writable(root):
        made = TemporaryDirectory(prefix=".", dir=root)
    with made as name:
        yield Path(name)


def keep(made: Path, names: Sequence[str]) -> None:
    """Keep the file ``made``, in a scratch folder, under every one of ``names``, and drop what exceeds `BOUND`."""
    root = folder()
    with writable(root):
        for name in names:
            link = made.with_name(name)
            os.link(made, link)
            os.replace(link, root / name)
        prune(root)


def prune(root: Path) -> None:
    """Delete what was used least recently beyond `BOUND`, and what processes that are gone have left behind."""
    files: list[tuple[float, int, int, Path]] = []
    for path in root.iterdir():
        with suppress(FileNotFoundError):
            stat = path.stat()
            if not path.name.startswith("."):
                files.append((stat.st_mtime, stat.st_ino, stat.st_size, path))
            elif time.time() - stat.st_mtime > STALE_S:
                discard(path)
    counted: set[int] = set()
    total = 0
    for _, inode, size, path in sorted(files, reverse=True):
        total += 0 if inode in counted else size
        counted.add(inode)
        if total > BOUND:
            discard(path)


def discard(path: Path) -> None:
    """Delete a file or folder, if it is still there."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
