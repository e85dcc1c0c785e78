"""Suggest existing names near a missing path."""

import difflib
from itertools import islice
from pathlib import Path

_MOST = 2_000
_SHOWN = 3
_CLOSE = 0.6


def nearby(path: Path) -> str:
    """Return a hint with similar names, or on a missing folder; else "".

    Parameters
    ----------
    path : Path
        A file or folder that does not exist.
    """
    folder = path.parent
    if not folder.is_dir():
        return f"; the folder {folder} is missing too ({_where(folder)})"
    try:
        names = [one.name for one in islice(folder.iterdir(), _MOST)]
    except OSError:
        return ""
    same = [name for name in names if path.suffix and Path(name).suffix == path.suffix]
    cutoff = 0.0 if same else _CLOSE
    alike = difflib.get_close_matches(path.name, same or names, n=_SHOWN, cutoff=cutoff)
    if alike:
        return "; there is " + ", ".join(f"{folder / name}" for name in alike)
    return f" ({_where(path)})"


def _where(path: Path) -> str:
    return "looked for from the root" if path.is_absolute() else "looked for from this folder"
