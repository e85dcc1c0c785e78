"""Registries of named objects, filled by the files of a package, which are discovered."""

import importlib
import pkgutil
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Registry(Generic[T]):
    """Named objects registered by the files of a package; ``what`` describes one of them."""

    def __init__(self, package: str, what: str) -> None:
        self._package, self._what = package, what
        self._things: dict[str, T] = {}
        self._is_complete = False

    def add(self, name: str, thing: T) -> None:
        """Register an object.

        Raises
        ------
        ValueError
            The name is registered already.
        """
        if name in self._things:
            raise ValueError(f"{self._what} '{name}' is registered already")
        self._things[name] = thing

    def register(self, name: str) -> Callable[[T], T]:
        """Register the decorated object.

        Raises
        ------
        ValueError
            The name is registered already.
        """

        def add(thing: T) -> T:
            self.add(name, thing)
            return thing

        return add

    def remove(self, name: str) -> None:
        """Remove an object."""
        del self._things[name]

    def all(self) -> dict[str, T]:
        """Import every file of the package and return all objects by name."""
        if not self._is_complete:
            found = importlib.import_module(self._package)
            for module in pkgutil.iter_modules(found.__path__, f"{self._package}."):
                importlib.import_module(module.name)
            self._is_complete = True
        return dict(self._things)
