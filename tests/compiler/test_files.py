import errno
import os
from pathlib import Path

import pytest

from icepop.compiler.errors import FileError
from icepop.compiler.files import check_writable, replacing, write_text


def test_a_file_appears_whole(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "file.txt"
    with replacing(path) as temporary:
        temporary.write_text("half")
        assert not path.exists()
        assert temporary.parent == path.parent  # so that the move is one step
        temporary.write_text("whole")
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("interruption", [ValueError, KeyboardInterrupt])
def test_an_interrupted_write_leaves_what_was_there(interruption: type[BaseException], tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    write_text(path, "old")

    def interrupted() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise interruption

    with pytest.raises(interruption):
        interrupted()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["folder", "file/new.txt", "file/new/new.txt"])
def test_a_file_that_cannot_be_written(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("old")
    path = tmp_path / name
    with pytest.raises(FileError, match=rf"^cannot write '{path}': .*; name "):
        write_text(path, "new")
    with pytest.raises(FileError, match=rf"^cannot write '{path}': .*; name "):
        check_writable(path)
    assert (tmp_path / "file").read_text() == "old"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "folder"]


def test_a_file_that_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    for name in ("file", "new.txt", "new/folder/new.txt"):
        check_writable(tmp_path / name)
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="No space left on device"), replacing(tmp_path / "file.txt"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
