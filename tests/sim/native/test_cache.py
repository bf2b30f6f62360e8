import os
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from icepop.compiler.errors import ToolError
from icepop.sim.native import cache


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("ICEPOP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "simulators"


def store(text, *names):
    with cache.scratch() as folder:
        (folder / "made").write_text(text)
        cache.keep(folder / "made", names)


def test_what_is_kept_is_found_under_every_name(root):
    assert cache.find("a") is None
    store("text", "a", "b")
    assert (cache.find("a"), cache.find("b")) == (root / "a", root / "b")
    assert cache.find("b").read_text() == "text"
    assert sorted(path.name for path in root.iterdir()) == ["a", "b"]


def test_folder_is_for_its_user_alone(root):
    assert cache.folder() == root
    assert root.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(("shared", "folder"), [("elsewhere", "elsewhere"), (None, "home/.cache")])
def test_folder_of_the_users_cache(tmp_path, monkeypatch, shared, folder):
    monkeypatch.delenv("ICEPOP_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    if shared:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / shared))
    assert cache.folder() == tmp_path / folder / "icepop" / "simulators"


def test_nothing_half_made_is_left(root):
    with cache.scratch() as folder:
        (folder / "made").write_text("half")
        assert list(root.iterdir()) == [folder]
    assert not list(root.iterdir())


def test_the_same_from_many_at_once(root):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: store("text", "a", "b"), range(50)))
    assert sorted(path.name for path in root.iterdir()) == ["a", "b"]
    assert (root / "a").read_text() == "text"


def test_one_process_at_a_time_makes_a_thing(root):
    made = []

    def once(_):
        with cache.alone("a"):
            if cache.find("a") is None:
                time.sleep(0.05)
                store("text", "a")
                made.append("a")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(once, range(4)))
    assert made == ["a"]


def test_least_recently_used_goes_first(root, monkeypatch):
    for age, name in enumerate("abcd"):
        store("ten bytes.", name, name.upper())
        os.utime(root / name, (1000 + age, 1000 + age))
    cache.find("a")
    monkeypatch.setattr(cache, "BOUND", 25)
    store("ten bytes.", "e")
    assert sorted(path.name for path in root.iterdir()) == ["A", "a", "e"]


def test_only_what_was_left_behind_is_deleted(root):
    with cache.scratch() as running:
        left = root / ".left"
        left.mkdir()
        lock = root / ".left.lock"
        lock.touch()
        for path in (left, lock):
            os.utime(path, (0, 0))
        with cache.alone("b"):
            store("text", "a")
        assert sorted(path.name for path in root.iterdir()) == sorted([running.name, ".b.lock", "a"])


def test_folder_that_cannot_be_made(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("ICEPOP_CACHE", str(tmp_path / "file"))
    where = tmp_path / "file" / "simulators"
    message = f"cannot write the cache '{where}': Not a directory; set ICEPOP_CACHE to another folder"
    with pytest.raises(ToolError, match=f"^{re.escape(message)}$"):
        cache.folder()
