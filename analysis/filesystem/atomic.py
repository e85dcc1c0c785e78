"""Files that are whole or absent: written under another name, flushed, then renamed.

Folders of this machine and of another are handled alike.
"""

import hashlib
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from analysis.errors import RunError
from analysis.filesystem import Location, RemotePath
from analysis.filesystem.connection import TEMPORARY
from analysis.filesystem.copies import locally


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


def sizes(folder: Location) -> dict[str, int]:
    """Bytes of every file below a folder, by name as seen from it; none where it is not there."""
    if isinstance(folder, RemotePath):
        return folder.files()
    return {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file()
    }


def links_out(folder: Location) -> list[str]:
    """Name the links below a folder of this machine that lead out of it, sorted."""
    if isinstance(folder, RemotePath):
        return []
    inside = folder.resolve()
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_symlink() and not path.resolve().is_relative_to(inside)
    )


def relative(path: Location, folder: Location) -> str:
    """Name a file as seen from a folder that it lies in."""
    match path, folder:
        case RemotePath(), RemotePath():
            return path.relative_to(folder).as_posix()
        case Path(), Path():
            return path.relative_to(folder).as_posix()
    raise ValueError(f"{path} does not lie in {folder}")


def size(path: Location) -> int:
    """Bytes of a file."""
    return path.size() if isinstance(path, RemotePath) else path.stat().st_size


def stamp(path: Location) -> str:
    """Tell one content of a file from another, without reading it; empty where there is none."""
    try:
        if isinstance(path, RemotePath):
            return path.stamp()
        stat = path.stat()
        return f"{stat.st_mtime_ns}-{stat.st_size}"
    except OSError:
        return ""


def child_names(folder: Location) -> list[str]:
    """Names of what lies in a folder, sorted; none where there is no such folder."""
    try:
        return sorted(path.name for path in folder.iterdir())
    except OSError:
        return []


@contextmanager
def readable(path: Location) -> Iterator[Any]:
    """Give what pyarrow reads a file from: its path, or an open remote file."""
    if isinstance(path, RemotePath):
        with path.open() as file:
            yield file
    else:
        yield path


def remove_tree(folder: Location, *, missing_ok: bool = False) -> None:
    """Delete a folder and all below it; with ``missing_ok`` whatever of it is there."""
    if isinstance(folder, RemotePath):
        folder.remove_tree()
    else:
        shutil.rmtree(folder, ignore_errors=missing_ok)
