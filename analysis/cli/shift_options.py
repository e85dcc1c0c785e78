"""``--corruptions`` and ``--shift`` as shifts."""

from typing import Any

from analysis.shift import Shift, parse_shifts


def shifts_from(given: dict[str, Any]) -> tuple[Shift, ...]:
    """Read the shifts that options ask for, corruptions first.

    Raises
    ------
    UserError
        A corruption is unknown, or an item has another form.
    """
    natural = parse_shifts(given.get("shift", ()))
    if not given.get("corruptions"):
        return natural
    from analysis.corruptions.asked import parse_corruptions  # SciPy, which few commands need

    return (*parse_corruptions(given["corruptions"]), *natural)
