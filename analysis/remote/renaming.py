"""Writing on a file system with renames so that no half file is ever seen under its name."""

import os
import socket
from collections.abc import Callable
from typing import Any

TEMPORARY = ".tmp-"


def replace_by_rename(fs: Any, path: str, write: Callable[[Any, str], object]) -> None:
    """Let ``write(fs, temporary)`` write beside a file, then rename that over it."""
    parent, _, name = path.rpartition("/")
    temporary = f"{parent}/{TEMPORARY}{socket.gethostname()}-{os.getpid()}-{name}"
    fs.makedirs(parent, exist_ok=True)
    try:
        write(fs, temporary)
        try:
            fs.mv(temporary, path)
        except Exception:
            # Some servers rename onto no file that is there.
            if not fs.exists(path):
                raise
            fs.rm_file(path)
            fs.mv(temporary, path)
    except BaseException:
        fs.invalidate_cache()
        if fs.exists(temporary):
            fs.rm_file(temporary)
        raise


def create_exclusively(fs: Any, path: str, content: bytes) -> None:
    """Create a file where there is none.

    Raises
    ------
    FileExistsError
        There is one.
    """
    fs.makedirs(fs._parent(path), exist_ok=True)
    # Not every file system heeds the "x".
    if fs.exists(path):
        raise FileExistsError(path)
    with fs.open(path, "xb") as file:
        file.write(content)
