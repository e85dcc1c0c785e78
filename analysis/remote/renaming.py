"""Writing on a file system with renames so that no half file is ever seen under its name."""

import os
import socket
from collections.abc import Callable
from typing import Any

from analysis.remote.connection import kind

TEMPORARY = ".tmp-"
_TRIES = 3


def replace_by_rename(fs: Any, path: str, write: Callable[[Any, str], object]) -> None:
    """Let ``write(fs, temporary)`` write beside a file, then rename that over it."""
    parent, _, name = path.rpartition("/")
    temporary = f"{parent}/{TEMPORARY}{socket.gethostname()}-{os.getpid()}-{name}"
    _make_folder(fs, parent)
    try:
        write(fs, temporary)
        try:
            fs.mv(temporary, path)
        except Exception:
            # Some servers rename onto no file that is there.
            if kind(fs, path) is None:
                raise
            fs.rm_file(path)
            fs.mv(temporary, path)
    except BaseException:
        fs.invalidate_cache()
        if kind(fs, temporary) is not None:
            fs.rm_file(temporary)
        raise


def create_exclusively(fs: Any, path: str, content: bytes) -> None:
    """Create a file where there is none.

    Raises
    ------
    FileExistsError
        There is one.
    """
    _make_folder(fs, fs._parent(path))
    # Not every file system heeds the "x".
    if kind(fs, path) is not None:
        raise FileExistsError(path)
    with fs.open(path, "xb") as file:
        file.write(content)


def _make_folder(fs: Any, path: str) -> None:
    for _ in range(_TRIES):
        try:
            fs.makedirs(path, exist_ok=True)
        except Exception:
            # Another worker may just have made it, or one above it.
            fs.invalidate_cache()
            if kind(fs, path) == "directory":
                return
        else:
            return
    fs.makedirs(path, exist_ok=True)
