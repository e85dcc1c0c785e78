"""The registry of corruptions; their files are discovered, not listed."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.errors import UserError
from analysis.registry import Registry

Picture = npt.NDArray[np.float64]
Work = Callable[[Picture, int, np.random.Generator], Picture]


@dataclass(frozen=True)
class Corruption:
    """A registered corruption: ``work(picture [H, W, C] in 0..1, severity 1..5, generator)``.

    The result has the same shape; values outside 0..1 are clipped afterwards.
    """

    name: str
    family: str
    summary: str
    work: Work


_CORRUPTIONS = Registry[Corruption]("analysis.shifts.corruptions", "corruption")


def register(name: str, *, summary: str) -> Callable[[Work], Work]:
    """Register a corruption under a name; its family is the name of its file.

    Parameters
    ----------
    name : str
        Its name on the command line.
    summary : str
        Its effect on an image, in a few words.

    Raises
    ------
    ValueError
        The name is registered already.
    """

    def add(work: Work) -> Work:
        family = work.__module__.rpartition(".")[2]
        _CORRUPTIONS.add(name, Corruption(name, family, summary, work))
        return work

    return add


def corruptions() -> dict[str, Corruption]:
    """Return all registered corruptions by name, family by family."""
    return {c.name: c for c in sorted(_CORRUPTIONS.all().values(), key=lambda c: c.family)}


def corruption(name: str) -> Corruption:
    """Return one corruption.

    Raises
    ------
    UserError
        The name is unknown; the message lists the known ones.
    """
    known = corruptions()
    if name not in known:
        raise UserError(
            f"--corruptions {name}: unknown corruption; expected all or one of {', '.join(known)}"
        )
    return known[name]
