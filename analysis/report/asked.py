"""What a report is asked to hold: sections, a budget, the images of a view, and what stays out."""

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.budgets import Budget
from analysis.errors import UserError
from analysis.presentation.sections import SECTIONS


@dataclass(frozen=True)
class View:
    """Images that are shown first, in their order; ``words`` say in a line how they were chosen."""

    words: str
    image_ids: tuple[int, ...]


@dataclass(frozen=True)
class Asked:
    """What a report holds besides its figures and tables.

    Parameters
    ----------
    sections : tuple of str
        Names of ``SECTIONS``; all by default.
    budget : Budget, optional
        What the verdict holds the sweep against.
    view : View, optional
        Images that stand before everything else: those of a gallery as it was filtered.
    has_details : bool
        Whether names of raters, times and paths of this machine are in it.
    """

    sections: tuple[str, ...] = tuple(SECTIONS)
    budget: Budget | None = None
    view: View | None = None
    has_details: bool = False


def chosen_sections(names: Sequence[str] | None) -> tuple[str, ...]:
    """Return sections in the order of the page, all of them without names.

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
