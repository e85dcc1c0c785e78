"""The contents of a report: sections, a budget, the images of a view, private details."""

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.budgets import Budget
from analysis.errors import UserError
from analysis.presentation.sections import SECTIONS


@dataclass(frozen=True)
class View:
    """Images to show first, in their order; ``words`` describe in a line how they were chosen."""

    words: str
    image_ids: tuple[int, ...]


@dataclass(frozen=True)
class Contents:
    """Contents of a report besides its figures and tables.

    Parameters
    ----------
    sections : tuple of str
        Names of ``SECTIONS``; all by default.
    budget : Budget, optional
        Limits that the verdict checks the sweep against.
    view : View, optional
        Images shown before everything else: those of a filtered gallery.
    has_details : bool
        Whether to include names of raters, times and paths of this machine.
    """

    sections: tuple[str, ...] = tuple(SECTIONS)
    budget: Budget | None = None
    view: View | None = None
    has_details: bool = False


def chosen_sections(names: Sequence[str] | None) -> tuple[str, ...]:
    """Return the named sections in the order of the page; all of them by default.

    Raises
    ------
    UserError
        There is no such section.
    """
    if not names:
        return tuple(SECTIONS)
    unknown = [name for name in names if name not in SECTIONS]
    if unknown:
        raise UserError(f"no section '{unknown[0]}'; expected {', '.join(SECTIONS)}")
    return tuple(name for name in SECTIONS if name in names)
