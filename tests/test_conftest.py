import re

import pytest


def test_missing_tool_skips_on_a_desk(need, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"^no-such-tool is not on PATH$"):
        need("no-such-tool")


def test_missing_tool_fails_in_ci_and_tells_the_remedy(need, monkeypatch):
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(pytest.fail.Exception, match=f"^{re.escape('iverilog is not on PATH; apt install iverilog')}$"):
        need("iverilog")


def test_tool_that_is_there(need):
    need("python3")
