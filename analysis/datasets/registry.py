"""The registry of dataset kinds by the start of a SPEC; their files are discovered, not listed."""

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
    """Register a function that opens ``kind[:PLACE]`` from PLACE or None.

    Parameters
    ----------
    kind : str
        The start of its SPECs.
    has_tail : bool
        Whether its train split has a long tail that can be rotated (``Dataset.pool``).

    Raises
    ------
    ValueError
        The kind is registered already.
    """
    if has_tail:
        _TAILED.add(kind)
    return _OPENERS.register(kind)


def dataset_kinds() -> list[str]:
    """Return the registered kinds, sorted."""
    return sorted(_OPENERS.all())


def tailed_kinds() -> list[str]:
    """Return the registered kinds with a long tail that can be rotated, sorted."""
    return sorted(_TAILED & _OPENERS.all().keys())


def _hint_of_kind(spec: str) -> str:
    """Suggest the SPEC of a path without a kind."""
    path = Path(spec)
    if path.is_dir():
        return f"; a folder of class folders is folder:{spec}"
    return f"; a table of images is parquet:{spec}" if path.suffix == ".parquet" else ""


def open_dataset(
    spec: str, *, max_value: float | None = None, grey: GreyScale | None = None
) -> Dataset:
    """Open ``KIND[:PLACE]``; images are read on access.

    Parameters
    ----------
    spec : str
        The kind and the place of the data.
    max_value : float, optional
        Divisor of grey values of more than 8 bits; by default it is estimated from a sample of the
        files. It is one number for all images, recorded in the notes.
    grey : GreyScale, optional
        The scale of another dataset, to use for this one.

    Raises
    ------
    UserError
        The kind is unknown, the place has no such dataset, or ``max_value`` is not above 0.
    """
    kind, colon, place = spec.partition(":")
    opener = _OPENERS.all().get(kind)
    if opener is None:
        raise UserError(
            f"dataset '{spec}': unknown kind '{kind}'; expected {', '.join(dataset_kinds())}"
            + _hint_of_kind(spec)
        )
    if colon and not place:
        raise UserError(f"dataset '{spec}': a place is missing after the colon")
    opened = opener(place or None)
    return scaled(opened, max_value) if grey is None else with_scale(opened, grey)
