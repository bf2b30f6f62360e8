"""User-level errors are matched whole."""

import re

import pytest


def says(error: type[Exception], message: str) -> pytest.RaisesExc[Exception]:
    """Expect an error with exactly this message."""
    return pytest.raises(error, match=rf"\A{re.escape(message)}\Z")
