"""The dataset kinds, by the name a SPEC starts with; their files are found, not listed."""

from collections.abc import Callable

from analysis.datasets.base import Dataset
from analysis.errors import UserError
from analysis.registry import Registry

Opener = Callable[[str | None], Dataset]
_OPENERS = Registry[Opener]("analysis.datasets", "dataset kind")


def register(kind: str) -> Callable[[Opener], Opener]:
    """Register a function that opens ``kind[:PLACE]``; it is given PLACE, or None.

    Parameters
    ----------
    kind : str
        What its SPEC begins with.

    Raises
    ------
    ValueError
        The kind is taken.
    """
    return _OPENERS.register(kind)


def dataset_kinds() -> list[str]:
    """Name the registered kinds, sorted."""
    return sorted(_OPENERS.all())


def open_dataset(spec: str) -> Dataset:
    """Open ``KIND[:PLACE]``; images stay where they are until they are asked for.

    Raises
    ------
    UserError
        The kind is unknown, or the place does not hold such a dataset.
    """
    kind, colon, place = spec.partition(":")
    opener = _OPENERS.all().get(kind)
    if opener is None:
        raise UserError(
            f"dataset '{spec}': unknown kind '{kind}'; expected {', '.join(dataset_kinds())}"
        )
    if colon and not place:
        raise UserError(f"dataset '{spec}': nothing stands after the colon")
    return opener(place or None)
