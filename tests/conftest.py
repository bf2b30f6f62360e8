import os
from collections.abc import Callable
from shutil import which

import pytest
from hypothesis import settings

# every run tries the same examples, and a busy machine is no failure
settings.register_profile("fixed", derandomize=True, deadline=None)
settings.load_profile("fixed")

REMEDIES = {"iverilog": "apt install iverilog", "icebox_vlog": "apt install fpga-icestorm"}


@pytest.fixture(scope="session")
def need() -> Callable[[str], None]:
    """Skip the test where a tool is missing on a desk; fail it in CI, which has to have every tool."""

    def check(tool: str) -> None:
        if which(tool):
            return
        reason = f"{tool} is not on PATH" + (f"; {REMEDIES[tool]}" if tool in REMEDIES else "")
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)

    return check
