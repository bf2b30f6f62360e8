import os

import pytest

from icepop.sim.formal import missing


@pytest.fixture(autouse=True)
def provers() -> None:
    """Skip where a prover is missing on a desk; fail in CI."""
    reason = missing()
    if reason and os.environ.get("CI") == "true":
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
