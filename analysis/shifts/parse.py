"""Parse the shift options: corruptions by name and severity, other images by SPEC."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from analysis.config import Shift, corruption_shift, parse_shifts
from analysis.errors import UserError
from analysis.options import option
from analysis.shifts.corruptions.registry import corruption, corruptions

DEFAULT_SEVERITY = 3
_ALL = "all"


@dataclass(frozen=True)
class ShiftOptions:
    """The options of images to predict besides the test images."""

    corruptions: tuple[str, ...] = option(
        (),
        group="data",
        metavar="NAME[=SEVERITY,…]",
        help="repeatable; also predict on the test images corrupted, severity 1 to 5 (default: 3); "
        "'all' for every corruption (docs/robustness.md)",
    )
    shift: tuple[str, ...] = option(
        (),
        group="data",
        metavar="NAME=SPEC",
        help="repeatable; also predict on other images of the same classes, such as "
        "lores=folder:DIR",
    )


def parse_corruptions(items: Iterable[str]) -> tuple[Shift, ...]:
    """Parse ``NAME[=SEVERITY,…]`` items; ``all`` stands for every corruption.

    A comma also separates names: ``fog,snow=1,5`` is fog at severity 3, snow at 1 and 5.
    Repetitions are dropped.

    Raises
    ------
    UserError
        A corruption is unknown, or a severity is not 1 to 5.
    """
    shifts: list[Shift] = []
    for item in items:
        for name, severities in _grouped(item):
            names = list(corruptions()) if name == _ALL else [corruption(name).name]
            shifts += [
                corruption_shift(one, severity)
                for one in names
                for severity in severities or [DEFAULT_SEVERITY]
            ]
    return tuple(dict.fromkeys(shifts))


def _grouped(item: str) -> list[tuple[str, list[int]]]:
    """Split an item at its commas; a whole number belongs to the name before it."""
    groups: list[tuple[str, list[int]]] = []
    for part in item.split(","):
        name, equals, severity = (text.strip() for text in part.partition("="))
        is_number = not equals and name.lstrip("-").isdigit()
        if is_number and groups and groups[-1][1]:
            groups[-1][1].append(_severity(name, item))
        elif not name or is_number:
            raise UserError(f"--corruptions '{item}': expected NAME or NAME=SEVERITY,SEVERITY")
        else:
            groups.append((name, [_severity(severity, item)] if equals else []))
    return groups


def _severity(text: str, item: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise UserError(
            f"--corruptions '{item}': '{text}' is not a severity; expected 1 to 5"
        ) from None


def shifts_from(options: dict[str, Any]) -> tuple[Shift, ...]:
    """Parse the shifts in options, corruptions first.

    Raises
    ------
    UserError
        A corruption is unknown, or an item has another form.
    """
    natural = parse_shifts(options.get("shift", ()))
    if not options.get("corruptions"):
        return natural

    return (*parse_corruptions(options["corruptions"]), *natural)
