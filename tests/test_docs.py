# amaranth: UnusedElaboratable=no
"""The code of the documents runs as it stands."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"


def test_the_unit_of_the_document_computes_its_layer(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```$", (DOCS / "units.md").read_text(), re.MULTILINE | re.DOTALL)
    exec(compile(code, "docs/units.md", "exec"), {})
    assert re.fullmatch(r"9 cycles a sample, \d+ logic cells planned\n", capsys.readouterr().out)
