import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

from icepop.compiler.registry import modules, subclasses

FILES = {
    "base.py": "class Base: pass\n",
    "two.py": "from {name}.base import Base\nclass B(Base): pass\nclass Other: pass\n",
    "one.py": "from {name}.base import Base\nfrom {name}.two import B\nclass A(Base): pass\nnumber = 3\n",
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    folder = tmp_path / "folder_registry"
    folder.mkdir()
    (folder / "__init__.py").touch()
    for file, text in FILES.items():
        (folder / file).write_text(text.format(name=folder.name))
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.split(".")[0] == folder.name]:
        del sys.modules[name]
    return importlib.import_module(folder.name)


def test_every_file_is_found_by_name(package: ModuleType) -> None:
    assert [name for name, _ in modules(package)] == ["base", "one", "two"]


def test_classes_are_found_once_where_they_are_defined(package: ModuleType) -> None:
    base = importlib.import_module(f"{package.__name__}.base").Base
    assert [kind.__name__ for kind in subclasses(package, base)] == ["A", "B"]


def test_an_import_error_stays_an_error(package: ModuleType) -> None:
    Path(package.__path__[0], "broken.py").write_text("import no_such_module_anywhere\n")
    importlib.invalidate_caches()
    with pytest.raises(ModuleNotFoundError, match="no_such_module_anywhere"):
        list(modules(package))
