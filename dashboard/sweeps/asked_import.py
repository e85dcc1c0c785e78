"""What the form of an import asks: its fields as words of ``import``, checked as the command's."""

import os
from collections.abc import Sequence
from typing import Any

from analysis.command import option_words
from analysis.config import check_sweep_name
from analysis.importing.asked import COLUMNS, MEMBERS, Asked, parse_map
from dashboard.sweeps import asked, uploads

_USUAL = ("path", "label", "variant_id", "prediction", "seed", "confidence")
# Every name that can be mapped, those first that nearly every table has.
OURS = (*_USUAL, *(one for one in (*COLUMNS, *MEMBERS) if one not in _USUAL))
_SWITCHES = ("paired", "allow_missing", "overwrite")


def words(filled: dict[str, Any], files: Sequence[str], *, are_uploaded: bool) -> list[str]:
    """Words of the command, verb first.

    Uploaded files lie in a folder where the command works, so a relative place of the images is
    made an absolute one.
    """
    given = {
        "name": asked.text(filled["name"]),
        "images": _images(filled["kind"], filled["place"], is_absolute=are_uploaded),
        "map": mapped(filled),
        "classes": filled["classes"],
    } | {name: bool(filled[name]) for name in _SWITCHES}
    # No option, whatever it begins with.
    paths = [f"./{one}" if one.startswith("-") else one for one in files]
    return ["import", *paths, *option_words(given)[1:]]


def checked(filled: dict[str, Any], files: Sequence[str], *, are_uploaded: bool) -> str:
    """Return the name of the sweep.

    Raises
    ------
    UserError
        What the command line would say before it looks at the files; or of an uploaded one, that
        its name cannot be used.
    """
    if are_uploaded:
        uploads.check_names(files)
    columns = parse_map(mapped(filled))
    name = check_sweep_name(asked.text(filled["name"]))
    return Asked(tuple(files), name, columns=columns, n_classes=filled["classes"]).name


def lacking(filled: dict[str, Any], files: Sequence[str]) -> str | None:
    """Say what is not filled in yet; None where all is."""
    if not files:
        return "The files are still missing."
    if not asked.text(filled["name"]):
        return "The name of the sweep is still missing."
    if asked.lacks_place(filled["kind"], filled["place"]):
        return "The place of the images is still missing."
    return None


def mapped(filled: dict[str, Any]) -> list[str]:
    """Write ``OURS=THEIRS`` for every column that is called otherwise in the files."""
    theirs = {ours: asked.text(filled[f"column-{ours}"]) for ours in OURS}
    return [f"{ours}={name}" for ours, name in theirs.items() if name and name != ours]


def _images(kind: str | None, place: str | None, *, is_absolute: bool) -> str | None:
    where = asked.text(place)
    if not kind:
        return None
    if is_absolute and where and kind != "hf" and "://" not in where:
        where = os.path.abspath(where)
    return asked.spec(kind, where)
