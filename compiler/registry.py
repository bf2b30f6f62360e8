"""Registries that are folders: a new file is found without being listed anywhere."""

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import TypeVar

T = TypeVar("T")


def modules(package: ModuleType) -> Iterator[tuple[str, ModuleType]]:
    """Name and module of every file of a package, by name; an import error stays an error."""
    for info in sorted(iter_modules(package.__path__), key=lambda info: info.name):
        yield info.name, import_module(f"{package.__name__}.{info.name}")


def subclasses(package: ModuleType, base: type[T]) -> list[type[T]]:
    """Classes derived from ``base`` that the package's files define."""
    return [
        item
        for _, module in modules(package)
        for item in vars(module).values()
        if isinstance(item, type) and issubclass(item, base) and item is not base and item.__module__ == module.__name__
    ]
