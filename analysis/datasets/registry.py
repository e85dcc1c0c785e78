"""The dataset kinds, by the name a SPEC starts with; their files are found, not listed."""

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache

from analysis.datasets.base import Dataset
from analysis.errors import UserError

Opener = Callable[[str | None], Dataset]
_OPENERS: dict[str, Opener] = {}
_PACKAGE = "analysis.datasets"


def register(kind: str) -> Callable[[Opener], Opener]:
    """Register a function that opens ``kind[:PLACE]``; it is given PLACE, or None.

    Raises
    ------
    ValueError
        The kind is taken.
    """

    def add(opener: Opener) -> Opener:
        if kind in _OPENERS:
            raise ValueError(f"dataset kind '{kind}' is registered already")
        _OPENERS[kind] = opener
        return opener

    return add


@cache
def _load_all() -> None:
    package = importlib.import_module(_PACKAGE)
    for module in pkgutil.iter_modules(package.__path__, f"{_PACKAGE}."):
        importlib.import_module(module.name)


def dataset_kinds() -> list[str]:
    """Name the registered kinds, sorted."""
    _load_all()
    return sorted(_OPENERS)


def open_dataset(spec: str) -> Dataset:
    """Open ``KIND[:PLACE]``; images stay where they are until they are asked for.

    Raises
    ------
    UserError
        The kind is unknown, or the place does not hold such a dataset.
    """
    _load_all()
    kind, colon, place = spec.partition(":")
    opener = _OPENERS.get(kind)
    if opener is None:
        raise UserError(
            f"dataset '{spec}': unknown kind '{kind}'; expected {', '.join(sorted(_OPENERS))}"
        )
    if colon and not place:
        raise UserError(f"dataset '{spec}': nothing stands after the colon")
    return opener(place or None)
