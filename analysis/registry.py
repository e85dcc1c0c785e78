"""What the files of a package register by name; they are found, so that no list names them."""

import importlib
import pkgutil
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Registry(Generic[T]):
    """Things by name, registered by the files of a package; ``what`` is one of them in words."""

    def __init__(self, package: str, what: str) -> None:
        self._package, self._what = package, what
        self._things: dict[str, T] = {}
        self._is_complete = False

    def add(self, name: str, thing: T) -> None:
        """Register a thing.

        Raises
        ------
        ValueError
            The name is taken.
        """
        if name in self._things:
            raise ValueError(f"{self._what} '{name}' is registered already")
        self._things[name] = thing

    def register(self, name: str) -> Callable[[T], T]:
        """Register what is decorated.

        Raises
        ------
        ValueError
            The name is taken.
        """

        def add(thing: T) -> T:
            self.add(name, thing)
            return thing

        return add

    def remove(self, name: str) -> None:
        """Take a thing out again."""
        del self._things[name]

    def all(self) -> dict[str, T]:
        """Return everything by name, once every file of the package was imported."""
        if not self._is_complete:
            found = importlib.import_module(self._package)
            for module in pkgutil.iter_modules(found.__path__, f"{self._package}."):
                importlib.import_module(module.name)
            self._is_complete = True
        return dict(self._things)
