"""Options of dataclasses, as arguments of a parser and as keys of a configuration file."""

import argparse
from collections.abc import Container
from pathlib import Path
from typing import Any

from analysis.figures.preset import FigurePreset
from analysis.filesystem.regular import read_toml
from analysis.options import Written, check_types, options_of
from analysis.stats.votes import TIE_RULES


def add_options(
    parser: argparse.ArgumentParser,
    *classes: type,
    required: tuple[str, ...] = (),
    only: Container[str] | None = None,
) -> None:
    """Add the options of some dataclasses to a parser, each under the heading of its group.

    Options left out are absent from the parsed options, so that a file's value or the field's
    default applies. ``only`` names the options to add, by default all.
    """
    groups: dict[str, Any] = {"": parser}
    for one in options_of(*classes):
        if only is not None and one.name not in only:
            continue
        heading = one.about.group
        if heading not in groups:
            title, _, about = heading.partition(": ")
            groups[heading] = parser.add_argument_group(title, about or None)
        groups[heading].add_argument(
            f"--{one.flag}", dest=one.name, help=one.help.replace("%", "%%"),
            default=argparse.SUPPRESS, **_form(one),
            **({"required": True} if one.name in required else {}),
        )  # fmt: skip


def add_ties(parser: argparse.ArgumentParser) -> None:
    """Add the option for the tie rule."""
    parser.add_argument(
        "--ties", choices=TIE_RULES, default="confidence", help="how tied modal labels are broken"
    )


def _form(one: Written) -> dict[str, Any]:
    if one.kind is bool:
        return {"action": "store_true"}
    if one.kind is list:
        many = {"nargs": one.about.nargs} if one.about.nargs else {}
        action = "extend" if many and one.about.items == (str,) else None if many else "append"
        kind = {} if one.about.items == (str,) else {"type": float}
        return {"metavar": one.metavar, **many, **kind} | ({"action": action} if action else {})
    if one.about.choices:
        return {"choices": one.about.choices}
    return {"type": one.kind, "metavar": one.metavar}


def with_config(options: dict[str, Any], *classes: type) -> dict[str, Any]:
    """Merge options with those in the file ``config``, which they override.

    Raises
    ------
    UserError
        The file cannot be read, or has an option that is unknown or of the wrong type.
    """
    if "config" not in options:
        return options
    path = Path(options["config"])
    content = read_toml("--config", path)
    in_file = {key.replace("-", "_"): value for key, value in content.items()}
    check_types(in_file, {one.name: one for one in options_of(*classes)}, f"--config {path}")
    return in_file | options


def fields_of(options: dict[str, Any], owner: type) -> dict[str, Any]:
    """Select the options that are fields of a dataclass."""
    names = {one.name for one in options_of(owner)}
    return {name: value for name, value in options.items() if name in names}


def preset_of(options: argparse.Namespace) -> FigurePreset:
    """Return the size and style of figures from options, with defaults for missing ones.

    Parameters
    ----------
    options : Namespace
        Parsed options of a verb that draws figures.
    """
    fields = fields_of(vars(options), FigurePreset)
    return FigurePreset(**{"width" if k == "figure_width" else k: v for k, v in fields.items()})
