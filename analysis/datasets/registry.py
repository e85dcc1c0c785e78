"""The dataset kinds, by the name a SPEC starts with; their files are found, not listed."""

from collections.abc import Callable

from analysis.datasets.base import Dataset
from analysis.discovery import import_all
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


def dataset_kinds() -> list[str]:
    """Name the registered kinds, sorted."""
    import_all(_PACKAGE)
    return sorted(_OPENERS)


def open_dataset(spec: str) -> Dataset:
    """Open ``KIND[:PLACE]``; images stay where they are until they are asked for.

    Raises
    ------
    UserError
        The kind is unknown, or the place does not hold such a dataset.
    """
    import_all(_PACKAGE)
    kind, colon, place = spec.partition(":")
    opener = _OPENERS.get(kind)
    if opener is None:
        raise UserError(
            f"dataset '{spec}': unknown kind '{kind}'; expected {', '.join(sorted(_OPENERS))}"
        )
    if colon and not place:
        raise UserError(f"dataset '{spec}': nothing stands after the colon")
    return opener(place or None)
