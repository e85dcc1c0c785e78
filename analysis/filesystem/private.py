"""A folder of one's own in the machine's temporary folder, which others can write to as well."""

import os
import stat
import tempfile
from pathlib import Path

from analysis.errors import RunError


def private_folder(purpose: str) -> Path:
    """Return ``lethe-<purpose>-<user>``, made where it is not there: one for all of a user.

    Raises
    ------
    RunError
        Something of somebody else lies there, or a link, or others may write to it.
    """
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "")
    folder = Path(tempfile.gettempdir()) / f"lethe-{purpose}-{user}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        said = os.lstat(folder)
    except OSError as error:
        raise RunError(f"{folder} cannot be made: {error.strerror or error}") from error
    if not stat.S_ISDIR(said.st_mode) or (hasattr(os, "getuid") and said.st_uid != user):
        raise RunError(f"{folder} is not this user's own folder; set TMPDIR to another folder")
    if hasattr(os, "getuid") and said.st_mode & 0o022:
        raise RunError(f"others may write to {folder}; remove it, or set TMPDIR to another folder")
    return folder
