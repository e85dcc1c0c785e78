"""Files that a browser sent: names checked, kept in a private folder for one import, then removed.

Of what a browser says of a file only its name is taken, and that must be a plain one.
"""

import atexit
import re
import shutil
import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Protocol

from analysis.errors import RunError, UserError
from analysis.importing.sources import GZIPPED, SUFFIXES


@cache
def own_folder() -> Path:
    """Return the folder, made on first use."""
    kept = tempfile.TemporaryDirectory(prefix="lethe-server-")
    atexit.register(kept.cleanup)
    return Path(kept.name)


_PLAIN = re.compile(r"\w[\w .,+()@=-]*")
_LONGEST = 200


class Uploaded(Protocol):
    """A file as Streamlit hands it over."""

    name: str

    def getbuffer(self) -> memoryview:
        """Return its bytes."""
        ...


def check_names(names: Iterable[str]) -> None:
    """Check that every file can lie in one folder under its own name, and can be imported.

    Raises
    ------
    UserError
        A name is no plain one, says of no format that is read, or is there twice.
    """
    seen: set[str] = set()
    for name in names:
        if not _PLAIN.fullmatch(name) or len(name.encode()) > _LONGEST:
            raise UserError(
                f"the name of the file '{name:.100}' cannot be used: expected letters, digits, "
                "spaces and . , + - _ = ( ) @, starting with a letter, a digit or _, at most "
                f"{_LONGEST} bytes; rename it"
            )
        if not _is_read(name):
            raise UserError(
                f"{name}: expected a name that ends in {', '.join(SUFFIXES)} (text also in .gz)"
            )
        if name.lower() in seen:
            raise UserError(f"{name}: two files have this name; rename one")
        seen.add(name.lower())


def _is_read(name: str) -> bool:
    return name.lower().endswith((*SUFFIXES, *(f"{one}.gz" for one in GZIPPED)))


def put_aside(files: Iterable[Uploaded]) -> Path:
    """Write files into a new folder of this process, which nobody else may read.

    Raises
    ------
    UserError
        As :func:`check_names`.
    RunError
        There is no room.
    """
    files = list(files)
    check_names([one.name for one in files])
    folder = Path(tempfile.mkdtemp(prefix="uploads-", dir=own_folder()))
    try:
        for one in files:
            with (folder / one.name).open("xb") as written:
                written.write(one.getbuffer())
    except OSError as error:
        remove(folder)
        raise RunError(f"the files cannot be put aside for the import: {error}") from error
    return folder


def remove(folder: Path) -> None:
    """Remove a folder of files, whatever is left of it."""
    shutil.rmtree(folder, ignore_errors=True)
