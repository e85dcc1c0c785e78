"""What a shift is: the test images corrupted, or another set of images of the same classes."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from analysis.errors import UserError

SEVERITIES = (1, 2, 3, 4, 5)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")


@dataclass(frozen=True)
class Shift:
    """One shift: a ``corruption`` at a ``severity``, or the ``dataset`` SPEC of a natural one.

    ``name`` is its folder below ``shifts/``: ``gaussian_noise-3``, or what the user calls it.
    """

    name: str
    corruption: str | None = None
    severity: int | None = None
    dataset: str | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise UserError(
                f"shift '{self.name}': expected a name of letters, digits, '.', '_', '+' or '-', "
                "starting with a letter or digit, at most 100"
            )
        if (self.corruption is None) == (self.dataset is None):
            raise UserError(f"shift '{self.name}': expected a corruption or a dataset")
        if self.corruption is not None and self.severity not in SEVERITIES:
            raise UserError(
                f"corruption '{self.corruption}={self.severity}': a severity is a whole number "
                "from 1 to 5"
            )


def corruption_shift(corruption: str, severity: int) -> Shift:
    """Return the shift of one corruption at one severity, ``gaussian_noise-3``."""
    return Shift(f"{corruption}-{severity}", corruption=corruption, severity=severity)


def parse_shifts(items: Iterable[str]) -> tuple[Shift, ...]:
    """Read ``NAME=SPEC`` items of natural shifts.

    Raises
    ------
    UserError
        An item does not have this form.
    """
    shifts = []
    for item in items:
        name, equals, spec = item.partition("=")
        if not equals or not spec:
            raise UserError(f"--shift '{item}': expected NAME=SPEC, such as lores=folder:DIR")
        shifts.append(Shift(name.strip(), dataset=spec))
    return tuple(dict.fromkeys(shifts))


def check_names(shifts: Iterable[Shift]) -> None:
    """Check that no two different shifts have one name.

    Raises
    ------
    UserError
        Two have.
    """
    known: dict[str, Shift] = {}
    for shift in shifts:
        if known.setdefault(shift.name, shift) != shift:
            raise UserError(f"two different shifts are called '{shift.name}'; rename one")
