"""A private folder in the shared temporary folder."""

import os
import stat
import tempfile
from pathlib import Path

from analysis.errors import RunError


def private_folder(purpose: str) -> Path:
    """Return the folder ``lethe-<purpose>-<user>``; create it if it is missing.

    Raises
    ------
    RunError
        The path belongs to another user, is a link, or others may write to it.
    """
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "")
    folder = Path(tempfile.gettempdir()) / f"lethe-{purpose}-{user}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        status = os.lstat(folder)
    except OSError as error:
        raise RunError(f"{folder} cannot be made: {error.strerror or error}") from error
    if not stat.S_ISDIR(status.st_mode) or (hasattr(os, "getuid") and status.st_uid != user):
        raise RunError(f"{folder} is not this user's own folder; set TMPDIR to another folder")
    if hasattr(os, "getuid") and status.st_mode & 0o022:
        raise RunError(f"others may write to {folder}; remove it, or set TMPDIR to another folder")
    return folder
