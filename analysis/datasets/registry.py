"""The dataset kinds, by the name a SPEC starts with; their files are found, not listed."""

from collections.abc import Callable
from pathlib import Path

from analysis.datasets.base import Dataset
from analysis.datasets.decode import GreyScale
from analysis.datasets.grey import scaled, with_scale
from analysis.errors import UserError
from analysis.registry import Registry

Opener = Callable[[str | None], Dataset]
_OPENERS = Registry[Opener]("analysis.datasets", "dataset kind")
_TAILED: set[str] = set()


def register(kind: str, *, has_tail: bool = False) -> Callable[[Opener], Opener]:
    """Register a function that opens ``kind[:PLACE]``; it is given PLACE, or None.

    Parameters
    ----------
    kind : str
        What its SPEC begins with.
    has_tail : bool
        Whether its train split has a long tail that can be rotated (``Dataset.pool``).

    Raises
    ------
    ValueError
        The kind is taken.
    """
    if has_tail:
        _TAILED.add(kind)
    return _OPENERS.register(kind)


def dataset_kinds() -> list[str]:
    """Name the registered kinds, sorted."""
    return sorted(_OPENERS.all())


def tailed_kinds() -> list[str]:
    """Name the registered kinds whose train split has a long tail that can be rotated, sorted."""
    return sorted(_TAILED & _OPENERS.all().keys())


def _place_alone(spec: str) -> str:
    """Say how a folder or a table is given, where a path stands without its kind."""
    path = Path(spec)
    if path.is_dir():
        return f"; a folder of class folders is folder:{spec}"
    return f"; a table of images is parquet:{spec}" if path.suffix == ".parquet" else ""


def open_dataset(
    spec: str, *, max_value: float | None = None, grey: GreyScale | None = None
) -> Dataset:
    """Open ``KIND[:PLACE]``; images stay where they are until they are asked for.

    Parameters
    ----------
    spec : str
        The kind, and where the data lie.
    max_value : float, optional
        What grey values of more than 8 bits are divided by; without it, that is found with a sample
        of the files. It is one number for all images either way, and said in the notes.
    grey : GreyScale, optional
        The scale of another dataset, to be used for this one.

    Raises
    ------
    UserError
        The kind is unknown, the place does not hold such a dataset, or ``max_value`` is not above
        0.
    """
    kind, colon, place = spec.partition(":")
    opener = _OPENERS.all().get(kind)
    if opener is None:
        raise UserError(
            f"dataset '{spec}': unknown kind '{kind}'; expected {', '.join(dataset_kinds())}"
            + _place_alone(spec)
        )
    if colon and not place:
        raise UserError(f"dataset '{spec}': nothing stands after the colon")
    opened = opener(place or None)
    return scaled(opened, max_value) if grey is None else with_scale(opened, grey)
