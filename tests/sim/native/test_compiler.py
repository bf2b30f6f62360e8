import os
import re
import subprocess

import pytest

from icepop.compiler.errors import ToolError
from icepop.sim.native import compiler
from icepop.sim.native.compiler import Unit, call, compile_units, groups, identity, link


def test_units_become_an_executable(need, tmp_path):
    need("c++")
    texts = ['#include "bench.h"\nint seven() { return SEVEN; }', "int seven(); int main() { return seven(); }"]
    objects = compile_units([Unit(texts[0], ("-O0", "-DSEVEN=7")), Unit(texts[1], ("-O0",))], tmp_path)
    link(objects, tmp_path / "program")
    assert subprocess.run([tmp_path / "program"]).returncode == 7


def test_error_of_the_compiler_is_told(need, tmp_path):
    need("c++")
    with pytest.raises(ToolError, match=r"^c\+\+ failed with exit code 1: unit0\.cpp:2:1: error: .*nonsense"):
        compile_units([Unit("\nnonsense here;", ("-O0",))], tmp_path)


def test_compiler_that_is_no_file(tmp_path, monkeypatch):
    with pytest.raises(ToolError, match=r"^cannot start nowhere: No such file or directory$"):
        call(("nowhere",), tmp_path)


def test_compiler_that_hangs(tmp_path, monkeypatch):
    monkeypatch.setattr(compiler.tools, "TIMEOUT_S", 0.2)
    with pytest.raises(ToolError, match=r"^sleep did not finish within 0\.2 s; make the design smaller$"):
        call(("sleep", "60"), tmp_path)


def test_compiler_of_the_user_comes_first(monkeypatch):
    monkeypatch.setattr(compiler, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setenv("CXX", "my-g++")
    assert compiler.compiler() == "my-g++"
    monkeypatch.delenv("CXX")
    assert compiler.compiler() == "c++"


def test_no_compiler(monkeypatch):
    monkeypatch.setattr(compiler, "which", lambda name: None)
    assert compiler.no_compiler() == ("no C++ compiler is on PATH; install g++ or set CXX, or use --backend amaranth")


def test_identity_is_that_of_the_compiler(tmp_path, monkeypatch):
    other = tmp_path / "other-c++"
    other.write_text("#!/bin/sh\necho version $1 of another\n")
    other.chmod(0o755)
    monkeypatch.setenv("CXX", str(other))
    assert re.search(r"other-c\+\+\n--version\nversion --version of another\n$", identity())


def test_groups_hold_every_name_once(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert groups("abcd") == [[(0, "a"), (1, "b"), (2, "c"), (3, "d")]]
    assert groups("abcde") == [[(0, "a"), (2, "c"), (4, "e")], [(1, "b"), (3, "d")]]
    assert len(groups("abcdefghijkl")) == 2
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert len(groups("abcdefghijkl")) == 1
