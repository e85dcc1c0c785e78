"""Files that are whole or not there: written under another name, flushed, then renamed."""

import hashlib
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from analysis.errors import RunError
from analysis.remote import Location, RemotePath
from analysis.remote.copies import locally
from analysis.remote.renaming import TEMPORARY


@contextmanager
def replacing(path: Location) -> Iterator[Path]:
    """Give a path to write to; what was written there replaces ``path`` once it is on disk.

    A remote file is written here first, then put there whole.

    Raises
    ------
    UserError
        The other machine refused it; ``path`` is as it was.
    RunError
        The disk or the connection refused it; ``path`` is as it was.
    """
    try:
        with _uploaded(path) if isinstance(path, RemotePath) else _renamed(path) as temporary:
            yield temporary
    except OSError as error:
        raise RunError(f"{path} could not be written: {error.strerror or error}") from error


@contextmanager
def _renamed(path: Path) -> Iterator[Path]:
    temporary = path.with_name(f"{TEMPORARY}{os.getpid()}-{threading.get_ident()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("r+b") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _uploaded(path: RemotePath) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="lethe-") as folder:
        temporary = Path(folder) / path.name
        yield temporary
        path.upload(temporary)


def sha256(path: Location) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    with locally(path) as here, here.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
